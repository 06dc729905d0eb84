using Kinora.Engine.Random;

namespace Kinora.Engine;

/// <summary>Initial values of a parameter. For weights [out, in, kernel..]: fan-in = in · kernel, fan-out = out · kernel.</summary>
public abstract record Init
{
    public static Init Zeros { get; } = new ConstantInit(0);
    public static Init Ones { get; } = new ConstantInit(1);

    /// <summary>U(−a, a), a = √(6 / (fan-in + fan-out)) (Glorot and Bengio 2010).</summary>
    public static Init XavierUniform { get; } = new XavierUniformInit(1);

    /// <summary>U(−a, a), a = √(3 / fan-in) · √2 (He et al. 2015, for ReLU).</summary>
    public static Init KaimingUniform { get; } = new FanInUniformInit(Math.Sqrt(6));

    /// <summary>PyTorch's default for linear and convolution weights and biases: U(−1/√fan-in, 1/√fan-in).</summary>
    public static Init TorchLinear { get; } = new FanInUniformInit(1);

    /// <summary>Convolution that passes its input through: 1 at the kernel's center for equal channels.</summary>
    public static Init Identity { get; } = new IdentityInit();

    public static Init Constant(double value) => new ConstantInit(value);

    /// <summary>N(0, std²)</summary>
    public static Init Normal(double std) => new NormalInit(std);

    /// <summary>U(−a, a)</summary>
    public static Init Uniform(double a) => new UniformInit(a);

    public static Init Xavier(double gain) => new XavierUniformInit(gain);

    /// <summary>A bias that follows its weight's fan-in, as PyTorch does: U(−1/√fanIn, 1/√fanIn).</summary>
    public static Init TorchBias(long fanIn) => new UniformInit(1 / Math.Sqrt(fanIn));

    /// <summary>Writes the initial values, row-major.</summary>
    public abstract void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator);

    private static (double FanIn, double FanOut) Fans(ReadOnlySpan<long> shape)
    {
        if (shape.Length < 2)
            return (Math.Max(1, shape.Length == 1 ? shape[0] : 1), 1);
        double kernel = 1;
        foreach (long s in shape[2..])
            kernel *= s;
        return (shape[1] * kernel, shape[0] * kernel);
    }

    private static void FillUniform(Span<float> values, double a, Generator generator)
    {
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)((2 * generator.NextDouble() - 1) * a);
    }

    private sealed record ConstantInit(double Value) : Init
    {
        public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator) => values.Fill((float)Value);
    }

    private sealed record NormalInit(double Std) : Init
    {
        public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator)
        {
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(generator.NextNormal() * Std);
        }
    }

    private sealed record UniformInit(double A) : Init
    {
        public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator) => FillUniform(values, A, generator);
    }

    private sealed record XavierUniformInit(double Gain) : Init
    {
        public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator)
        {
            var (fanIn, fanOut) = Fans(shape);
            FillUniform(values, Gain * Math.Sqrt(6 / (fanIn + fanOut)), generator);
        }
    }

    private sealed record FanInUniformInit(double Factor) : Init
    {
        public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator) =>
            FillUniform(values, Factor / Math.Sqrt(Fans(shape).FanIn), generator);
    }

    private sealed record IdentityInit : Init
    {
        public override void Fill(Span<float> values, ReadOnlySpan<long> shape, Generator generator)
        {
            values.Clear();
            int kernel = 1;
            foreach (long s in shape[2..])
                kernel *= (int)s;
            int center = kernel / 2;
            for (int c = 0; c < Math.Min(shape[0], shape[1]); c++)
                values[(int)((c * shape[1] + c) * kernel) + center] = 1;
        }
    }
}
