// Two processes with half a batch each compute what one process computes with the whole batch.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Kinora.Training.Loop;

namespace Kinora.Training.Tests.Runs;

public sealed class DataParallelTests
{
    [Fact]
    public async Task Run_TwoProcessesOnLoopback_EqualsOneProcess()
    {
        using var one = new TemporaryFolder();
        using var two = new TemporaryFolder();
        using (var process = Tiny.Start(one.Path))
            Finish(process);
        string port = FreePort().ToString(CultureInfo.InvariantCulture);
        using (var first = Tiny.Start(two.Path, Member(0, port)))
        using (var second = Tiny.Start(two.Path, Member(1, port)))
        {
            var other = Task.Run(() => Finish(second));
            Finish(first);
            await other;
        }

        foreach (string stage in new[] { "codec", "text", "generator" })
        {
            var expected = TrainingLog.Read(one[Path.Combine(stage, "log.jsonl")]).ToList();
            var actual = TrainingLog.Read(two[Path.Combine(stage, "log.jsonl")]).ToList();
            actual.Select(e => e.Step).ShouldBe(expected.Select(e => e.Step));
            for (int i = 0; i < expected.Count; i++)
            {
                actual[i].Metrics["loss"].ShouldBe(expected[i].Metrics["loss"], Tolerance(stage) * expected[i].Metrics["loss"], $"{stage} step {expected[i].Step}");
                actual[i].GradNorm.ShouldBe(expected[i].GradNorm, 10 * Tolerance(stage) * expected[i].GradNorm, $"{stage} step {expected[i].Step}");
            }
        }
    }

    // The generator starts from text weights that were rounded to bfloat16: a difference in the last bit there can become 2⁻⁸ of a weight.
    private static double Tolerance(string stage) => stage == "generator" ? 1e-4 : 1e-6;

    private static Dictionary<string, string> Member(int rank, string port) => new(StringComparer.Ordinal)
    {
        ["RANK"] = rank.ToString(CultureInfo.InvariantCulture),
        ["WORLD_SIZE"] = "2",
        ["MASTER_ADDR"] = "127.0.0.1",
        ["MASTER_PORT"] = port,
        ["GLOO_SOCKET_IFNAME"] = "lo",
        ["KINORA_THREADS"] = "1",
    };

    private static void Finish(System.Diagnostics.Process process)
    {
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, errors);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
