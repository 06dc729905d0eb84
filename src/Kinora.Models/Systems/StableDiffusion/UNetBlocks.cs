// The levels of the Stable Diffusion U-Net and of its ControlNet: residual blocks, each with or without a transformer, then a change of size.
// Paper: Rombach et al., "Latent Diffusion", arXiv:2112.10752, appendix E.2.
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_2d_blocks.py.
//
// Shapes    B batch  C channels  H,W height, width  T width of the timestep embedding  K text tokens  E width of the text

using Kinora.Engine;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>What the blocks of one level are made of.</summary>
internal sealed record UNetBlockShape(int TembDim, int Groups, double Eps, bool ScaleShift, int CrossDim, int NumHeads, int TransformerLayers, bool LinearProjection, bool OnlyCross)
{
    public ResnetBlock2D Resnet(ParameterPath path, int inChannels, int outChannels, double outputScale = 1) =>
        new(path, inChannels, outChannels, Groups, Eps, TembDim, ScaleShift, outputScale);

    public Transformer2D Transformer(ParameterPath path, int channels) =>
        new(path, channels, NumHeads, channels / NumHeads, TransformerLayers, CrossDim, Groups, LinearProjection, OnlyCross);
}

/// <summary>The text that transformers attend to and the mask added to its scores.</summary>
internal sealed record TextContext(Tensor Text, Tensor? Mask);                                   // [B, K, E], [B, 1, 1, K]

/// <summary>A level on the way down.</summary>
internal sealed class UNetDownBlock : Module
{
    private readonly ResnetBlock2D[] _resnets;
    private readonly Transformer2D[] _attentions;
    private readonly Downsample2D? _downsampler;

    public UNetDownBlock(ParameterPath path, UNetBlockShape shape, int inChannels, int outChannels, int layers, bool hasAttention, int? downsamplePadding) : base(path)
    {
        _resnets = [.. Enumerable.Range(0, layers).Select(i => shape.Resnet(path["resnets"][i], i == 0 ? inChannels : outChannels, outChannels))];
        _attentions = hasAttention ? [.. Enumerable.Range(0, layers).Select(i => shape.Transformer(path["attentions"][i], outChannels))] : [];
        _downsampler = downsamplePadding is { } padding ? new Downsample2D(path["downsamplers"][0], outChannels, padding) : null;
    }

    /// <summary>The level's output; every intermediate that the way up reads is added to <paramref name="skips"/>.</summary>
    public Tensor Forward(Tensor x, Tensor temb, TextContext context, List<Tensor> skips, Func<int, Tensor, Tensor>? behindLayer = null) // [B, C, H, W], [B, T]
    {
        for (var i = 0; i < _resnets.Length; i++)
        {
            using var scope = TensorScope.Enter();
            x = _resnets[i].Forward(x, temb);
            if (_attentions.Length > 0) x = _attentions[i].Forward(x, context.Text, context.Mask);
            if (behindLayer is not null) x = behindLayer(i, x);
            skips.Add(scope.Keep(x));
        }
        if (_downsampler is not null)
        {
            x = _downsampler.Forward(x);
            skips.Add(x);
        }
        return ForwardTrace.Report(this, x);                                                     // [B, C', H/2, W/2]
    }
}

/// <summary>The coarsest level, between down and up: two residual blocks around a transformer, or one alone.</summary>
internal sealed class UNetMidBlock : Module
{
    private readonly ResnetBlock2D _first;
    private readonly ResnetBlock2D? _second;
    private readonly Transformer2D? _attention;

    public UNetMidBlock(ParameterPath path, UNetBlockShape shape, int channels, bool hasAttention, double outputScale) : base(path)
    {
        _first = shape.Resnet(path["resnets"][0], channels, channels, outputScale);
        if (!hasAttention) return;
        _attention = (shape with { OnlyCross = false }).Transformer(path["attentions"][0], channels);
        _second = shape.Resnet(path["resnets"][1], channels, channels, outputScale);
    }

    public Tensor Forward(Tensor x, Tensor temb, TextContext context, Func<Tensor, Tensor>? behindAttention = null) // [B, C, H, W]
    {
        using var scope = TensorScope.Enter();
        x = _first.Forward(x, temb);
        if (_attention is not null)
        {
            x = _attention.Forward(x, context.Text, context.Mask);
            x = _second!.Forward(behindAttention?.Invoke(x) ?? x, temb);
        }
        return scope.Keep(ForwardTrace.Report(this, x));
    }
}

/// <summary>A level on the way up, which reads the intermediates of the way down.</summary>
internal sealed class UNetUpBlock : Module
{
    private readonly ResnetBlock2D[] _resnets;
    private readonly Transformer2D[] _attentions;
    private readonly Upsample2D? _upsampler;

    public UNetUpBlock(ParameterPath path, UNetBlockShape shape, int inChannels, int outChannels, int previousChannels, int layers, bool hasAttention, bool upsamples) : base(path)
    {
        _resnets = [.. Enumerable.Range(0, layers).Select(i => shape.Resnet(path["resnets"][i],
            (i == 0 ? previousChannels : outChannels) + (i == layers - 1 ? inChannels : outChannels), outChannels))];
        _attentions = hasAttention ? [.. Enumerable.Range(0, layers).Select(i => shape.Transformer(path["attentions"][i], outChannels))] : [];
        _upsampler = upsamples ? new Upsample2D(path["upsamplers"][0], outChannels) : null;
    }

    /// <summary>The level's output. Takes its intermediates from the end of <paramref name="skips"/>; the next level's size is that of the one before.</summary>
    public Tensor Forward(Tensor x, Tensor temb, TextContext context, List<Tensor> skips, Func<int, Tensor, Tensor>? behindLayer = null) // [B, C, H, W]
    {
        using var scope = TensorScope.Enter();
        for (var i = 0; i < _resnets.Length; i++)
        {
            x = _resnets[i].Forward(Tensor.Cat([x, skips[^1]], 1), temb);
            skips.RemoveAt(skips.Count - 1);
            if (_attentions.Length > 0) x = _attentions[i].Forward(x, context.Text, context.Mask);
            if (behindLayer is not null) x = behindLayer(i, x);
        }
        if (_upsampler is not null) x = _upsampler.Forward(x, (skips[^1].Size(2), skips[^1].Size(3)));
        return scope.Keep(ForwardTrace.Report(this, x));                                         // [B, C', 2H, 2W]
    }
}
