// The frame around every verb: help, suggestions, exit codes.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Models;

namespace Kinora.Cli.Tests;

public sealed class CommandLineTests
{
    [Fact]
    public async Task NoArguments_PrintTheVerbs()
    {
        var run = await Cli.RunAsync();

        run.ExitCode.ShouldBe(ExitCodes.Success);
        run.Output.ShouldContain("Commands:");
        run.Output.ShouldContain("doctor");
        run.Error.ShouldBeEmpty();
    }

    [Fact]
    public async Task Help_OfEveryVerb_DescribesEveryOptionAndShowsAnExample()
    {
        foreach (var verb in Program.CreateRoot().Subcommands)
        {
            var run = await Cli.RunAsync(verb.Name, "--help");

            run.ExitCode.ShouldBe(ExitCodes.Success, verb.Name);
            run.Output.ShouldContain($"Usage: kinora {verb.Name}");
            run.Output.ShouldContain($"kinora {verb.Name}", Case.Sensitive, "an example");
            verb.Description.ShouldNotBeNullOrWhiteSpace(verb.Name);
            verb.Options.Where(o => string.IsNullOrWhiteSpace(o.Description)).Select(o => $"{verb.Name} {o.Name}").ShouldBeEmpty();
            verb.Arguments.Where(a => string.IsNullOrWhiteSpace(a.Description)).Select(a => $"{verb.Name} {a.Name}").ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Version_PrintsOneLine()
    {
        var run = await Cli.RunAsync("--version");

        run.ExitCode.ShouldBe(ExitCodes.Success);
        run.Output.Trim().ShouldMatch(@"^\d+\.\d+\.\d+(\+[0-9a-f]{7,9})?$");
    }

    [Theory]
    [InlineData("docter", "unknown command \"docter\". Did you mean doctor?")]
    [InlineData("xylophone", "unknown command \"xylophone\".\n")]
    [InlineData("doctor --jsn", "unknown option --jsn. Did you mean --json?")]
    [InlineData("doctor --json=maybe", "maybe")]
    [InlineData("doctor everything", "unexpected argument \"everything\".")]
    [InlineData("doctor --device", "--device")]
    [InlineData("doctor --device tpu", "device 'tpu' is unknown")]
    [InlineData("--verbose", "a command is missing")]
    public async Task UsageMistake_IsOneMessageAndExitCodeTwo(string line, string message)
    {
        var run = await Cli.RunAsync(line.Split(' '));

        run.ExitCode.ShouldBe(ExitCodes.Usage);
        run.Error.ShouldContain(message);
        run.Error.ShouldStartWith("kinora");
        run.Error.ShouldNotContain("   at ");
        run.Output.ShouldBeEmpty();
    }

    [Fact]
    public async Task UnknownFlagBeforeAPrompt_IsNotTakenForThePrompt()
    {
        var run = await RunProbeAsync(_ => 0, "probe", "--sed", "3");

        run.ExitCode.ShouldBe(ExitCodes.Usage);
        run.Error.ShouldContain("unknown option --sed. Did you mean --seed?");
    }

    [Theory]
    [InlineData("-- --sed")]
    [InlineData("--seed 3 -- -d")]
    public async Task TextBehindDoubleDash_IsText(string line)
    {
        string? prompt = null;
        var run = await RunProbeAsync(result => { prompt = result.GetValue<string>("PROMPT"); return 0; }, ["probe", .. line.Split(' ')]);

        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        prompt.ShouldBe(line.Split(' ')[^1]);
    }

    [Theory]
    [InlineData("@home")]
    [InlineData("-1 balloons")]
    [InlineData("a \"quoted\" 🎈\n🌃")]
    public async Task Prompt_ReachesTheVerbUnchanged(string text)
    {
        string? prompt = null;
        var run = await RunProbeAsync(result => { prompt = result.GetValue<string>("PROMPT"); return 0; }, "probe", text);

        run.ExitCode.ShouldBe(ExitCodes.Success, run.Error);
        prompt.ShouldBe(text);
    }

    public static TheoryData<Exception, int> Failures => new()
    {
        { new ConfigException("recipe.yaml: unknown key"), ExitCodes.Input },
        { new CheckpointException("model.safetensors: header is longer than the file"), ExitCodes.Integrity },
        { new DeviceException("no CUDA here"), ExitCodes.Usage },
        { new NativeException("library is missing"), ExitCodes.Internal },
        { new MediaException(MediaErrorKind.Truncated, "first.png breaks off"), ExitCodes.Input },
        { new MediaException(MediaErrorKind.MissingCodec, "libx264 is missing"), ExitCodes.Input },
        { new MediaException(MediaErrorKind.DiskFull, "no space"), ExitCodes.Input },
        { new MediaException(MediaErrorKind.InvalidArgument, "odd width"), ExitCodes.Usage },
        { new MediaException(MediaErrorKind.Internal, "defect"), ExitCodes.Internal },
        { new FileNotFoundException("no such file"), ExitCodes.Input },
        { new UnauthorizedAccessException("not yours"), ExitCodes.Input },
        { new IOException("No space left on device", 28), ExitCodes.Input },
        { CommandException.Integrity("clip differs"), ExitCodes.Integrity },
        { CommandException.Usage("bad size"), ExitCodes.Usage },
        { new AggregateException(new CheckpointException("inner")), ExitCodes.Integrity },
        { new InvalidOperationException("a defect"), ExitCodes.Internal },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task Failure_HasItsExitCodeAndOneMessage(Exception failure, int exitCode)
    {
        var run = await RunProbeAsync(_ => throw failure, "probe", "text");

        run.ExitCode.ShouldBe(exitCode);
        run.Error.ShouldStartWith("kinora probe: ");
        run.Error.ShouldContain((failure.InnerException ?? failure).Message);
        run.Error.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task Verbose_ShowsTheStack()
    {
        var run = await RunProbeAsync(_ => throw new CheckpointException("broken"), "probe", "text", "--verbose");

        run.Error.ShouldContain("   at ");
    }

    [Fact]
    public async Task CanceledVerb_Returns130()
    {
        using var cancellation = new CancellationTokenSource();
        var command = new Command("probe");
        command.SetAction(async (_, token) =>
        {
            await cancellation.CancelAsync();
            token.ThrowIfCancellationRequested();
            return 0;
        });
        await using var error = new StringWriter();

        int code = await CommandShell.RunAsync(new Verb("kinora", "test") { command }, ["probe"], new CommandIo(TextWriter.Null, error, false), cancellation.Token);

        code.ShouldBe(ExitCodes.Canceled);
        error.ToString().ShouldBe("kinora probe: stopped" + Environment.NewLine);
    }

    [Theory]
    [InlineData("--seed", "-3", "--seed takes a whole number from 0, not \"-3\".")]
    [InlineData("--steps", "many", "--steps takes a whole number, not \"many\".")]
    [InlineData("--guidance", "x", "--guidance takes a number, not \"x\".")]
    [InlineData("--cache", "x", "--cache takes a number, not \"x\".")]
    public async Task Number_ThatIsNone_IsNamedWithWhatIsExpected(string option, string value, string message)
    {
        var run = await Cli.RunAsync("generate", "a cat", option, value);

        run.ExitCode.ShouldBe(ExitCodes.Usage);
        run.Error.ShouldContain(message);
    }

    [Fact]
    public async Task Story_OfAFileThatIsNotThere_IsNamed()
    {
        var run = await Cli.RunAsync("generate", "--story", "no-such-story.txt");

        run.ExitCode.ShouldBe(ExitCodes.Input);
        run.Error.ShouldContain("--story no-such-story.txt: there is no such file");
    }

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("seed", "sed", 1)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("abc", "", 3)]
    public void EditDistance_KnownWords_IsLevenshtein(string a, string b, int distance)
    {
        NearestWord.EditDistance(a, b).ShouldBe(distance);
        NearestWord.EditDistance(b, a).ShouldBe(distance);
    }

    private static async Task<Outcome> RunProbeAsync(Func<ParseResult, int> action, params string[] args)
    {
        var command = new Command("probe", "A verb with one text and one flag.") { new Argument<string>("PROMPT"), new Option<int>("--seed") };
        command.SetAction(action);
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        int code = await CommandShell.RunAsync(new Verb("kinora", "test") { command }, args, new CommandIo(output, error, false));
        return new Outcome(code, output.ToString(), error.ToString());
    }
}
