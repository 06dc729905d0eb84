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

    /// <summary>What the norm multiplies every channel by and then adds, [1, C, 1, 1] each, for a map that is seen in parts.</summary>
    /// <param name="parts">Mean and variance (over n) of every channel in each part, and n.</param>
    public (Tensor Scale, Tensor Shift) ScaleAndShift(IReadOnlyList<(float[] Means, float[] Variances, long Count)> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        float[] weight = _weight.To(DType.Float32).ToArray<float>(), bias = _bias.To(DType.Float32).ToArray<float>();
        int channels = weight.Length, size = channels / (int)_groups;
        float[] scale = new float[channels], shift = new float[channels];
        double count = (double)parts.Sum(p => p.Count) * size;
        for (int first = 0; first < channels; first += size)
        {
            double mean = parts.Sum(p => p.Count * p.Means.AsSpan(first, size).ToArray().Sum(m => (double)m)) / count, variance = 0;
            foreach (var (means, variances, n) in parts)
            {
                for (int c = first; c < first + size; c++) variance += n * (variances[c] + (means[c] - mean) * (means[c] - mean)) / count;
            }
            for (int c = first; c < first + size; c++)
            {
                double factor = weight[c] / Math.Sqrt(variance + _eps);
                (scale[c], shift[c]) = ((float)factor, (float)(bias[c] - mean * factor));
            }
        }
        return (Tensor.FromArray<float>(scale, 1, channels, 1, 1).To(_weight.Device), Tensor.FromArray<float>(shift, 1, channels, 1, 1).To(_weight.Device));
    }
}
