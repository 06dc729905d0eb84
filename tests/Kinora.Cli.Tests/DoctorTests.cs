using System.Text.Json;
using Kinora.Cli.Doctor;
using Kinora.Cli.Shell;

namespace Kinora.Cli.Tests;

public sealed class DoctorTests
{
    [Fact]
    public async Task Doctor_Json_ReportsThisMachine()
    {
        var run = await Cli.RunAsync("doctor", "--json");

        run.ExitCode.ShouldBe(ExitCodes.Success, run.Output + run.Error);
        using var report = JsonDocument.Parse(run.Output);
        var root = report.RootElement;
        root.GetProperty("processor").GetProperty("allowed_cores").GetInt32().ShouldBe(Environment.ProcessorCount);
        root.GetProperty("memory").GetProperty("available_bytes").GetInt64().ShouldBeInRange(1 << 20, root.GetProperty("memory").GetProperty("total_bytes").GetInt64());
        root.GetProperty("engine").GetProperty("libtorch_path").GetString().ShouldNotBeNull();
        var speed = root.GetProperty("speed").EnumerateArray().ToList();
        speed.Select(s => s.GetProperty("name").GetString()).ShouldBe(["matmul float32", "attention float32", "matmul bfloat16", "attention bfloat16"]);
        speed.ShouldAllBe(s => s.GetProperty("is_correct").GetBoolean() && s.GetProperty("rate").GetDouble() > 0);
        root.GetProperty("media").GetProperty("formats").EnumerateArray().Select(f => f.GetString()).ShouldBe(["mp4", "webm", "gif", "png", "folder"], ignoreOrder: true);
        root.GetProperty("problems").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public void Report_WithProblems_NamesThemInsteadOfAVerdict()
    {
        var report = new MachineReport
        {
            Kinora = "0.1.0",
            DotNet = "10.0",
            OperatingSystem = "Debian",
            Processor = new ProcessorReport("CPU", 8, 2, 1.5, []),
            Memory = new MemoryReport(2L << 30, 1L << 30, 2L << 30),
            Engine = null,
            Media = new MediaReport(null, [], null),
            Vision = "none",
            Models = [],
            Speed = [new SpeedReport("matmul float32", 12.4, "GFLOP/s", 0.5, IsCorrect: false)],
            Problems = ["the font is missing"],
        };

        string text = MachineReportText.Write(report);

        text.ShouldContain("2 of 8 cores usable, quota 1.5 cores");
        text.ShouldContain("1.0 GiB free of 2.0 GiB (limit of the container)");
        text.ShouldContain("WRONG");
        text.ShouldContain("Problem    the font is missing");
        text.ShouldNotContain("ready");
    }
}
