using BenchmarkDotNet.Attributes;
using Kinora.Engine;
using Kinora.Evaluation.Speed;

namespace Kinora.Bench;

/// <summary>Operators, attention, transformer block, training step, world rendering.</summary>
public class OpsBenchmarks
{
    private SpeedSubject? _subject;

    public static IEnumerable<string> Names => OpsCases.All.Select(c => c.Name);

    [ParamsSource(nameof(Names))]
    public string Case { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        _ = Cases.Ceilings;
        _subject = Cases.Find(Case).Prepare(Device.Cpu);
    }

    [GlobalCleanup]
    public void Release() => _subject?.Dispose();

    [Benchmark]
    public void Run() => _subject!.Run();
}
