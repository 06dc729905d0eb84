namespace Kinora.Engine.Random;

public sealed partial class Generator
{
    /// <summary>A float32 CPU tensor of standard normal values.</summary>
    public Tensor Normal(params ReadOnlySpan<long> shape)
    {
        var result = Tensor.Empty(shape);
        FillNormal(result.AsSpan<float>());
        return result;
    }

    /// <summary>A float32 CPU tensor of uniform values in [0, 1).</summary>
    public Tensor Uniform(params ReadOnlySpan<long> shape)
    {
        var result = Tensor.Empty(shape);
        FillUniform(result.AsSpan<float>());
        return result;
    }
}
