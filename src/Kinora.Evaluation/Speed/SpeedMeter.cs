using System.Diagnostics;
using Kinora.Engine;

namespace Kinora.Evaluation.Speed;

/// <summary>Times cases. Best and median of repeated runs: the best says what the code can do, the distance between them how busy the machine was.</summary>
public static class SpeedMeter
{
    private const int WarmUps = 2, MinRuns = 3, MaxRuns = 1000, GemmSide = 2048;

    /// <summary>Times a case for about <paramref name="seconds"/>.</summary>
    public static SpeedResult Measure(SpeedCase speedCase, Device device, SpeedCeilings ceilings, double seconds = 1, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(speedCase);
        ArgumentNullException.ThrowIfNull(ceilings);
        using SpeedSubject subject = speedCase.Prepare(device);
        double[] times = Time(subject, seconds, cancellationToken);
        return SpeedResult.Of(speedCase, times, ceilings);
    }

    /// <summary>The rate of large square matrix products here and now.</summary>
    public static SpeedCeilings MeasureCeilings(Device device, CancellationToken cancellationToken = default) =>
        new(GemmGflops(DType.Float32, device, cancellationToken), GemmGflops(DType.BFloat16, device, cancellationToken));

    private static double GemmGflops(DType dtype, Device device, CancellationToken cancellationToken)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        Tensor a = Tensor.Randn([GemmSide, GemmSide]).To(dtype).To(device), b = Tensor.Randn([GemmSide, GemmSide]).To(dtype).To(device);
        using var subject = new SpeedSubject(() => a.Matmul(b));
        return 2.0 * GemmSide * GemmSide * GemmSide / Time(subject, 1, cancellationToken).Min() / 1e9;
    }

    private static double[] Time(SpeedSubject subject, double seconds, CancellationToken cancellationToken)
    {
        for (int i = 0; i < WarmUps; i++)
            subject.Run();
        var times = new List<double>();
        long start = Stopwatch.GetTimestamp();
        while (times.Count < MinRuns || (times.Count < MaxRuns && Stopwatch.GetElapsedTime(start).TotalSeconds < seconds))
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
    /// <summary>The rate of a type.</summary>
    public double Of(DType dtype) => dtype == DType.BFloat16 ? GemmBf16 : GemmFp32;
}
