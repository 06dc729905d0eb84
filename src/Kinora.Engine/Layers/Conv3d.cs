namespace Kinora.Engine.Layers;

/// <summary>3-D convolution. Inside <see cref="Autocast"/> it runs in its type, else in the type of the weight.</summary>
public sealed class Conv3d : Module
{
    private readonly Weight _weight;
    private readonly Tensor? _bias;
    private readonly Size3 _stride, _padding;

    public Conv3d(ParameterPath path, long inChannels, long outChannels, Size3 kernel, Size3 stride = default, Size3 padding = default, bool bias = true, Init? init = null) : base(path)
    {
        _weight = path.CreateWeight("weight", [outChannels, inChannels, kernel.Frames, kernel.Height, kernel.Width], init ?? Init.TorchLinear);
        _bias = bias ? path.Create("bias", [outChannels], init is null ? Init.TorchBias(inChannels * kernel.Frames * kernel.Height * kernel.Width) : Init.Zeros) : null;
        _stride = stride;
        _padding = padding;
    }

    public Weight Weight => _weight;
    public Tensor? Bias => _bias;

    public Tensor Forward(Tensor x)                                                    // [B, C, F, H, W]
    {
        using var scope = TensorScope.Enter();
        DType t = Autocast.Target ?? _weight.DType;
        Tensor input = x.To(t);
        return scope.Keep(_weight.Apply(t, _bias?.To(t), (w, b) => F.Conv3d(input, w, b, _stride, _padding), channels: 1));
    }
}
