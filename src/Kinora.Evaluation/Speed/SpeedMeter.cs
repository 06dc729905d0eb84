using System.Diagnostics;
using Kinora.Engine;

namespace Kinora.Evaluation.Speed;

/// <summary>Times cases. Best and median of repeated runs: the best says what the code can do, the distance between them how busy the machine was.</summary>
public static class SpeedMeter
{
    private const double CeilingSeconds = 0.4;
    private const double LongSeconds = 5;
    private const int WarmUps = 2, MinRuns = 3, MaxRuns = 1000, SmallSide = 512, LargeSide = 2048;

    /// <summary>Runs a case for about <paramref name="seconds"/> and returns the seconds of each run; <paramref name="afterwards"/> sees what was run.</summary>
    public static double[] Measure(SpeedCase speedCase, Device device, double seconds = 1, Action<SpeedSubject>? afterwards = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(speedCase);
        using SpeedSubject subject = speedCase.Prepare(device);
        double[] times = Time(subject, seconds, cancellationToken);
        afterwards?.Invoke(subject);
        return times;
    }

    /// <summary>
    /// The rate of square matrix products here and now: the best of two shapes. Products of a few milliseconds find the gaps on a busy machine;
    /// a GPU needs the larger one to be filled.
    /// </summary>
    public static SpeedCeilings MeasureCeilings(Device device, CancellationToken cancellationToken = default)
    {
        double Best(DType dtype) => Math.Max(GemmGflops(dtype, SmallSide, device, cancellationToken), GemmGflops(dtype, LargeSide, device, cancellationToken));
        return new SpeedCeilings(Best(DType.Float32), Best(DType.BFloat16));
    }

    private static double GemmGflops(DType dtype, int side, Device device, CancellationToken cancellationToken)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        Tensor a = Tensor.Randn([side, side]).To(dtype).To(device), b = Tensor.Randn([side, side]).To(dtype).To(device);
        using var subject = new SpeedSubject(() => a.Matmul(b));
        return 2.0 * side * side * side / Time(subject, CeilingSeconds, cancellationToken).Min() / 1e9;
    }

    private static double[] Time(SpeedSubject subject, double seconds, CancellationToken cancellationToken)
    {
        // A run of many seconds is its own warm-up: one before, and two that count.
        double first = 0;
        for (int i = 0; i < WarmUps && first < LongSeconds; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            subject.Run();
            first = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        }
        int least = first < LongSeconds ? MinRuns : 2;
        var times = new List<double>();
        long start = Stopwatch.GetTimestamp();
        while (times.Count < least || (times.Count < MaxRuns && Stopwatch.GetElapsedTime(start).TotalSeconds < seconds))
        {
            cancellationToken.ThrowIfCancellationRequested();
            long begin = Stopwatch.GetTimestamp();
            subject.Run();
            times.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
        }
        return [.. times];
    }
}

/// <summary>Measured rates of matrix products: what nothing on this machine exceeds, GFLOP/s.</summary>
public sealed record SpeedCeilings(double GemmFp32, double GemmBf16)
{
    /// <summary>The larger of both, type by type.</summary>
    public SpeedCeilings Max(SpeedCeilings other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new SpeedCeilings(Math.Max(GemmFp32, other.GemmFp32), Math.Max(GemmBf16, other.GemmBf16));
    }

    /// <summary>The rate of a type.</summary>
    public double Of(DType dtype) => dtype == DType.BFloat16 ? GemmBf16 : GemmFp32;
}
