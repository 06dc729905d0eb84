using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.Clip;

namespace Kinora.Models.Systems.Siglip;

// SigLIP's image encoder: a vision transformer without class token, pooled by attention from one learned query.
// Papers: Zhai et al., arXiv:2303.15343, section 4; Zhai et al., "Scaling Vision Transformers", arXiv:2106.04560, section 3.2 (the pooling head).
// Parameter names follow huggingface/transformers d6751d91, models/siglip/modeling_siglip.py (SiglipVisionModel).
//
// Shapes    B batch  C channels  H,W height, width in pixels  L patches  D width
// Numerics  as ClipTransformer; positions are interpolated in float32.

/// <summary>The encoder without the name that a checkpoint puts before it.</summary>
public sealed class SiglipVisionTransformer : Module
{
    private const double EmbeddingStd = 0.02;

    /// <summary>Added to the grid's sides before they become scales, so that rounding cannot lose a row; part of the reference's numbers.</summary>
    private const double InterpolationMargin = 0.1;

    private readonly SiglipVisionConfig _config;
    private readonly int _side;
    private readonly Conv2d _patchEmbedding;
    private readonly Tensor _positionEmbedding;
    private readonly ClipTransformer _encoder;
    private readonly LayerNorm _postLayerNorm;
    private readonly PoolingHead? _head;

    public SiglipVisionTransformer(ParameterPath path, SiglipVisionConfig config) : base(path)
    {
        config.Validate();
        _config = config;
        _side = config.ImageSize / config.PatchSize;
        var d = config.HiddenSize;
        var embeddings = path["embeddings"];
        _patchEmbedding = new Conv2d(embeddings["patch_embedding"], config.NumChannels, d, config.PatchSize, config.PatchSize);
        _positionEmbedding = embeddings["position_embedding"].Create("weight", [_side * _side, d], Init.Normal(EmbeddingStd));
        _encoder = new ClipTransformer(path["encoder"], d, config.IntermediateSize, config.NumHiddenLayers, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps);
        _postLayerNorm = new LayerNorm(path["post_layernorm"], d, config.LayerNormEps);
        _head = config.VisionUseHead ? new PoolingHead(path["head"], config) : null;
    }

    /// <param name="pixels">Normalized pixels, [B, C, H, W].</param>
    /// <param name="interpolatePositions">Accepts any multiple of the patch for H and W and stretches the learned positions; otherwise both are <c>image_size</c>.</param>
    public SiglipOutput Forward(Tensor pixels, bool interpolatePositions = false)
    {
        using var scope = TensorScope.Enter();
        var (_, channels, height, width) = pixels.Dims4();
        if (channels != _config.NumChannels || !interpolatePositions && (height != _config.ImageSize || width != _config.ImageSize))
            throw new ShapeException($"{nameof(SiglipVisionTransformer)}: expected pixels [B, {_config.NumChannels}, {_config.ImageSize}, {_config.ImageSize}], got {pixels}. Other sizes need interpolated positions.");
        var patches = _patchEmbedding.Forward(pixels);                                           // [B, D, H/p, W/p]
        long rows = patches.Size(2), columns = patches.Size(3);
        var positions = rows == _side && columns == _side ? _positionEmbedding : Positions(rows, columns);
        var states = _encoder.Forward(patches.Flatten(2).Transpose(1, 2) + positions, causal: false); // [B, L, D]
        var last = _postLayerNorm.Forward(states[^1]);
        var pooled = _head?.Forward(last);                                                       // [B, D]
        scope.Keep([last, .. states]);
        return new SiglipOutput(last, pooled is null ? null : scope.Keep(pooled), states);
    }

    private Tensor Positions(long rows, long columns)                                            // [L, D]
    {
        using var scope = TensorScope.Enter();
        var grid = _positionEmbedding.To(DType.Float32).View(1, _side, _side, -1).Permute(0, 3, 1, 2);
        var stretched = F.InterpolateBicubic(grid, (rows + InterpolationMargin) / _side, (columns + InterpolationMargin) / _side);
        return scope.Keep(stretched.Permute(0, 2, 3, 1).Reshape(rows * columns, -1).To(_positionEmbedding.DType));
    }

    private sealed class PoolingHead : Module
    {
        private readonly int _numHeads;
        private readonly Tensor _probe, _inProjWeight, _inProjBias;
        private readonly Linear _outProj;
        private readonly LayerNorm _layerNorm;
        private readonly ClipMlp _mlp;

        public PoolingHead(ParameterPath path, SiglipVisionConfig config) : base(path)
        {
            var d = config.HiddenSize;
            _numHeads = config.NumAttentionHeads;
            _probe = path.Create("probe", [1, 1, d], Init.Normal(1));
            var attention = path["attention"];
            _inProjWeight = attention.Create("in_proj_weight", [3 * d, d], Init.XavierUniform);
            _inProjBias = attention.Create("in_proj_bias", [3 * d], Init.Zeros);
            _outProj = new Linear(attention["out_proj"], d, d);
            _layerNorm = new LayerNorm(path["layernorm"], d, config.LayerNormEps);
            _mlp = new ClipMlp(path["mlp"], d, config.IntermediateSize, config.HiddenAct);
        }

        public Tensor Forward(Tensor x)                                                          // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            var type = Autocast.Target ?? _inProjWeight.DType;
            var (wq, wk, wv) = _inProjWeight.To(type).Chunk3(0);
            var (bq, bk, bv) = _inProjBias.To(type).Chunk3(0);
            var tokens = x.To(type);
            var q = F.Linear(_probe.To(type).Expand(b, 1, d), wq, bq).View(b, 1, _numHeads, -1).Transpose(1, 2); // [B, H, 1, D/H]
            var k = F.Linear(tokens, wk, bk).View(b, l, _numHeads, -1).Transpose(1, 2);          // [B, H, L, D/H]
            var v = F.Linear(tokens, wv, bv).View(b, l, _numHeads, -1).Transpose(1, 2);
            var h = _outProj.Forward(F.ScaledDotProductAttention(q, k, v).Transpose(1, 2).Reshape(b, d)).To(x.DType);
            return scope.Keep(h + _mlp.Forward(_layerNorm.Forward(h)));                          // [B, D]
        }
    }
}

/// <summary>A SigLIP image encoder.</summary>
public sealed class SiglipVisionModel : Module
{
    private readonly SiglipVisionTransformer _visionModel;

    public SiglipVisionModel(ParameterPath path, SiglipVisionConfig config) : base(path)
    {
        Config = config;
        _visionModel = new SiglipVisionTransformer(path["vision_model"], config);
    }

    public SiglipVisionConfig Config { get; }

    /// <inheritdoc cref="SiglipVisionTransformer.Forward"/>
    public SiglipOutput Forward(Tensor pixels, bool interpolatePositions = false) => _visionModel.Forward(pixels, interpolatePositions);

    /// <summary>Loads the image encoder out of a folder that holds it alone or with the text encoder.</summary>
    public static SiglipVisionModel LoadTower(string folder, Device? device = null)
    {
        string path = System.IO.Path.Combine(folder, "config.json");
        using var json = System.Text.Json.JsonDocument.Parse(File.ReadAllText(path));
        if (!json.RootElement.TryGetProperty("vision_config", out _))
            return Load(folder, device: device);
        SiglipVisionConfig config = ModelConfigJson.ReadFile(path, SiglipJson.Default.SiglipConfig).VisionConfig;
        return Checkpoint.Load(folder, p => new SiglipVisionModel(p, config), device: device, isOmitted: n => ClipModel.IsBuffer(n) || n.StartsWith("text_model.", StringComparison.Ordinal) || n is "logit_scale" or "logit_bias");
    }

    /// <summary>Loads a component folder: <c>config.json</c> and its weights.</summary>
    public static SiglipVisionModel Load(string folder, DType dtype = DType.Float32, Device? device = null)
    {
        var config = ModelConfigJson.ReadFile(System.IO.Path.Combine(folder, "config.json"), SiglipJson.Default.SiglipVisionConfig);
        return Checkpoint.Load(folder, p => new SiglipVisionModel(p, config), dtype, device, isOmitted: ClipModel.IsBuffer);
    }
}
