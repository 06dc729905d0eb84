// The one stage of a text–clip recipe: clips rendered afresh, disturbed as codecs and generators disturb them, against their captions.

using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Random;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.Models.Text;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;
using Kinora.World;

namespace Kinora.Training.Stages;

internal sealed class TextClipStage : ITrainingStage
{
    public const string StageName = "clip";
    private const int SampleClips = 200, SampleBatch = 50;
    private readonly TextClipRecipe _recipe;
    private readonly WorldSource _world;
    private readonly BatchShare _share;
    private readonly Device _device;
    private readonly ByteLevelBpeTokenizer _tokenizer;
    private readonly ParameterPath _root;
    private readonly ContrastiveObjective _objective;
    private OrderedStream<Batch>? _batches;

    public TextClipStage(TextClipRecipe recipe, ByteLevelBpeTokenizer tokenizer, BatchShare share, Device device)
    {
        (_recipe, _world, _share, _device, _tokenizer) = (recipe, new WorldSource(recipe.World, recipe.Seed), share, device, tokenizer);
        _root = ParameterPath.Root(new InitializedParameters(recipe.Seed), DType.Float32, device);
        Model = new TextClipModel(_root["model"], recipe.Config(tokenizer.VocabularySize));
        _objective = new ContrastiveObjective(_root["heads"], recipe.Clip.ProjectionDim, _world.Attributes);
        Parameters = [.. _root.Store.All];
    }

    public TextClipModel Model { get; }

    public string Name => StageName;

    public IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    public IReadOnlyList<string> Metrics { get; } = ["loss", "contrast", "accuracy"];

    public double GigaflopsPerSample => 3e-9 * TextClipModel.Flops(Model.Config, _recipe.Text.CaptionTokens);

    /// <summary>Puts weights of the same two columns into the clip encoder.</summary>
    /// <exception cref="CheckpointException">The file lacks one, or has it in another shape.</exception>
    public void ReadColumns(string path)
    {
        const string encoder = "model.clip_encoder.";
        using var file = SafetensorsFile.Open(path);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var (name, value) in Parameters.Where(p => p.Name.StartsWith(encoder, StringComparison.Ordinal)))
        {
            string local = name[encoder.Length..];
            if (!file.Tensors.TryGetValue(local, out var stored) || !stored.Shape.SequenceEqual(value.Shape))
                throw new CheckpointException($"{path}: `{local}` of shape [{string.Join(", ", value.Shape)}] expected, got {stored?.ToString() ?? "nothing"}. `clip.columns_from` must have the recipe's channels and frames.");
            value.CopyInPlace(file.Read(local, DType.Float32));
        }
    }

    public void Start(long firstStep)
    {
        _batches?.Dispose();
        _batches = new OrderedStream<Batch>(firstStep, step => Make(_share.First(step, 0), _share.PartSize));
    }

    public (Tensor Loss, Tensor[] Metrics) Loss(long step, int part)
    {
        var batch = _batches!.Take();
        using var scope = TensorScope.Enter();
        Tensor x;
        using (GradMode.NoGrad())
        using (Autocast.Enter(null))
            x = ClipDisturbance.Apply(Pixels(batch), new Generator(_recipe.Seed, (ulong)Purpose.ClipDisturbance << 48 | (ulong)_share.First(step, part)));
        var loss = _objective.Loss(Model, Model.EncodeClips(x), Model.EncodeTexts(batch.Tokens.Ids(_device), batch.Tokens.Mask(_device)), Labels(batch.ClipLabels), Labels(batch.TextLabels), _recipe.Clip.AttributeWeight);
        return (scope.Keep(loss.Total), scope.Keep(loss.Total.Detach(), Tensor.Scalar(loss.Contrast), Tensor.Scalar(loss.Accuracy)));
    }

    /// <summary>Retrieval among real clips of held-out combinations: a look on the way; the card's numbers are measured apart.</summary>
    public string? Sample(long step, string folder)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        var random = SampleSeeds.For(_recipe.Seed, Purpose.Validation, 0);
        var scenes = HeldOut.All.Take(SampleClips).Select(c => SceneSampler.Sample(c, random.NextUInt64())).ToList();
        var clips = new List<Tensor>();
        var texts = new List<Tensor>();
        for (int start = 0; start < scenes.Count; start += SampleBatch)
        {
            var batch = Make([.. scenes.Skip(start).Take(SampleBatch).Select(s => (s, random.NextUInt64(), (string?)CaptionGrammar.Canonical(new Combination(s.Actors[0].Noun, s.Actors[0].Color, s.Actors[0].Motion, s.Setting))))]);
            clips.Add(Model.EncodeClips(Pixels(batch)));
            texts.Add(Model.EncodeTexts(batch.Tokens.Ids(_device), batch.Tokens.Mask(_device)));
        }
        var similar = Tensor.Cat([.. texts], 0).Matmul(Tensor.Cat([.. clips], 0).Transpose(0, 1));           // [captions, clips]
        var own = (similar * Tensor.Eye(similar.Size(0)).To(_device)).Sum([1], keepDim: true);
        var better = similar.Gt(own).To(DType.Float32).Sum([1]);
        return string.Create(CultureInfo.InvariantCulture, $"clip: step {step}: among {scenes.Count} unseen clips the caption's own is first {better.Lt(1).To(DType.Float32).Mean().Item():P1}, of the first five {better.Lt(5).To(DType.Float32).Mean().Item():P1}; scale {Model.LogScale.Exp().Item():F1}");
    }

    public void Dispose()
    {
        _batches?.Dispose();
        _root.Store.Dispose();
    }

    private Tensor Pixels(Batch batch) => PixelTensor.ToModel(batch.Pixels, batch.Count, _recipe.World.Frames, _recipe.World.Height, _recipe.World.Width, _device);

    private Tensor[] Labels(long[][] labels) => [.. labels.Select(l => Tensor.FromArray<long>(l, [l.Length]).To(_device))];

    // Samples 2i and 2i + 1 are twins or strangers.
    private Batch Make(long firstSample, int count)
    {
        var scenes = new List<(Scene, ulong, string?)>(count);
        for (long sample = firstSample; sample < firstSample + count; sample++)
        {
            var random = SampleSeeds.For(_recipe.Seed, Purpose.ClipScene, sample / 2);
            var scene = SceneSampler.Sample(random.NextUInt64());
            ulong wording = random.NextUInt64(), other = random.NextUInt64();
            bool twins = random.NextBool(_recipe.Clip.Twins);
            if (sample % 2 == 1)
                (scene, wording) = (twins ? SceneTwins.Of(scene, other) : SceneSampler.Sample(other), random.NextUInt64());
            scenes.Add((scene, wording, null));
        }
        return Make(scenes);
    }

    private Batch Make(IReadOnlyList<(Scene Scene, ulong Wording, string? Caption)> scenes)
    {
        int clipBytes = _recipe.World.Frames * _recipe.World.Height * _recipe.World.Width * 3;
        var pixels = new byte[scenes.Count * clipBytes];
        var tokens = new CaptionTokens(scenes.Count, _recipe.Text.CaptionTokens);
        long[][] clipLabels = [.. _world.Attributes.Select(_ => new long[scenes.Count])], textLabels = [.. _world.Attributes.Select(_ => new long[scenes.Count])];
        for (int i = 0; i < scenes.Count; i++)
        {
            var (scene, wording, text) = scenes[i];
            _world.Render(scene, pixels.AsSpan(i * clipBytes, clipBytes));
            if (text is not null && !tokens.TrySet(i, _tokenizer, text))
                throw new ConfigException($"'{text}' does not fit {_recipe.Text.CaptionTokens} tokens. Raise text.caption_tokens in the recipe.");
            string caption = text ?? tokens.Set(i, _tokenizer, WorldSource.Captions(scene, wording));
            var (shown, told) = (WorldSource.Labels(scene), WorldSource.Labels(scene, caption));
            for (int a = 0; a < clipLabels.Length; a++)
                (clipLabels[a][i], textLabels[a][i]) = (shown[a], told[a]);
        }
        return new Batch(scenes.Count, pixels, tokens, clipLabels, textLabels);
    }

    private sealed record Batch(int Count, byte[] Pixels, CaptionTokens Tokens, long[][] ClipLabels, long[][] TextLabels);
}
