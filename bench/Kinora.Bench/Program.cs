// The product's speed cases under BenchmarkDotNet, in this process: statistics over many runs, each told against the measured ceiling.
//
//   dotnet run -c Release --project bench/Kinora.Bench -- --filter '*Ops*'
//   dotnet run -c Release --project bench/Kinora.Bench -- --filter '*Model*'      needs models/kinora-world, or KINORA_BENCH_MODEL
//
// Results are kept as JSON under bench/results.

using BenchmarkDotNet.Running;
using Kinora.Bench;

if (!Cases.HasModel)
    Console.WriteLine("no model was found: ModelBenchmarks are left out; name a model folder in KINORA_BENCH_MODEL");
BenchmarkSwitcher.FromTypes(Cases.HasModel ? [typeof(OpsBenchmarks), typeof(ModelBenchmarks)] : [typeof(OpsBenchmarks)]).Run(args, new CeilingConfig(BenchFolder()));

static string BenchFolder()
{
    for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
    {
        if (File.Exists(Path.Combine(folder.FullName, "Kinora.slnx")))
            return Path.Combine(folder.FullName, "bench");
    }
    return Path.GetFullPath("bench");
}
