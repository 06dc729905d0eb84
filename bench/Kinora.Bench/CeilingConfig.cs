using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;

namespace Kinora.Bench;

/// <summary>In-process runs, the ceiling columns, JSON.</summary>
internal sealed class CeilingConfig : ManualConfig
{
    private const int WarmUps = 2, Runs = 8, MaxName = 60;

    public CeilingConfig(string folder)
    {
        AddJob(Job.Default.WithToolchain(new InProcessNoEmitToolchain(TimeSpan.FromMinutes(10), logOutput: false)).WithWarmupCount(WarmUps).WithIterationCount(Runs).WithUnrollFactor(1).WithInvocationCount(1));
        AddLogger(ConsoleLogger.Default);
        AddColumnProvider(DefaultColumnProviders.Params, DefaultColumnProviders.Statistics);
        AddColumn(CeilingColumn.Gflops, CeilingColumn.OfCeiling, CeilingColumn.Goal);
        AddExporter(JsonExporter.FullCompressed);
        WithArtifactsPath(folder);                                                        // BenchmarkDotNet writes into its folder "results"
        WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(MaxName));
        WithOptions(ConfigOptions.DisableOptimizationsValidator | ConfigOptions.JoinSummary);
    }
}
