using BenchmarkDotNet.Attributes;
using Kinora.Engine;
using Kinora.Evaluation.Speed;

namespace Kinora.Bench;

/// <summary>Tokenizer, transformer, autoencoder, a whole clip, and a training step of the model that ships.</summary>
public class ModelBenchmarks
{
    private SpeedSubject? _subject;

    public static IEnumerable<string> Names => Cases.Model.Select(c => c.Name);

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
