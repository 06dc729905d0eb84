using System.Text.Json;
using Kinora.Engine;
using Kinora.Evaluation.Speed;

namespace Kinora.Evaluation.Tests;

public sealed class SpeedReportTests
{
    private static readonly SpeedCeilings Ceilings = new(GemmFp32: 400, GemmBf16: 800);

    private static SpeedCase Case(SpeedUnit unit) => new("case", unit, _ => new SpeedSubject(() => null)) { Items = 1000, Item = "op" };

    [Fact]
    public void Of_Arithmetic_IsToldAgainstTheCeilingOfItsType()
    {
        var c = Case(SpeedUnit.Milliseconds) with { Flops = 40e9, Precision = DType.BFloat16, Goal = 230 };
        var r = SpeedResult.Of(c, [0.3, 0.2, 0.4], Ceilings);
        (r.Unit, r.Best, r.Median, r.Runs).ShouldBe(("ms", 200.0, 300.0, 3));
        r.Gflops!.Value.ShouldBe(200, 1e-9);
        r.OfCeiling!.Value.ShouldBe(0.25, 1e-9);
        r.OfGoal!.Value.ShouldBe(1.15, 1e-9);
    }

    [Fact]
    public void Of_Rates_ExceedTheirGoalWhenFaster()
    {
        var r = SpeedResult.Of(Case(SpeedUnit.ItemsPerSecond) with { Goal = 1000 }, [0.5], Ceilings);
        (r.Unit, r.Best, r.OfGoal, r.OfCeiling).ShouldBe(("ops/s", 2000.0, 2.0, null));
        SpeedResult.Of(Case(SpeedUnit.MicrosecondsPerItem) with { Goal = 1 }, [0.0005], Ceilings).OfGoal!.Value.ShouldBe(2, 1e-9);
    }

    [Fact]
    public void Measure_Operator_FillsTheReportAndItsJson()
    {
        var add = OpsCases.All.Where(c => c.Name.StartsWith("operator", StringComparison.Ordinal)).ToList();
        long before = Tensor.LiveCount;
        var report = SpeedReport.Measure("ops", add, Device.Cpu, seconds: 0.02);
        Tensor.LiveCount.ShouldBe(before);
        report.Results.Single().Best.ShouldBeInRange(0.05, 500);
        report.Ceilings.GemmFp32.ShouldBeGreaterThan(1);
        SpeedReport.FromJson(report.ToJson()).ToJson().ShouldBe(report.ToJson());
        Should.Throw<JsonException>(() => SpeedReport.FromJson(report.ToJson().Replace("\"suite\"", "\"suites\"", StringComparison.Ordinal)));
        report.Table().ShouldContain(add[0].Name);
    }

    [Fact]
    public void DiTStack_ReferenceStep_HasTheEnginePagesWork()
    {
        // 6 layers, d = 256, 256 tokens, batch 16: 138 GFLOP a step.
        OpsCases.All.Single(c => c.Name == "DiT training step, 6 layers bf16").Flops.ShouldBeInRange(130e9, 140e9);
    }
}
