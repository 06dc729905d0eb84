// Where the processor time of the pass goes.
using System.Runtime.InteropServices;

namespace Kinora.Curation.Scores;

/// <summary>Processor time of one thread, by what it was spent on; what is waited for costs none. Linux only, like the peak of memory.</summary>
internal sealed partial class StageClock
{
    private const int ThreadCpuTime = 3; // CLOCK_THREAD_CPUTIME_ID of <time.h>
    private readonly Dictionary<string, TimeSpan> _stages = new(StringComparer.Ordinal);
    private TimeSpan _last;

    /// <summary>Stages in the order in which they first ended.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Stages => _stages;

    /// <summary>Forgets the time until now. Call it on the thread that is timed.</summary>
    public void Start() => _last = Now();

    /// <summary>Counts the time since the last call for a stage.</summary>
    public void Lap(string stage)
    {
        TimeSpan now = Now();
        _stages[stage] = _stages.GetValueOrDefault(stage) + now - _last;
        _last = now;
    }

    private static TimeSpan Now() => clock_gettime(ThreadCpuTime, out TimeSpec time) == 0
        ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0)
        : throw new PlatformNotSupportedException("processor time of a thread: clock_gettime knows no CLOCK_THREAD_CPUTIME_ID here.");

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct TimeSpec
    {
        public readonly nint Seconds, Nanoseconds;
    }
}

/// <summary>Clocks of the pass's threads.</summary>
/// <param name="Decoding">Of decoding, which runs a frame ahead.</param>
/// <param name="Frames">Of the thread that walks over every frame.</param>
/// <param name="Sampling">Of the one that measures sampled pictures.</param>
internal sealed record PassClocks(StageClock Decoding, StageClock Frames, StageClock Sampling);
