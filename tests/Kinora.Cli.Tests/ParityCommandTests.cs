using Kinora.Cli.Shell;

namespace Kinora.Cli.Tests;

public sealed class ParityCommandTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-cli-parity-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Parity_ClassThatTheProductLacks_IsUnsupportedAndNoFailure()
    {
        Write("area", "one", """{ "class": "Nobody", "area": "area", "name": "one" }""");

        var outcome = await Cli.RunAsync("parity", _root);

        outcome.ExitCode.ShouldBe(ExitCodes.Success, outcome.Error);
        outcome.Output.ShouldContain("unsupported  area/one  Nobody");
        outcome.Output.ShouldContain("0 passed, 0 failed, 1 unsupported");
    }

    [Fact]
    public async Task Parity_DamagedFixture_FailsWithCode4AndRunsTheOthers()
    {
        Write("area", "bad", "{");
        Write("area", "good", """{ "class": "Nobody", "area": "area", "name": "good" }""");

        var outcome = await Cli.RunAsync("parity", _root);

        outcome.ExitCode.ShouldBe(ExitCodes.Integrity);
        outcome.Output.ShouldContain("FAIL         area/bad");
        outcome.Output.ShouldContain("1 failed, 1 unsupported");
    }

    [Fact]
    public async Task Parity_Json_IsOneDocument()
    {
        Write("area", "one", """{ "class": "Nobody", "area": "area", "name": "one" }""");

        var outcome = await Cli.RunAsync("parity", _root, "--json");

        using var json = System.Text.Json.JsonDocument.Parse(outcome.Output);
        json.RootElement.GetProperty("unsupported").GetInt32().ShouldBe(1);
        json.RootElement.GetProperty("results")[0].GetProperty("class_name").GetString().ShouldBe("Nobody");
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("")]
    public async Task Parity_NothingToRun_IsAnInputError(string folder)
    {
        var outcome = await Cli.RunAsync("parity", Path.Combine(_root, folder));

        outcome.ExitCode.ShouldBe(ExitCodes.Input);
        outcome.Error.ShouldContain(_root);
    }

    private void Write(string area, string name, string meta)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_root, area, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "meta.json"), meta);
    }
}
