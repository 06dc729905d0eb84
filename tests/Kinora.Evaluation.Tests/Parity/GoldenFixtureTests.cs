// Every fixture under Fixtures/Golden through the runner that `kinora parity` uses. Adding a fixture there is adding a test.

using Kinora.Evaluation.Parity;

namespace Kinora.Evaluation.Tests.Parity;

public sealed class GoldenFixtureTests
{
    private static string Root => Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden");

    public static TheoryData<string> Fixtures => [.. ParityRun.Find(Root).Select(folder => Path.GetRelativePath(Root, folder))];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Run_GoldenFixture_IsWithinTheReferencesTolerance(string fixture)
    {
        ParityResult result = ParityRun.Run(Path.Combine(Root, fixture));

        result.Outcome.ShouldBe(ParityOutcome.Pass, string.Join('\n', result.Comparisons.Where(c => !c.Passed).Select(c => $"{c.Name}: error {c.Error:G3}, at most {c.Allowed:G3}; {c.Where}").Prepend(result.ToString())));
    }
}
