// The text–clip model as a judge: cosine of clip and prompt. It is checked before every use, like the probe: on real clips of held-out
// combinations the own clip of a canonical caption must be the nearest often enough.

using System.Globalization;
using Kinora.Engine;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Statistics;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.Models.Text;
using Kinora.World;

namespace Kinora.Evaluation.Judging;

/// <summary>Cosines of clips and prompts by a text–clip model of the procedural world. Dispose frees the network.</summary>
public sealed class TextClipJudge : IDisposable
{
    /// <summary>Mean cosine of clip and prompt, by name. It is no CLIPSIM of a published model.</summary>
    public const string Similarity = "world.clipsim";

    /// <summary>Share of clips whose own prompt is the nearest of all prompts of the set.</summary>
    public const string Recall = "world.clip-recall@1";

    /// <summary>Recall at 1 that the model must reach among <see cref="GateClips"/> real clips before it may judge.</summary>
    public const double Required = 0.9;

    /// <summary>Real clips of the check, each of another held-out combination.</summary>
    public const int GateClips = 200;

    private const int BatchSize = 32;
    private readonly TextClipModel _model;
    private readonly ByteLevelBpeTokenizer _tokenizer;
    private readonly Device _device;

    private TextClipJudge(TextClipModel model, ByteLevelBpeTokenizer tokenizer, string sha256, Device device)
    {
        (_model, _tokenizer, _device) = (model, tokenizer, device);
        WeightsSha256 = sha256;
    }

    /// <summary>Hash of configuration, weights and tokenizer.</summary>
    public string WeightsSha256 { get; }

    /// <summary>The model's configuration.</summary>
    public TextClipConfig Config => _model.Config;

    /// <summary>"world CLIPSIM, kinora-world-clip 0123456789ab": what the numbers must be called.</summary>
    public string Name => $"world CLIPSIM, {TextClipFolder.DefaultName} {WeightsSha256[..12]}";

    /// <summary>Loads the model of a folder.</summary>
    public static TextClipJudge Load(string folder, Device device)
    {
        var (model, tokenizer) = TextClipFolder.Load(folder, device);
        return new TextClipJudge(model, tokenizer, TextClipFolder.Sha256(folder), device);
    }

    /// <summary>The model that is installed beside a model folder or in a models folder; null when there is none.</summary>
    public static string? Find(string near) => ProbeFolder.Candidates(near).Select(f => Path.Combine(f, TextClipFolder.DefaultName)).FirstOrDefault(TextClipFolder.Exists);

    /// <summary>Whether the prompt has at most as many tokens as the model reads.</summary>
    public bool CanRead(string prompt) => _tokenizer.TryEncodePadded(prompt, Config.CaptionTokens) is not null;

    /// <summary>Unit vectors of prompts, one row each.</summary>
    /// <exception cref="EvaluationException">A prompt has more tokens than the model reads.</exception>
    public FeatureMatrix Texts(IReadOnlyList<string> prompts)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        using var inference = GradMode.Inference();
        var values = new double[prompts.Count * Config.ProjectionDim];
        for (int start = 0; start < prompts.Count; start += BatchSize)
        {
            using var scope = TensorScope.Enter();
            int n = Math.Min(BatchSize, prompts.Count - start), k = Config.CaptionTokens;
            PaddedTokens[] tokens = [.. prompts.Skip(start).Take(n).Select(p => _tokenizer.TryEncodePadded(p, k) ?? throw new EvaluationException($"'{p}' has more than {k} tokens, which {TextClipFolder.DefaultName} reads"))];
            int longest = tokens.Max(t => t.Count);
            Tensor ids = Tensor.FromArray<long>([.. tokens.SelectMany(t => t.Ids.Take(longest))], n, longest).To(_device);
            Tensor mask = Tensor.FromArray<bool>([.. tokens.SelectMany(t => Enumerable.Range(0, longest).Select(i => i < t.Count))], n, longest).To(_device);
            Store(_model.EncodeTexts(ids, mask), values, start);
        }
        return new FeatureMatrix("prompts", prompts.Count, Config.ProjectionDim, values);
    }

    /// <summary>Unit vectors of clips, one row each.</summary>
    public FeatureMatrix Clips(LabeledClips clips)
    {
        ArgumentNullException.ThrowIfNull(clips);
        using var inference = GradMode.Inference();
        int bytes = clips.Rgb.Length / clips.Count;
        var values = new double[clips.Count * Config.ProjectionDim];
        for (int start = 0; start < clips.Count; start += BatchSize)
        {
            using var scope = TensorScope.Enter();
            int n = Math.Min(BatchSize, clips.Count - start);
            Store(_model.EncodeClips(ClipTensor.FromBytes(clips.Rgb.AsSpan(start * bytes, n * bytes), n, clips.Frames, clips.Size, clips.Size, _device)), values, start);
        }
        return new FeatureMatrix("clips", clips.Count, Config.ProjectionDim, values);
    }

    /// <summary>Retrieval among real clips of held-out combinations: captions to clips and clips to captions.</summary>
    /// <param name="clips">How many, each of another combination.</param>
    /// <param name="seed">Decides how the clips look.</param>
    public (RetrievalScores CaptionToClip, RetrievalScores ClipToCaption) Retrieve(int clips = GateClips, ulong seed = 0)
    {
        IReadOnlyList<PromptCase> cases = HeldOutPrompts.Take(clips);
        const ulong first = 0x5EED_C11F_0000;
        LabeledClips real = LabeledClips.Render([.. cases.Select(c => SceneSampler.Sample(c.Combination, first + (seed << 20) + (ulong)c.Number))], Config.Size, Config.Frames);
        FeatureMatrix texts = Texts([.. cases.Select(c => c.Prompt)]), seen = Clips(real);
        return (RetrievalScores.Of(texts, seen), RetrievalScores.Of(seen, texts));
    }

    /// <summary>How often real clips of two actors are nearer to their caption than to one that is false in one thing.</summary>
    /// <param name="clips">How many.</param>
    /// <param name="seed">Decides the scenes; training never drew them from the same seeds.</param>
    /// <returns>Against the caption of exchanged places (of a chase: the other direction), and against a caption of the first actor alone.</returns>
    public (WilsonInterval Relation, WilsonInterval Count) Choose(int clips, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(clips);
        const ulong first = 0x5EED_2AC7_0000;
        Scene[] scenes = [.. Enumerable.Range(0, clips).Select(i => SceneSampler.Sample(first + (seed << 20) + (ulong)i, options: new WorldOptions(TwoActors: 1)))];
        LabeledClips real = LabeledClips.Render(scenes, Config.Size, Config.Frames);
        FeatureMatrix seen = Clips(real), own = Texts([.. scenes.Select(CaptionGrammar.CanonicalPair)]), exchanged = Texts([.. scenes.Select(s => CaptionGrammar.CanonicalPair(SceneTwins.Mirrored(s)!))]),
            alone = Texts([.. scenes.Select(s => $"{CaptionGrammar.Word(s.Actors[0].Color)} {CaptionGrammar.Word(s.Actors[0].Noun)} {CaptionGrammar.SettingPhrases(s.Setting)[0]}")]);
        double[] right = Cosines(seen, own), wrong = Cosines(seen, exchanged), one = Cosines(seen, alone);
        return (WilsonInterval.Of(right.Zip(wrong).Count(p => p.First > p.Second), clips), WilsonInterval.Of(right.Zip(one).Count(p => p.First > p.Second), clips));
    }

    /// <summary>Passes when the model finds real clips well enough to judge others.</summary>
    /// <exception cref="ProbeGateException">It does not.</exception>
    public void Check()
    {
        RetrievalScores found = Retrieve().CaptionToClip;
        if (found.RecallAt(1).Share < Required)
            throw new ProbeGateException(string.Create(CultureInfo.InvariantCulture, $"the text–clip model finds the right one of {GateClips} real held-out clips for {100 * found.RecallAt(1).Share:F1} % of captions; it needs {100 * Required:F0} % to judge others. Train it again with: kinora train recipes/world-clip.yaml"));
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _model.Path.Store.Dispose();

    private static double[] Cosines(FeatureMatrix a, FeatureMatrix b)
    {
        double[] all = RetrievalScores.Similarities(a, b);
        return [.. Enumerable.Range(0, a.Count).Select(i => all[i * b.Count + i])];
    }

    private static void Store(Tensor rows, double[] values, int start) => rows.To(Device.Cpu).To(DType.Float64).ToArray<double>().CopyTo(values, start * (int)rows.Size(1));
}
