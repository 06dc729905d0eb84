// The product's speed cases under BenchmarkDotNet, in this process: statistics over many runs, each told against the measured ceiling.
//
//   dotnet run -c Release --project bench/Kinora.Bench -- --filter '*Ops*'
//   dotnet run -c Release --project bench/Kinora.Bench -- --filter '*Model*'      needs models/kinora-world, or KINORA_BENCH_MODEL
//
// Results are kept as JSON under bench/results.

using BenchmarkDotNet.Running;
using Kinora.Bench;

BenchmarkSwitcher.FromTypes([typeof(OpsBenchmarks), typeof(ModelBenchmarks)]).Run(args, new CeilingConfig(ResultsFolder()));

static string ResultsFolder()
{
    for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
    {
        if (File.Exists(Path.Combine(folder.FullName, "Kinora.slnx")))
            return Path.Combine(folder.FullName, "bench", "results");
    }
    return Path.GetFullPath("results");
}
