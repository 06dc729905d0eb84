// Two seconds of work that show whether the tensor library is right and fast here.
// Rates count multiply and add as two operations: 2 m n k for a product, 4 heads tokens^2 width for attention.

using System.Diagnostics;
using Kinora.Engine;

namespace Kinora.Cli.Doctor;

/// <summary>Measures GFLOP/s per data type and compares small results with float64 arithmetic done here.</summary>
internal static class SelfCheck
{
    private const int Rows = 1024, Inner = 1024, Columns = 1024;
    private const int Heads = 8, Tokens = 1024, Width = 64;
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(0.4);

    // float32 rounds to 2^-24, bfloat16 to 2^-9; inputs lie in [-1, 1] and sums are of length 64.
    private const double Float32Tolerance = 1e-4, BFloat16Tolerance = 0.1;

    public static IReadOnlyList<SpeedReport> Run(Device device, CancellationToken cancellationToken)
    {
        using var mode = GradMode.Inference();
        var reports = new List<SpeedReport>();
        foreach (var dtype in (ReadOnlySpan<DType>)[DType.Float32, DType.BFloat16])
        {
            cancellationToken.ThrowIfCancellationRequested();
            reports.Add(Product(dtype, device));
            reports.Add(Attention(dtype, device));
        }

        return reports;
    }

    private static SpeedReport Product(DType dtype, Device device)
    {
        using var scope = TensorScope.Enter();
        double error = ProductError(dtype, device);
        var a = Tensor.Randn([Rows, Inner]).To(dtype).To(device);
        var b = Tensor.Randn([Inner, Columns]).To(dtype).To(device);
        double rate = BestRate(2.0 * Rows * Inner * Columns, () => a.Matmul(b), device);
        return new SpeedReport($"matmul {Name(dtype)}", rate, "GFLOP/s", error, error <= Tolerance(dtype));
    }

    private static SpeedReport Attention(DType dtype, Device device)
    {
        using var scope = TensorScope.Enter();
        double error = AttentionError(dtype, device);
        var q = Tensor.Randn([1, Heads, Tokens, Width]).To(dtype).To(device);
        var k = Tensor.Randn([1, Heads, Tokens, Width]).To(dtype).To(device);
        var v = Tensor.Randn([1, Heads, Tokens, Width]).To(dtype).To(device);
        double rate = BestRate(4.0 * Heads * Tokens * Tokens * Width, () => F.ScaledDotProductAttention(q, k, v), device);
        return new SpeedReport($"attention {Name(dtype)}", rate, "GFLOP/s", error, error <= Tolerance(dtype));
    }

    private static double BestRate(double operations, Func<Tensor> work, Device device)
    {
        double best = double.PositiveInfinity;
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < 3 || Stopwatch.GetElapsedTime(start) < Budget; round++)
        {
            using var scope = TensorScope.Enter();
            long begin = Stopwatch.GetTimestamp();
            var result = work();
            // A CUDA kernel has only been queued so far; reading one number waits for it.
            if (device.Type == DeviceType.Cuda) { _ = result.Flatten().Select(0, 0).Item(); }
            best = Math.Min(best, Stopwatch.GetElapsedTime(begin).TotalSeconds);
        }

        return operations / best / 1e9;
    }

    private static double ProductError(DType dtype, Device device)
    {
        const int n = 64;
        float[] a = Values(n * n, 1), b = Values(n * n, 2);
        using var scope = TensorScope.Enter();
        float[] actual = Load(a, [n, n], dtype, device).Matmul(Load(b, [n, n], dtype, device)).To(Device.Cpu).To(DType.Float32).ToArray<float>();
        double error = 0;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = 0;
                for (int l = 0; l < n; l++) { sum += (double)a[(i * n) + l] * b[(l * n) + j]; }
                error = Math.Max(error, Math.Abs(sum - actual[(i * n) + j]));
            }
        }

        return error;
    }

    private static double AttentionError(DType dtype, Device device)
    {
        const int l = 48, d = 64;
        float[] q = Values(l * d, 3), k = Values(l * d, 4), v = Values(l * d, 5);
        using var scope = TensorScope.Enter();
        float[] actual = F.ScaledDotProductAttention(Load(q, [1, 1, l, d], dtype, device), Load(k, [1, 1, l, d], dtype, device), Load(v, [1, 1, l, d], dtype, device))
            .To(Device.Cpu).To(DType.Float32).ToArray<float>();
        double error = 0;
        var weights = new double[l];
        for (int i = 0; i < l; i++)
        {
            double total = 0;
            for (int j = 0; j < l; j++)
            {
                double score = 0;
                for (int c = 0; c < d; c++) { score += (double)q[(i * d) + c] * k[(j * d) + c]; }
                weights[j] = Math.Exp(score / Math.Sqrt(d));
                total += weights[j];
            }

            for (int c = 0; c < d; c++)
            {
                double sum = 0;
                for (int j = 0; j < l; j++) { sum += weights[j] / total * v[(j * d) + c]; }
                error = Math.Max(error, Math.Abs(sum - actual[(i * d) + c]));
            }
        }

        return error;
    }

    private static Tensor Load(float[] values, ReadOnlySpan<long> shape, DType dtype, Device device) => Tensor.FromArray(values, shape).To(dtype).To(device);

    // A fixed sequence in [-1, 1) (linear congruential, Numerical Recipes' constants).
    private static float[] Values(int count, uint state)
    {
        var values = new float[count];
        foreach (ref float value in values.AsSpan())
        {
            state = (state * 1664525u) + 1013904223u;
            value = ((state >> 8) / (float)(1 << 23)) - 1;
        }

        return values;
    }

    private static double Tolerance(DType dtype) => dtype == DType.BFloat16 ? BFloat16Tolerance : Float32Tolerance;

    private static string Name(DType dtype) => dtype.ToString().ToLowerInvariant();
}
