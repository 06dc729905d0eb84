// Stage 2: the text encoder learns to say what a caption tells: of the world, its scene; of a dataset, which of the telling words it has.
// Attribute heads read its embeddings linearly and are thrown away afterwards; what stays is an encoder in whose embeddings nouns,
// colors, motions and relations are easy to find.

using System.Globalization;
using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training.Stages;

internal sealed class TextStage : ITrainingStage
{
    public const string StageName = "text";
    private const int SampleCaptions = 512;
    private readonly Recipe _recipe;
    private readonly IClipSource _source;
    private readonly BatchShare _share;
    private readonly Device _device;
    private readonly ByteLevelBpeTokenizer _tokenizer;
    private readonly ParameterPath _root;
    private readonly AttributeHeads _heads;
    private readonly TextEncoderObjective _objective = new();
    private OrderedStream<Batch>? _batches;

    public TextStage(Recipe recipe, IClipSource source, ByteLevelBpeTokenizer tokenizer, BatchShare share, Device device)
    {
        (_recipe, _source, _share, _device, _tokenizer) = (recipe, source, share, device, tokenizer);
        _root = ParameterPath.Root(new InitializedParameters(recipe.Seed), DType.Float32, device);
        Encoder = new TextEncoder(_root["encoder"], EncoderConfig(recipe, tokenizer));
        _heads = new AttributeHeads(_root["heads"], Encoder.Config.HiddenSize, source.Attributes);
        Parameters = [.. _root.Store.All];
    }

    public TextEncoder Encoder { get; }

    public string Name => StageName;

    public IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    public IReadOnlyList<string> Metrics { get; } = ["loss", "accuracy"];

    public double GigaflopsPerSample => 3e-9 * TextEncoder.Flops(Encoder.Config, _recipe.Text.CaptionTokens);

    public static TextEncoderConfig EncoderConfig(Recipe recipe, ByteLevelBpeTokenizer tokenizer) => TextEncoderConfig.Small(tokenizer.VocabularySize) with
    {
        MaxPositionEmbeddings = recipe.Text.Network.MaxPositionEmbeddings,
        HiddenSize = recipe.Text.Network.HiddenSize,
        IntermediateSize = recipe.Text.Network.IntermediateSize,
        NumHiddenLayers = recipe.Text.Network.NumHiddenLayers,
        NumAttentionHeads = recipe.Text.Network.NumAttentionHeads,
    };

    public void Start(long firstStep)
    {
        int parts = _share.Parts;
        _batches?.Dispose();
        _batches = new OrderedStream<Batch>(firstStep * parts, number => Make(_share.First(number / parts, (int)(number % parts)), _share.PartSize, Purpose.TextScene));
    }

    public (Tensor Loss, Tensor[] Metrics) Loss(long step, int part)
    {
        var batch = _batches!.Take();
        using var scope = TensorScope.Enter();
        var loss = Compute(batch);
        return (scope.Keep(loss.Total), scope.Keep(loss.Total.Detach(), Tensor.Scalar(loss.Accuracies.Where(double.IsFinite).DefaultIfEmpty(0).Average())));
    }

    public string? Sample(long step, string folder)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        var loss = Compute(Make(0, SampleCaptions, Purpose.Validation));
        string accuracies = string.Join(", ", _source.Attributes.Zip(loss.Accuracies, (a, r) => string.Create(CultureInfo.InvariantCulture, $"{a.Name} {r:P1}")));
        return string.Create(CultureInfo.InvariantCulture, $"text: step {step}: on unseen clips {accuracies}");
    }

    public void Dispose()
    {
        _batches?.Dispose();
        _root.Store.Dispose();
    }

    private TextEncoderLoss Compute(Batch batch) => _objective.Loss(Encoder, _heads, batch.Tokens.Ids(_device), batch.Tokens.Mask(_device), [.. batch.Labels.Select(l => Tensor.FromArray<long>(l, [l.Length]).To(_device))]);

    private Batch Make(long firstSample, int count, Purpose purpose)
    {
        var tokens = new CaptionTokens(count, _recipe.Text.CaptionTokens);
        long[][] labels = [.. _source.Attributes.Select(_ => new long[count])];
        for (int i = 0; i < count; i++)
        {
            string caption = tokens.Set(i, _tokenizer, _source.Captions(purpose, firstSample + i, SampleSeeds.Wording(_recipe.Seed, purpose, firstSample + i)));
            var answers = _source.Labels(purpose, firstSample + i, caption);
            for (int a = 0; a < labels.Length; a++)
                labels[a][i] = answers[a];
        }
        return new Batch(tokens, labels);
    }

    private sealed record Batch(CaptionTokens Tokens, long[][] Labels);
}
