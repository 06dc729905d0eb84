// Captions and clips of the procedural world as points of one sphere: a caption lies near the clips that it describes.
// Paper: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", arXiv:2103.00020, sections 2.3 and 2.4
// (two encoders, linear projections, unit length, learned temperature). The encoders and the parameter names are our own.
//
// Shapes    B clips or captions  F frames  H,W height, width  S single frames  A, M channels of both columns  K tokens  E text width  D embedding
// Numerics  Norms, pooling and embeddings are float32; convolutions, linears and attention run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models.Systems.KinoraWorldClip;

/// <summary>The text–clip model.</summary>
public sealed class TextClipModel : Module
{
    // ln(1/0.07): arXiv:2103.00020, section 2.5.
    private const double InitialLogScale = 2.6592600369327783;

    // The whole, its halves: where something stands decides which of two captions about two things is true.
    private const int Regions = 5;
    private readonly ClipColumns _columns;
    private readonly TextEncoder _text;
    private readonly Linear _clipHidden, _clipProjection, _textProjection;

    /// <summary>Declares the network under <paramref name="path"/>.</summary>
    public TextClipModel(ParameterPath path, TextClipConfig config) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        _columns = new ClipColumns(path["clip_encoder"], config.Frames, config.AppearanceChannels, config.MotionChannels);
        _clipHidden = new Linear(path["clip_head"]["fc1"], (Regions + 1) * config.AppearanceChannels[^1] + 2 * config.MotionChannels[^1], config.HeadSize);
        _clipProjection = new Linear(path["clip_head"]["fc2"], config.HeadSize, config.ProjectionDim);
        _text = new TextEncoder(path["text_encoder"], config.TextEncoder);
        _textProjection = new Linear(path["text_projection"], config.TextEncoder.HiddenSize, config.ProjectionDim);
        LogScale = path.Create("logit_scale", [], Init.Constant(InitialLogScale), DType.Float32);
    }

    /// <summary>The configuration.</summary>
    public TextClipConfig Config { get; }

    /// <summary>Logarithm of what cosines are multiplied by during training, a scalar.</summary>
    public Tensor LogScale { get; }

    /// <summary>Unit vectors [B, D] in float32 of clips [B, 3, F, H, W] in [−1, 1].</summary>
    /// <exception cref="ShapeException">The clips have another size or length than the model reads.</exception>
    public Tensor EncodeClips(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        var (_, c, f, h, w) = x.Dims5();
        if (c != 3 || f != Config.Frames || h != Config.Size || w != Config.Size)
            throw new ShapeException($"TextClipModel: expected clips [B, 3, {Config.Frames}, {Config.Size}, {Config.Size}], got [{string.Join(", ", x.Shape)}].");
        var seen = _columns.Appearance(ClipColumns.StillsOf(x));                                 // [B, S, A, H/8, W/8]
        var strongest = seen.Amax([1]);                                                          // [B, A, H/8, W/8]
        int height = (int)strongest.Size(2), width = (int)strongest.Size(3);
        Tensor[] regions =
        [
            strongest, strongest.Narrow(3, 0, width / 2), strongest.Narrow(3, width - width / 2, width / 2), strongest.Narrow(2, 0, height / 2), strongest.Narrow(2, height - height / 2, height / 2),
        ];
        var change = _columns.Motion(x);                                                         // [B, M, H/8, W/8]
        var pooled = Tensor.Cat([.. regions.Select(r => r.Amax([2, 3])), seen.Mean([1, 3, 4]), change.Amax([2, 3]), change.Mean([2, 3])], 1);
        return scope.Keep(Unit(_clipProjection.Forward(F.GeluTanh(_clipHidden.Forward(pooled)))));
    }

    /// <summary>Unit vectors [B, D] in float32 of captions.</summary>
    /// <param name="ids">Token ids, int64 [B, K].</param>
    /// <param name="mask">True at real tokens, [B, K]; at least one in every row.</param>
    public Tensor EncodeTexts(Tensor ids, Tensor mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        using var scope = TensorScope.Enter();
        var tokens = _text.Forward(ids, mask);                                                   // [B, K, E]
        var real = mask.To(DType.Float32).Unsqueeze(-1);
        var mean = (tokens * real).Sum([1]) / real.Sum([1]);
        return scope.Keep(Unit(_textProjection.Forward(mean)));
    }

    /// <summary>Floating point operations for one clip and one caption of <paramref name="tokens"/> tokens.</summary>
    public static long Flops(TextClipConfig config, int tokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ClipColumns.Flops(config.Frames, config.Size, config.Size, config.AppearanceChannels, config.MotionChannels) + TextEncoder.Flops(config.TextEncoder, tokens);
    }

    private static Tensor Unit(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var full = x.To(DType.Float32);
        return scope.Keep(full / (full.Square().Sum([-1], keepDim: true) + 1e-12).Sqrt());
    }
}
