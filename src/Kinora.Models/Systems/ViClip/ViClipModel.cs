// ViCLIP: CLIP whose image encoder attends over all patches of several frames at once; similarity of clips and texts.
// Papers: Wang et al., "InternVid", arXiv:2307.06942, section 4; Radford et al., arXiv:2103.00020.
// Source: OpenGVLab/InternVideo 3eadcd58, Data/InternVid/viclip/{viclip,viclip_vision,viclip_text}.py. Parameter names are those of CLIP
// (huggingface/transformers) with two more; ViClipKeys says which published tensor is which.
//
// Shapes    B clips  T frames  S side of the grid of patches  D width  K tokens  P width of the shared space
// Numerics  as ClipTransformer.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Systems.Clip;

namespace Kinora.Models.Systems.ViClip;

/// <summary>The sizes of both encoders; the published ones are ViT-L/14 with 8 frames of 224×224 and CLIP's text encoder cut to 32 tokens.</summary>
/// <param name="Vision">The image encoder.</param>
/// <param name="NumFrames">T.</param>
/// <param name="Text">The text encoder.</param>
public sealed record ViClipConfig(ClipVisionConfig Vision, int NumFrames, ClipTextConfig Text);

/// <summary>The video encoder with its projection.</summary>
public sealed class ViClipVisionModel : Module
{
    private const double EmbeddingStd = 0.02;
    private readonly ClipVisionConfig _config;
    private readonly int _frames;
    private readonly Tensor _patchEmbedding, _classEmbedding, _positions, _times;
    private readonly LayerNorm _preLayerNorm, _postLayerNorm;
    private readonly ClipTransformer _encoder;
    private readonly Linear _projection;

    public ViClipVisionModel(ParameterPath path, ClipVisionConfig config, int frames) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(frames, 1);
        (_config, _frames) = (config, frames);
        int side = config.ImageSize / config.PatchSize, d = config.HiddenSize;
        ParameterPath model = path["vision_model"], embeddings = model["embeddings"];
        _classEmbedding = embeddings.Create("class_embedding", [d], Init.Normal(EmbeddingStd));
        _patchEmbedding = embeddings["patch_embedding"].Create("weight", [d, config.NumChannels, 1, config.PatchSize, config.PatchSize], Init.Normal(EmbeddingStd));
        _positions = embeddings["position_embedding"].Create("weight", [1 + side * side, d], Init.Normal(EmbeddingStd));
        _times = embeddings["temporal_embedding"].Create("weight", [1, frames, d], Init.Zeros);
        _preLayerNorm = new LayerNorm(model["pre_layrnorm"], d, config.LayerNormEps);
        _encoder = new ClipTransformer(model["encoder"], d, config.IntermediateSize, config.NumHiddenLayers, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps);
        _postLayerNorm = new LayerNorm(model["post_layernorm"], d, config.LayerNormEps);
        _projection = new Linear(path["visual_projection"], d, config.ProjectionDim, bias: false);
    }

    /// <param name="pixels">Normalized pixels, [B, T, C, image_size, image_size].</param>
    /// <returns>[B, P], not of unit length.</returns>
    /// <exception cref="ShapeException">Another number or size of frames.</exception>
    public Tensor Forward(Tensor pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        using var scope = TensorScope.Enter();
        if (pixels.Dim != 5 || pixels.Size(1) != _frames || pixels.Size(2) != _config.NumChannels || pixels.Size(3) != _config.ImageSize || pixels.Size(4) != _config.ImageSize)
            throw new ShapeException($"{nameof(ViClipVisionModel)}: expected pixels [B, {_frames}, {_config.NumChannels}, {_config.ImageSize}, {_config.ImageSize}], got {pixels}.");
        var (b, t, c, h, w) = pixels.Dims5();
        int d = _config.HiddenSize;
        Tensor patches = F.Conv2d(pixels.Reshape(b * t, c, h, w), _patchEmbedding.Squeeze(2), null, _config.PatchSize).Flatten(2).Transpose(1, 2); // [B·T, S², D]
        long places = patches.Size(1);
        Tensor x = (patches + _positions.Narrow(0, 1, places)).Reshape(b, t, places, d) + _times.Unsqueeze(2);
        Tensor classToken = (_classEmbedding + _positions.Select(0, 0)).Expand(b, 1, d);
        x = _preLayerNorm.Forward(Tensor.Cat([classToken, x.Reshape(b, t * places, d)], 1));     // [B, 1 + T·S², D]
        return scope.Keep(_projection.Forward(_postLayerNorm.Forward(_encoder.Forward(x, causal: false)[^1].Select(1, 0))));
    }
}

/// <summary>Both encoders. Dispose frees their weights.</summary>
public sealed class ViClipModel : IDisposable
{
    private const string VisionTower = "vision_encoder.", TextTower = "text_encoder.";
    private const int HeadSize = 64;

    private readonly ViClipVisionModel _vision;
    private readonly ClipTextModelWithProjection _text;
    private readonly List<ParameterStore> _stores;

    private ViClipModel(ViClipVisionModel vision, ClipTextModelWithProjection text, ViClipConfig config, List<ParameterStore> stores) => (_vision, _text, Config, _stores) = (vision, text, config, stores);

    /// <summary>Sizes.</summary>
    public ViClipConfig Config { get; }

    /// <summary>Clips [B, T, 3, H, W], normalized as for CLIP → [B, P].</summary>
    public Tensor EncodeVideo(Tensor pixels) => _vision.Forward(pixels);

    /// <summary>Token ids, int64 [B, K], → [B, P].</summary>
    public Tensor EncodeText(Tensor ids) => _text.Forward(ids).TextEmbeds!;

    /// <summary>Loads the published file, ViClip-InternVid-10M-FLT.pth.</summary>
    /// <exception cref="CheckpointException">The file holds other weights, or not exactly these.</exception>
    public static ViClipModel Load(string path, Device? device = null)
    {
        using Checkpoint file = Checkpoint.Open(path);
        return Load(file, SizesOf(file), device);
    }

    /// <summary>Loads weights of known sizes.</summary>
    public static ViClipModel Load(Checkpoint file, ViClipConfig config, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(config);
        var stores = new List<ParameterStore>();
        try
        {
            return new ViClipModel(Part(file, VisionTower, ViClipKeys.Vision, p => new ViClipVisionModel(p, config.Vision, config.NumFrames), device, stores), Part(file, TextTower, OpenClipKeys.Text(null), p => new ClipTextModelWithProjection(p, config.Text), device, stores), config, stores);
        }
        catch
        {
            stores.ForEach(s => s.Dispose());
            throw;
        }
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _stores.ForEach(s => s.Dispose());

    private static TModule Part<TModule>(Checkpoint file, string tower, KeyMap map, Func<ParameterPath, TModule> build, Device? device, List<ParameterStore> stores)
    {
        using var renamed = new MappedWeights(file, map, tower);
        var source = new CheckpointParameters(renamed);
        ParameterPath root = ParameterPath.Root(source, DType.Float32, device);
        stores.Add(root.Store);
        TModule module = build(root);
        source.Report.ThrowUnlessEmpty();
        return module;
    }

    // Heads are 64 wide, as in CLIP.
    private static ViClipConfig SizesOf(Checkpoint file)
    {
        if (file.Find(VisionTower + "conv1.weight") is not { Shape: [var width, 3, 1, var patch, _] } || file.Find(VisionTower + "positional_embedding") is not { Shape: [var places, _] }
            || file.Find(VisionTower + "temporal_positional_embedding") is not { Shape: [1, var frames, _] } || file.Find(VisionTower + "proj") is not { Shape: [_, var shared] }
            || file.Find(TextTower + "positional_embedding") is not { Shape: [var length, var textWidth] } || file.Find(TextTower + "token_embedding.weight") is not { Shape: [var words, _] })
            throw new CheckpointException($"{file.Path}: no `{VisionTower}conv1.weight` [D, 3, 1, p, p], `{VisionTower}temporal_positional_embedding` [1, T, D] and `{TextTower}token_embedding.weight`; expected the weights of ViCLIP, like ViClip-InternVid-10M-FLT.pth.");
        int Layers(string tower)
        {
            string blocks = tower + "transformer.resblocks.";
            return 1 + file.Names.Where(n => n.StartsWith(blocks, StringComparison.Ordinal)).Select(n => int.TryParse(n[blocks.Length..].Split('.')[0], out int i) ? i : -1).DefaultIfEmpty(-1).Max();
        }
        var vision = new ClipVisionConfig { HiddenSize = (int)width, IntermediateSize = 4 * (int)width, NumAttentionHeads = (int)width / HeadSize, NumHiddenLayers = Layers(VisionTower), PatchSize = (int)patch, ImageSize = (int)(patch * (long)Math.Sqrt(places - 1)), ProjectionDim = (int)shared };
        var text = new ClipTextConfig { VocabSize = (int)words, HiddenSize = (int)textWidth, IntermediateSize = 4 * (int)textWidth, NumAttentionHeads = (int)textWidth / HeadSize, NumHiddenLayers = Layers(TextTower), MaxPositionEmbeddings = (int)length, ProjectionDim = (int)shared, EosTokenId = ClipTextConfig.LegacyEosTokenId };
        return new ViClipConfig(vision, (int)frames, text);
    }
}

/// <summary>Which published tensor is which parameter of the video encoder; the text encoder is CLIP's.</summary>
internal static class ViClipKeys
{
    /// <summary>CLIP's picture tower with an embedding of time.</summary>
    public static KeyMap Vision { get; } = new([.. OpenClipKeys.Vision.Rules, new KeyRule("temporal_positional_embedding", "vision_model.embeddings.temporal_embedding.weight")]);
}
