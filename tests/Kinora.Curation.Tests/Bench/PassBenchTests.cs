using Kinora.Curation.Bench;
using Shouldly;
using Xunit;

namespace Kinora.Curation.Tests.Bench;

public sealed class PassBenchTests
{
    [Fact]
    public void Table_SeparateToolsAndFlows_SaysRatiosSpeedAndDifferences()
    {
        var result = new PassBenchResult(10, [new("kinora", 1, 1.5, 10), new("siti", 4, 6, 2.5)], new("kinora, first", 2, 2, 5), new Dictionary<string, double> { ["decoding"] = 0.25 }, 4, 4, new FlowAgreement(3, 0, 0.5));

        string table = PassBench.Table(result);

        table.ShouldContain("10.0 s of footage at 10.0 times real time; the separate tools together take 4.0 times as long, 4.0 times the processor time");
        table.ShouldContain("3 pairs: largest difference 0 pixels by DIS, 0.5 by Farnebäck");
        table.ShouldContain("decoding                        0.250");
        PassBench.ToJson(result).ShouldContain("\"wall_ratio\":4");
    }
}
