using Kinora.Engine;
using Kinora.Evaluation.Contract;

namespace Kinora.Evaluation.Tests;

public sealed class EngineContractTests
{
    [Fact]
    public void Run_OnTheCpu_KeepsEveryPromise()
    {
        var results = EngineContract.Run(Device.Cpu);
        results.Count.ShouldBe(EngineContract.Count);
        results.Where(r => !r.Passed).Select(r => $"{r.Name}: {r.Error} > {r.Tolerance} {r.Failure}").ShouldBeEmpty();
    }

    [Theory]
    [InlineData(0.5, 0.1, null, false)]
    [InlineData(0.05, 0.1, null, true)]
    [InlineData(double.NaN, 0.1, null, false)]
    [InlineData(0.0, 0.1, "broken", false)]
    public void Passed_ErrorOrFailure_Decides(double error, double tolerance, string? failure, bool passed) => new ContractResult("c", error, tolerance, failure).Passed.ShouldBe(passed);
}
