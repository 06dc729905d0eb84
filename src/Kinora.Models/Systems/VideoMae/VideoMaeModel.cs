// VideoMAE's encoder: a vision transformer over patches of two frames, as a source of features of clips.
// Papers: Tong et al., "VideoMAE", arXiv:2203.12602, section 3; features for distances: Ge et al., "On the content bias in Fréchet video distance",
//   arXiv:2404.12391, section 4 (who take VideoMAE v2 of another size; the numbers are not comparable).
// Parameter names follow huggingface/transformers v4.45, models/videomae/modeling_videomae.py (VideoMAEForVideoClassification, VideoMAEForPreTraining).
//
// Shapes    B clips  F frames  L patches  D width  H heads
// Numerics  residual stream and norms in float32; linears and attention in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.VideoMae;

/// <summary>The encoder.</summary>
public sealed class VideoMaeModel : Module
{
    private const double AngleBase = 10000;

    private readonly Conv3d _projection;
    private readonly Layer[] _layers;
    private readonly LayerNorm _norm;
    private readonly float[] _positions;

    /// <param name="path">Root of the parameter names.</param>
    /// <param name="config">The sizes.</param>
    /// <param name="classifier">The weights are a classifier's: the mean of all tokens is normed by <c>fc_norm</c>.</param>
    public VideoMaeModel(ParameterPath path, VideoMaeConfig config, bool classifier) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        ParameterPath encoder = path["videomae"];
        _projection = new Conv3d(encoder["embeddings"]["patch_embeddings"]["projection"], config.NumChannels, config.HiddenSize, (config.TubeletSize, config.PatchSize, config.PatchSize), (config.TubeletSize, config.PatchSize, config.PatchSize));
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Layer(encoder["encoder"]["layer"][i], config))];
        PoolsFirst = classifier && config.UseMeanPooling;
        _norm = new LayerNorm(PoolsFirst ? path["fc_norm"] : encoder["layernorm"], config.HiddenSize, config.LayerNormEps);
        _positions = Positions(config.NumPatches, config.HiddenSize);
    }

    public VideoMaeConfig Config { get; }

    /// <summary>Whether tokens are averaged before the norm, not after.</summary>
    public bool PoolsFirst { get; }

    /// <summary>Features [B, D] of clips [B, F, 3, image_size, image_size], normalized.</summary>
    public Tensor Forward(Tensor clips)
    {
        ArgumentNullException.ThrowIfNull(clips);
        using var scope = TensorScope.Enter();
        var (_, f, c, h, w) = clips.Dims5();
        if (f != Config.NumFrames || c != Config.NumChannels || h != Config.ImageSize || w != Config.ImageSize)
            throw new ShapeException($"VideoMAE: expected clips [B, {Config.NumFrames}, {Config.NumChannels}, {Config.ImageSize}, {Config.ImageSize}], got [{string.Join(", ", clips.Shape)}].");
        Tensor x = _projection.Forward(clips.Permute(0, 2, 1, 3, 4)).To(DType.Float32).Flatten(2).Transpose(1, 2); // [B, L, D]
        x += Tensor.FromArray(_positions, 1, Config.NumPatches, Config.HiddenSize).To(x.Device);
        foreach (Layer layer in _layers)
            x = layer.Forward(x);
        return scope.Keep(PoolsFirst ? _norm.Forward(x.Mean([1])) : _norm.Forward(x).Mean([1]));
    }

    /// <summary>Loads a folder in the layout of transformers: <c>config.json</c> and the weights of a classifier or of pretraining.</summary>
    public static VideoMaeModel Load(string folder, Device? device = null)
    {
        var config = ModelConfigJson.ReadFile(System.IO.Path.Combine(folder, "config.json"), VideoMaeJson.Default.VideoMaeConfig);
        bool classifier;
        using (Checkpoint weights = Checkpoint.Open(folder))
            classifier = weights.Find("fc_norm.weight") is not null || weights.Find("classifier.weight") is not null;
        return Checkpoint.Load(folder, p => new VideoMaeModel(p, config, classifier), device: device, isOmitted: IsOmitted);
    }

    // The head of classes and the decoder of pretraining make no features.
    private static bool IsOmitted(string name) =>
        name is "mask_token" or "position_embeddings" or "videomae.embeddings.position_embeddings" || name.StartsWith("classifier.", StringComparison.Ordinal) || name.StartsWith("decoder.", StringComparison.Ordinal) || name.StartsWith("encoder_to_decoder.", StringComparison.Ordinal);

    // sin and cos in turn, of position / 10000^(2⌊j/2⌋/D): the table of Vaswani et al., arXiv:1706.03762, section 3.5, in float64.
    private static float[] Positions(int count, int dim)                                               // [L, D]
    {
        var table = new float[count * dim];
        for (int p = 0; p < count; p++)
        {
            for (int j = 0; j < dim; j++)
            {
                double angle = p / Math.Pow(AngleBase, 2 * (j / 2) / (double)dim);
                table[p * dim + j] = (float)(j % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle));
            }
        }
        return table;
    }

    private sealed class Layer : Module
    {
        private readonly int _numHeads;
        private readonly LayerNorm _before, _after;
        private readonly Tensor _query, _key, _value;
        private readonly Tensor? _qBias, _vBias;
        private readonly Linear _dense, _intermediate, _output;
        private readonly Func<Tensor, Tensor> _activation;

        public Layer(ParameterPath path, VideoMaeConfig config) : base(path)
        {
            int d = config.HiddenSize;
            _numHeads = config.NumAttentionHeads;
            ParameterPath attention = path["attention"]["attention"];
            Tensor Weight(string name) => attention[name].Create("weight", [d, d], Init.Normal(config.InitializerRange));
            (_query, _key, _value) = (Weight("query"), Weight("key"), Weight("value"));
            if (config.QkvBias)
                (_qBias, _vBias) = (attention.Create("q_bias", [d], Init.Zeros), attention.Create("v_bias", [d], Init.Zeros));
            _dense = new Linear(path["attention"]["output"]["dense"], d, d);
            _intermediate = new Linear(path["intermediate"]["dense"], d, config.IntermediateSize);
            _output = new Linear(path["output"]["dense"], config.IntermediateSize, d);
            _before = new LayerNorm(path["layernorm_before"], d, config.LayerNormEps);
            _after = new LayerNorm(path["layernorm_after"], d, config.LayerNormEps);
            _activation = Activation.Find(config.HiddenAct)!;
        }

        public Tensor Forward(Tensor x)                                                                // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            DType type = Autocast.Target ?? _query.DType;
            Tensor h = _before.Forward(x).To(type);
            Tensor Heads(Tensor weight, Tensor? bias) => F.Linear(h, weight.To(type), bias?.To(type)).View(b, l, _numHeads, -1).Transpose(1, 2);
            Tensor attended = F.ScaledDotProductAttention(Heads(_query, _qBias), Heads(_key, null), Heads(_value, _vBias)).Transpose(1, 2).Reshape(b, l, d);
            x += _dense.Forward(attended).To(x.DType);
            return scope.Keep(x + _output.Forward(_activation(_intermediate.Forward(_after.Forward(x)))).To(x.DType));
        }
    }
}
