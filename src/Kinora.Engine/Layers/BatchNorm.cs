namespace Kinora.Engine.Layers;

/// <summary>Batch norm with stored statistics (Ioffe and Szegedy, arXiv:1502.03167), for networks that only infer. Computes in float32.</summary>
public sealed class BatchNorm : Module
{
    /// <summary>A counter that PyTorch stores beside the statistics and inference does not need.</summary>
    public const string Counter = "num_batches_tracked";

    private readonly Tensor _weight, _bias, _mean, _variance;
    private readonly double _eps;

    public BatchNorm(ParameterPath path, long channels, double eps = 1e-5) : base(path)
    {
        _weight = path.Create("weight", [channels], Init.Ones);
        _bias = path.Create("bias", [channels], Init.Zeros);
        _mean = path.Create("running_mean", [channels], Init.Zeros);
        _variance = path.Create("running_var", [channels], Init.Ones);
        _eps = eps;
    }

    /// <summary>What the norm is with stored statistics, y = scale·x + shift of each channel [C], for a convolution before it to take over.</summary>
    public (Tensor Scale, Tensor Shift) Affine()
    {
        using var scope = TensorScope.Enter();
        Tensor scale = _weight / (_variance + _eps).Sqrt(), shift = _bias - _mean * scale;
        scope.Keep(scale, shift);
        return (scale, shift);
    }

    public Tensor Forward(Tensor x) => F.BatchNorm(x.To(DType.Float32), _mean, _variance, _weight, _bias, _eps).To(x.DType);   // [B, C, ..]
}
