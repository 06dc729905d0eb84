// LAION's aesthetic heads on CLIP ViT-L/14 with the user's weights.
// Sources: christophschuhmann/improved-aesthetic-predictor (MLP, keys layers.{0,2,4,6,7}: 768 → 1024 → 128 → 64 → 16 → 1 without activations, dropout
// between) and LAION-AI/aesthetic-predictor (sa_0_4_vit_l_14_linear: weight [1, 768], bias [1]). Both read the unit image embedding.

using Kinora.Curation.Scores;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Footage;

/// <summary>
/// The optional scorer <see cref="ScorerSlot.Laion"/>: it reads the features of a CLIP scorer that runs before it. The layers have no
/// activations between them, so the head is one affine map, which is multiplied out when it is loaded.
/// </summary>
public sealed class AestheticScorer : IClipScorer
{
    private static readonly string[] Layers = ["layers.0", "layers.2", "layers.4", "layers.6", "layers.7"];
    private readonly MatchScorer _clip;
    private readonly double[] _weight;
    private readonly double _bias;

    private AestheticScorer(MatchScorer clip, double[] weight, double bias, string identity) => (_clip, _weight, _bias, Identity) = (clip, weight, bias, identity);

    /// <inheritdoc/>
    public string Name => ScorerSlot.Laion;

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public bool NeedsEarlier => false;

    /// <summary>Width of the features that the head reads; 768 for the published ones.</summary>
    public int Width => _weight.Length;

    /// <summary>Loads a head.</summary>
    /// <param name="path">The MLP or the linear head, .pth or .safetensors.</param>
    /// <param name="clip">CLIP ViT-L/14, which must be a scorer of the same run and come before this one.</param>
    /// <exception cref="CheckpointException">The file holds neither head.</exception>
    public static AestheticScorer Load(string path, MatchScorer clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        using Checkpoint file = Checkpoint.Open(path);
        string[] layers = file.Find("weight") is not null ? [""] : Layers;
        Tensor? weight = null, bias = null;
        foreach (string layer in layers)
        {
            string dot = layer.Length > 0 ? "." : "";
            Tensor w = Read(file, path, $"{layer}{dot}weight"), b = Read(file, path, $"{layer}{dot}bias");                 // [out, in], [out]
            if (w.Dim != 2 || b.Dim != 1 || w.Size(0) != b.Size(0) || (weight is not null && w.Size(1) != weight.Size(0)))
                throw new CheckpointException($"{path}: `{layer}{dot}weight` of shape [{string.Join(", ", w.Shape)}] does not follow the layer before; expected LAION's head of layers 0, 2, 4, 6, 7, or one linear layer.");
            bias = bias is null ? b : w.Matmul(bias.Unsqueeze(1)).Squeeze(1) + b;
            weight = weight is null ? w : w.Matmul(weight);
        }
        if (weight!.Size(0) != 1)
            throw new CheckpointException($"{path}: the head ends in {weight.Size(0)} numbers; an aesthetic head ends in one.");
        return new AestheticScorer(clip, weight.To(DType.Float64).Contiguous().ToArray<double>(), bias!.Item(), Checkpoint.HashFile(path));
    }

    /// <summary>The score of a unit image embedding, about 0..10.</summary>
    public double Of(ReadOnlySpan<float> unit)
    {
        if (unit.Length != _weight.Length) { throw new CheckpointException($"the aesthetic head reads {_weight.Length} numbers, this CLIP gives {unit.Length}. The published heads belong to CLIP ViT-L/14."); }
        double sum = _bias;
        for (int i = 0; i < _weight.Length; i++) { sum += _weight[i] * unit[i]; }
        return sum;
    }

    /// <inheritdoc/>
    public IClipScorerPass Begin() => new Pass(this, _clip.Current ?? throw new InvalidOperationException("the CLIP scorer must come before the aesthetic one."));

    /// <summary>Nothing is held.</summary>
    public void Dispose()
    {
    }

    private static Tensor Read(Checkpoint file, string path, string name) => file.Find(name) is null
        ? throw new CheckpointException($"{path}: there is no `{name}`; expected LAION's aesthetic head with layers.0 to layers.7, or one linear layer with weight and bias.")
        : file.Read(name, DType.Float64);

    private sealed class Pass(AestheticScorer scorer, MatchScorer.MatchPass clip) : IClipScorerPass
    {
        public void Add(SampledPicture picture, SampledPicture? earlier)
        {
        }

        public void Finish()
        {
        }

        public IReadOnlyList<Score> Score(ClipMeasures measured)
        {
            double[] values = [.. clip.Inside(measured).Select(unit => scorer.Of(unit))];
            return values.Length == 0
                ? [Kinora.Curation.Scores.Score.Missing(ScoreNames.Aesthetic, "no picture of the clip was sampled"), Kinora.Curation.Scores.Score.Missing(ScoreNames.AestheticLeast, "no picture of the clip was sampled")]
                : [new Score(ScoreNames.Aesthetic, Math.Round(values.Average(), 6), 1), new Score(ScoreNames.AestheticLeast, Math.Round(values.Min(), 6), 1)];
        }

        public void Dispose()
        {
        }
    }
}
