using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Clip;

// CLIP's image encoder: a vision transformer with a class token.
// Papers: Radford et al., arXiv:2103.00020, section 2.4; Dosovitskiy et al., "An Image is Worth 16x16 Words", arXiv:2010.11929, section 3.1.
// Parameter names follow huggingface/transformers d6751d91, models/clip/modeling_clip.py (`pre_layrnorm` is the published spelling).
//
// Shapes    B batch  C channels  H,W height, width in pixels  L = 1 + patches  D width  P width of the shared space
// Numerics  as ClipTransformer.

/// <summary>What a CLIP image encoder makes of pictures.</summary>
/// <param name="LastHiddenState">Vectors of the last layer, not normed, class token first, [B, L, D].</param>
/// <param name="Pooled">The normed vector of the class token, [B, D].</param>
/// <param name="HiddenStates">The normed embeddings and the result of every layer, [B, L, D] each.</param>
/// <param name="ImageEmbeds">The pooled vector in the shared space, [B, P]; null for an encoder without projection.</param>
public sealed record ClipVisionOutput(Tensor LastHiddenState, Tensor Pooled, IReadOnlyList<Tensor> HiddenStates, Tensor? ImageEmbeds = null);

/// <summary>The encoder without the name that a checkpoint puts before it.</summary>
public sealed class ClipVisionTransformer : Module
{
    private const double EmbeddingStd = 0.02;
    private readonly ClipVisionConfig _config;
    private readonly Tensor _classEmbedding, _positionEmbedding;
    private readonly Conv2d _patchEmbedding;
    private readonly LayerNorm _preLayerNorm, _postLayerNorm;
    private readonly ClipTransformer _encoder;

    public ClipVisionTransformer(ParameterPath path, ClipVisionConfig config) : base(path)
    {
        config.Validate();
        _config = config;
        int side = config.ImageSize / config.PatchSize, d = config.HiddenSize;
        var embeddings = path["embeddings"];
        _classEmbedding = embeddings.Create("class_embedding", [d], Init.Normal(EmbeddingStd));
        _patchEmbedding = new Conv2d(embeddings["patch_embedding"], config.NumChannels, d, config.PatchSize, config.PatchSize, bias: false);
        _positionEmbedding = embeddings["position_embedding"].Create("weight", [1 + side * side, d], Init.Normal(EmbeddingStd));
        _preLayerNorm = new LayerNorm(path["pre_layrnorm"], d, config.LayerNormEps);
        _encoder = new ClipTransformer(path["encoder"], d, config.IntermediateSize, config.NumHiddenLayers, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps);
        _postLayerNorm = new LayerNorm(path["post_layernorm"], d, config.LayerNormEps);
    }

    /// <param name="pixels">Normalized pixels, [B, C, image_size, image_size].</param>
    public ClipVisionOutput Forward(Tensor pixels)
    {
        using var scope = TensorScope.Enter();
        if (pixels.Dim != 4 || pixels.Size(1) != _config.NumChannels || pixels.Size(2) != _config.ImageSize || pixels.Size(3) != _config.ImageSize)
            throw new ShapeException($"{nameof(ClipVisionTransformer)}: expected pixels [B, {_config.NumChannels}, {_config.ImageSize}, {_config.ImageSize}], got {pixels}.");
        var b = pixels.Size(0);
        var patches = _patchEmbedding.Forward(pixels).Flatten(2).Transpose(1, 2);                // [B, L − 1, D]
        var classToken = _classEmbedding.To(patches.DType).Expand(b, 1, patches.Size(2));
        var x = Tensor.Cat([classToken, patches], 1) + _positionEmbedding;
        var states = _encoder.Forward(_preLayerNorm.Forward(x), causal: false);                  // [B, L, D]
        var pooled = _postLayerNorm.Forward(states[^1].Select(1, 0));                            // [B, D]
        scope.Keep([pooled, .. states]);
        return new ClipVisionOutput(states[^1], pooled, states);
    }
}

/// <summary>A CLIP image encoder without projection: what Wan's image-to-video reads.</summary>
public sealed class ClipVisionModel : Module
{
    private readonly ClipVisionTransformer _visionModel;

    public ClipVisionModel(ParameterPath path, ClipVisionConfig config) : base(path)
    {
        Config = config;
        _visionModel = new ClipVisionTransformer(path["vision_model"], config);
    }

    public ClipVisionConfig Config { get; }

    /// <param name="pixels">Normalized pixels, [B, C, image_size, image_size]; <see cref="ClipImageProcessor"/> makes them.</param>
    public ClipVisionOutput Forward(Tensor pixels) => _visionModel.Forward(pixels);

    /// <summary>Loads a component of a model.</summary>
    public static ClipVisionModel Load(NetworkLoader networks, string component)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = ModelConfigJson.Read(networks.Folder.Config(component), ClipJson.Default.ClipVisionConfig);
        return networks.Load(component, p => new ClipVisionModel(p, config), IsOmitted);
    }

    /// <summary>Whether a tensor of a checkpoint is none of this network's: a list of positions, or the projection of the encoder that has one.</summary>
    public static bool IsOmitted(string name) => name == "visual_projection.weight" || ClipModel.IsBuffer(name);
}

/// <summary>A CLIP image encoder with the projection into the space shared with text: what Stable Video Diffusion reads.</summary>
public sealed class ClipVisionModelWithProjection : Module
{
    private readonly ClipVisionTransformer _visionModel;
    private readonly Linear _visualProjection;

    public ClipVisionModelWithProjection(ParameterPath path, ClipVisionConfig config) : base(path)
    {
        Config = config;
        _visionModel = new ClipVisionTransformer(path["vision_model"], config);
        _visualProjection = new Linear(path["visual_projection"], config.HiddenSize, config.ProjectionDim, bias: false);
    }

    public ClipVisionConfig Config { get; }

    /// <inheritdoc cref="ClipVisionModel.Forward"/>
    public ClipVisionOutput Forward(Tensor pixels)
    {
        var output = _visionModel.Forward(pixels);
        return output with { ImageEmbeds = _visualProjection.Forward(output.Pooled) };           // [B, P]
    }

    /// <summary>Loads a component of a model.</summary>
    public static ClipVisionModelWithProjection Load(NetworkLoader networks, string component)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = ModelConfigJson.Read(networks.Folder.Config(component), ClipJson.Default.ClipVisionConfig);
        return networks.Load(component, p => new ClipVisionModelWithProjection(p, config), ClipModel.IsBuffer);
    }
}
