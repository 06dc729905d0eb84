using Kinora.Evaluation.Fuzz;

namespace Kinora.Evaluation.Tests.Fuzz;

public sealed class ReaderFuzzTests
{
    public static TheoryData<string> Readers => [.. ReaderFuzz.Readers];

    [Theory]
    [MemberData(nameof(Readers))]
    public void Run_MutatedInputs_AreReadOrRefused(string reader)
    {
        const int Inputs = 400;

        FuzzResult result = ReaderFuzz.Run(reader, Inputs, seed: 3, progress: null, CancellationToken.None);

        result.Crashes.ShouldBeEmpty();
        result.Inputs.ShouldBe(Inputs);
        // A fuzzer whose inputs are all refused, or all read, tests nothing.
        result.Refused.ShouldBeGreaterThan(0);
        result.Accepted.ShouldBeGreaterThan(0);
        // Every sample is below 10 kB.
        result.LargestAllocation.ShouldBeLessThan(64 << 20);
    }
}
