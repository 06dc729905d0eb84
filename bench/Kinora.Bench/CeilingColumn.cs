// GFLOP/s of the fastest run, its share of the measured rate of matrix products, and the case's goal.

using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Kinora.Evaluation.Speed;

namespace Kinora.Bench;

/// <summary>A column told from a case and its fastest run.</summary>
internal sealed class CeilingColumn(string name, string legend, Func<SpeedCase, double, string> tell) : IColumn
{
    public static CeilingColumn Gflops { get; } = new("GFLOP/s", "rate of the fastest run", (c, s) => c.Flops > 0 ? Text(c.Flops / s / 1e9, "F0") : "-");

    public static CeilingColumn OfCeiling { get; } = new("of ceiling", "that rate over the best rate of matrix products of the same type, measured in this run",
        (c, s) => c.Flops > 0 ? Text(100 * c.Flops / s / 1e9 / Cases.Ceilings.Of(c.Precision), "F0") + " %" : "-");

    public static CeilingColumn Goal { get; } = new("of goal", "how much of the goal is reached", (c, s) => c.Goal is not { } goal ? "-" : Text(100 * (c.Unit switch
    {
        SpeedUnit.MicrosecondsPerItem => goal / (1e6 * s / c.Items),
        SpeedUnit.Milliseconds => goal / (1e3 * s),
        _ => c.Items / s / goal,
    }), "F0") + " %");

    public string Id => ColumnName;

    public string ColumnName => name;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => legend;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        var statistics = summary[benchmarkCase]?.ResultStatistics;
        return statistics is null ? "-" : tell(Cases.Find((string)benchmarkCase.Parameters["Case"]), statistics.Min / 1e9);
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public bool IsAvailable(Summary summary) => true;

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
