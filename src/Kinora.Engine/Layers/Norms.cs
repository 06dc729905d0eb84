namespace Kinora.Engine.Layers;

/// <summary>Layer norm over the last dimension. Accumulates in float32 and returns the type of its input.</summary>
public sealed class LayerNorm : Module
{
    private readonly Tensor? _weight, _bias;
    private readonly double _eps;

    public LayerNorm(ParameterPath path, long dim, double eps = 1e-5, bool affine = true) : base(path)
    {
        _weight = affine ? path.Create("weight", [dim], Init.Ones) : null;
        _bias = affine ? path.Create("bias", [dim], Init.Zeros) : null;
        _eps = eps;
    }

    public Tensor Forward(Tensor x) => F.LayerNorm(x, _weight, _bias, _eps);            // [.., D]
}

/// <summary>RMS norm over the last dimension (Zhang and Sennrich, arXiv:1910.07467). Accumulates in float32.</summary>
public sealed class RmsNorm : Module
{
    private readonly Tensor? _weight;
    private readonly double _eps;

    public RmsNorm(ParameterPath path, long dim, double eps = 1e-6, bool affine = true) : base(path)
    {
        _weight = affine ? path.Create("weight", [dim], Init.Ones) : null;
        _eps = eps;
    }

    public Tensor? Weight => _weight;

    public Tensor Forward(Tensor x) => F.RmsNorm(x, _weight, _eps);                     // [.., D]
}

/// <summary>Group norm over channels (Wu and He, arXiv:1803.08494). Accumulates in float32.</summary>
public sealed class GroupNorm : Module
{
    private readonly Tensor _weight, _bias;
    private readonly long _groups;
    private readonly double _eps;

    public GroupNorm(ParameterPath path, long groups, long channels, double eps = 1e-5) : base(path)
    {
        _weight = path.Create("weight", [channels], Init.Ones);
        _bias = path.Create("bias", [channels], Init.Zeros);
        _groups = groups;
        _eps = eps;
    }

    public Tensor Forward(Tensor x) => F.GroupNorm(x, _groups, _weight, _bias, _eps);   // [B, C, ..]

    /// <summary>SiLU of the norm, which is what most convolutions of U-Nets read.</summary>
    public Tensor ForwardSilu(Tensor x) => F.GroupNorm(x, _groups, _weight, _bias, _eps, silu: true);
}
