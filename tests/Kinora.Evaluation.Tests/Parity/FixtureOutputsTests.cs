// What counts as equal to a reference, on a fixture written here.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Parity;

namespace Kinora.Evaluation.Tests.Parity;

public sealed class FixtureOutputsTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"kinora-{Guid.NewGuid():N}", "area", "name");

    public FixtureOutputsTests()
    {
        Directory.CreateDirectory(_folder);
        WriteMeta("nobody's class");
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(Path.Combine(_folder, "io.safetensors"),
        [
            new("in.x", Tensor.FromArray<float>([1f, 2f], 2)), new("out.y", Tensor.FromArray<float>([2f, 4f], 2)), new("out.ids", Tensor.FromArray<long>([5L, 7L], 2)),
        ]);
    }

    [Fact]
    public void Add_WithinTheTolerance_Passes()
    {
        using var scope = TensorScope.Enter();
        using Fixture fixture = Fixture.Open(_folder);
        var outputs = new FixtureOutputs(fixture);

        outputs.Add("out.y", fixture.Input("x") * 2.0001);
        outputs.Add("out.ids", Tensor.FromArray<long>([5L, 7L], 2));
        outputs.Finish();

        outputs.Comparisons.ShouldAllBe(c => c.Passed);
    }

    [Fact]
    public void Add_OutsideTheTolerance_NamesTheElement()
    {
        using var scope = TensorScope.Enter();
        using Fixture fixture = Fixture.Open(_folder);
        var outputs = new FixtureOutputs(fixture);

        outputs.Add("out.y", Tensor.FromArray<float>([2f, 4.5f], 2));

        var comparison = outputs.Comparisons.ShouldHaveSingleItem();
        comparison.Passed.ShouldBeFalse();
        comparison.Error.ShouldBe(0.5, 1e-6);
        comparison.Where.ShouldStartWith("[1]");
    }

    [Fact]
    public void Add_NotANumber_Fails()
    {
        using var scope = TensorScope.Enter();
        using Fixture fixture = Fixture.Open(_folder);
        var outputs = new FixtureOutputs(fixture);

        outputs.Add("out.y", Tensor.FromArray<float>([float.NaN, 4f], 2));

        outputs.Comparisons.ShouldHaveSingleItem().Passed.ShouldBeFalse();
    }

    [Fact]
    public void Add_IntegerOffByOne_Fails()
    {
        using var scope = TensorScope.Enter();
        using Fixture fixture = Fixture.Open(_folder);
        var outputs = new FixtureOutputs(fixture);

        outputs.Add("out.ids", Tensor.FromArray<long>([5L, 8L], 2));

        outputs.Comparisons.ShouldHaveSingleItem().Passed.ShouldBeFalse();
    }

    [Fact]
    public void Finish_OutputNeverHandedOver_CountsAsFailed()
    {
        using var scope = TensorScope.Enter();
        using Fixture fixture = Fixture.Open(_folder);
        var outputs = new FixtureOutputs(fixture);

        outputs.Add("out.y", fixture.Input("x") * 2);
        outputs.Finish();

        outputs.Comparisons.Single(c => !c.Passed).Name.ShouldBe("out.ids");
    }

    [Fact]
    public void Run_ClassWithoutRunner_IsUnsupported() => ParityRun.Run(_folder).Outcome.ShouldBe(ParityOutcome.Unsupported);

    [Fact]
    public void Run_DamagedFixture_IsAFailureWithItsReason()
    {
        File.WriteAllText(Path.Combine(_folder, "meta.json"), "{");

        ParityResult result = ParityRun.Run(_folder);

        result.Outcome.ShouldBe(ParityOutcome.Fail);
        result.Error!.ShouldContain("meta.json");
    }

    [Fact]
    public void Find_Filter_MatchesAreaAndName()
    {
        string root = Path.GetFullPath(Path.Combine(_folder, "..", ".."));
        ParityRun.Find(root, "AREA/na").ShouldHaveSingleItem();
        ParityRun.Find(root, "other").ShouldBeEmpty();
    }

    public void Dispose() => Directory.Delete(Path.GetFullPath(Path.Combine(_folder, "..", "..")), recursive: true);

    private void WriteMeta(string className) => File.WriteAllText(Path.Combine(_folder, "meta.json"),
        $$"""{ "class": "{{className}}", "area": "area", "name": "name", "tolerance_advice": { "rtol": 1e-4, "atol": { "out.y": 1e-4 } } }""");
}
