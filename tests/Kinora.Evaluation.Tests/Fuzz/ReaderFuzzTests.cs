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
        // That whole samples are read, the run checks before it begins; a fuzzer whose inputs are never refused changes nothing.
        result.Refused.ShouldBeGreaterThan(0);
        // Every sample is below 10 kB.
        result.LargestAllocation.ShouldBeLessThan(64 << 20);
    }
}
