// The launcher at the root of the repository, with recorded tools in place of compilers and package managers.

namespace Kinora.Cli.Tests.Launcher;

public sealed class LauncherTests : IDisposable
{
    private readonly FakeCheckout _checkout = new();

    public void Dispose() => _checkout.Dispose();

    [Fact]
    public void FirstRun_SetsUpThenRunsTheVerbWithItsArguments()
    {
        var run = _checkout.Run("generate", "a \"red\" balloon $HOME *", "-o", "");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldBe($"home={_checkout.Root} native= folder={_checkout.Base}\n[generate]\n[a \"red\" balloon $HOME *]\n[-o]\n[]\n");
        _checkout.Calls.Count(c => c.StartsWith("cmake --build", StringComparison.Ordinal)).ShouldBe(1);
        _checkout.Calls.Count(c => c.StartsWith("dotnet publish", StringComparison.Ordinal)).ShouldBe(1);
        _checkout.Calls.ShouldAllBe(c => !c.StartsWith("apt-get", StringComparison.Ordinal));
    }

    [Fact]
    public void SecondRun_CallsNoTool()
    {
        _checkout.Run("one");
        _checkout.ForgetCalls();

        var run = _checkout.Run("two");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldContain("[two]");
        run.Error.Trim().ShouldBeEmpty();
        _checkout.Calls.ShouldBeEmpty();
    }

    [Fact]
    public void ChangedManagedSource_RebuildsOnlyTheCommandLine()
    {
        _checkout.Run("one");
        _checkout.ForgetCalls();
        File.WriteAllText(_checkout.AppSource, "changed");
        FakeCheckout.Touch(_checkout.AppSource);

        _checkout.Run("two").ExitCode.ShouldBe(0);

        _checkout.Calls.Where(c => c != "dotnet --list-sdks").ShouldHaveSingleItem().ShouldStartWith("dotnet publish");
    }

    [Fact]
    public void ChangedNativeSource_RebuildsOnlyTheNativeLibraries()
    {
        _checkout.Run("one");
        _checkout.ForgetCalls();
        File.WriteAllText(_checkout.NativeSource, "changed");
        FakeCheckout.Touch(_checkout.NativeSource);

        _checkout.Run("two").ExitCode.ShouldBe(0);

        _checkout.Calls.Count(c => c.StartsWith("cmake --build", StringComparison.Ordinal)).ShouldBe(1);
        _checkout.Calls.ShouldAllBe(c => !c.StartsWith("dotnet publish", StringComparison.Ordinal));
    }

    [Fact]
    public void NewerFileOfSameContent_RebuildsNothing()
    {
        _checkout.Run("one");
        _checkout.ForgetCalls();
        FakeCheckout.Touch(_checkout.AppSource);

        _checkout.Run("two").ExitCode.ShouldBe(0);

        _checkout.Calls.ShouldBe(["dotnet --list-sdks"]);
    }

    [Fact]
    public void Force_RebuildsEverything()
    {
        _checkout.Run("one");
        _checkout.ForgetCalls();

        _checkout.Run("setup", "--force").ExitCode.ShouldBe(0);

        _checkout.Calls.Count(c => c.StartsWith("cmake --build", StringComparison.Ordinal)).ShouldBe(1);
        _checkout.Calls.Count(c => c.StartsWith("dotnet publish", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Fact]
    public void SymbolicLinks_LeadToTheCheckout()
    {
        string second = Path.Combine(_checkout.Root, "second");
        string first = Path.Combine(_checkout.Base, "first");
        File.CreateSymbolicLink(second, "kinora");
        File.CreateSymbolicLink(first, "check out/second");

        var run = _checkout.Run(first, "/", environment: null, "doctor");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldStartWith($"home={_checkout.Root} native= folder=/\n");
    }

    [Fact]
    public void ExitCode_OfTheVerb_IsPassedOn() => _checkout.Run("fail").ExitCode.ShouldBe(4);

    [Fact]
    public void FailedStep_ShowsLogAndNextRunRepairs()
    {
        _checkout.AddTool("cmake", "echo 'CMake Error: no such compiler'; exit 3");
        var broken = _checkout.Run("one");
        _checkout.AddTool("cmake", "exit 0");
        var repaired = _checkout.Run("two");

        broken.ExitCode.ShouldBe(1);
        broken.Output.ShouldBeEmpty();
        broken.Error.ShouldContain("CMake Error: no such compiler");
        broken.Error.ShouldContain(Path.Combine(_checkout.Root, "artifacts", "log", "native-torch-configure.log"));
        repaired.ExitCode.ShouldBe(0, repaired.Error);
        repaired.Output.ShouldContain("[two]");
    }

    [Fact]
    public void MissingPackages_WithoutRoot_PrintOneCommand()
    {
        _checkout.RemoveTool("g++");
        _checkout.AddTool("dpkg-query", "[[ $3 != libtorch-dev ]] && printf installed");

        var run = _checkout.RunUnprivileged("one");

        run.ExitCode.ShouldBe(1);
        run.Error.ShouldContain("sudo apt-get update && sudo apt-get install -y --no-install-recommends g++ libtorch-dev\n");
        run.Output.ShouldBeEmpty();
        _checkout.Calls.ShouldBeEmpty();
    }

    [Fact]
    public void MissingSdk_IsExplained()
    {
        _checkout.AddTool("dotnet", "[[ $1 == --list-sdks ]] && echo '8.0.100 [/somewhere]'");

        var run = _checkout.Run("one");

        run.ExitCode.ShouldBe(1);
        run.Error.ShouldContain(".NET 10 SDK was not found");
    }

    [Fact]
    public void ConcurrentFirstRuns_BuildOnce()
    {
        var processes = Enumerable.Range(0, 4).Select(i => _checkout.Start(_checkout.Launcher, _checkout.Base, null, unprivileged: false, $"run{i}")).ToList();
        var runs = processes.Select(FakeCheckout.Finish).ToList();
        processes.ForEach(p => p.Dispose());

        runs.ShouldAllBe(r => r.ExitCode == 0);
        _checkout.Calls.Count(c => c.StartsWith("dotnet publish", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Fact]
    public void NamedLibtorch_IsBuiltBesideTheDefault()
    {
        string libtorch = Path.Combine(_checkout.Base, "torch");
        Directory.CreateDirectory(libtorch);
        _checkout.AddTool("dpkg-query", "[[ $3 != libtorch-dev ]] && printf installed");

        var run = _checkout.Run(_checkout.Launcher, _checkout.Base, ("KINORA_LIBTORCH", libtorch), "doctor");

        run.ExitCode.ShouldBe(0, run.Error);
        _checkout.Calls[1].ShouldContain($"-DCMAKE_PREFIX_PATH={libtorch}");
        run.Output.ShouldMatch("native=.*/artifacts/native_.*torch folder=");
    }

    [Fact]
    public void NamedLibtorch_ThatIsNoFolder_IsRefused()
    {
        var run = _checkout.Run(_checkout.Launcher, _checkout.Base, ("KINORA_LIBTORCH", "/nowhere/torch"), "doctor");

        run.ExitCode.ShouldBe(2);
        run.Error.ShouldContain("KINORA_LIBTORCH names /nowhere/torch, which is not a folder.");
    }

    [Fact]
    public void UnknownSetupFlag_IsRefused() => _checkout.Run("setup", "--forse").ExitCode.ShouldBe(2);

    [Fact]
    public void Test_WhenTheBuildFails_StillEndsWithTheSummary()
    {
        _checkout.AddTool("dotnet", "[[ $1 == --list-sdks ]] && echo '10.0.100 [/x]' && exit 0; echo 'error CS0000'; exit 1");

        var run = _checkout.Run("test");

        run.ExitCode.ShouldBe(1);
        run.Error.ShouldContain("error CS0000");
        run.Output.ShouldBe("0 passed, 1 failed, 0 skipped\n");
    }

    [Fact]
    public void Test_AddsUpEveryProject()
    {
        foreach (string name in new[] { "A.Tests", "B.Tests", "Crash.Tests" })
        {
            Directory.CreateDirectory(Path.Combine(_checkout.Root, "tests", name));
            File.WriteAllText(Path.Combine(_checkout.Root, "tests", name, name + ".csproj"), "");
        }

        _checkout.AddTool("dotnet", """
            case "$1 $2" in
              --list-sdks*) echo '10.0.100 [/x]' ;;
              build*) ;;
              *A.Tests.dll) echo 'Passed!  - Failed:     0, Passed:    12, Skipped:     1, Total:    13, Duration: 1 s - A.Tests.dll (net10.0)' ;;
              *B.Tests.dll) echo 'Failed!  - Failed:     2, Passed:     3, Skipped:     0, Total:     5, Duration: 1 s - B.Tests.dll (net10.0)'; exit 1 ;;
              *) echo 'The active test run was aborted.'; exit 1 ;;
            esac
            """);

        var run = _checkout.Run("test");

        run.ExitCode.ShouldBe(1);
        run.Output.ShouldContain("Crash.Tests crashed with exit code 1.");
        run.Output.ShouldEndWith("\n15 passed, 3 failed, 1 skipped\n");
    }
}
