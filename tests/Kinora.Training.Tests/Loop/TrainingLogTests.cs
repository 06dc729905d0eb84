using Kinora.Training.Loop;

namespace Kinora.Training.Tests.Loop;

public sealed class TrainingLogTests
{
    [Fact]
    public void Open_AtACheckpoint_DropsWhatCameAfterIt()
    {
        using var folder = new TemporaryFolder();
        string path = folder["log.jsonl"];
        using (var log = new TrainingLog(path, 0))
        {
            foreach (long step in new[] { 10, 20, 30 })
                log.Add(Entry(step));
        }
        using (var log = new TrainingLog(path, 20))
        {
            log.Entries.Select(e => e.Step).ShouldBe([10L, 20L]);
            log.Add(Entry(25));
        }
        TrainingLog.Read(path).Select(e => e.Step).ShouldBe([10L, 20L, 25L]);
    }

    [Fact]
    public void Read_LastLineCutOff_GivesTheOthersExactly()
    {
        using var folder = new TemporaryFolder();
        string path = folder["log.jsonl"];
        using (var log = new TrainingLog(path, 0))
            log.Add(Entry(10));
        File.AppendAllText(path, "{\"step\":20,\"metr");
        var entry = TrainingLog.Read(path).ShouldHaveSingleItem();
        entry.Metrics["loss"].ShouldBe(1.0 / 3);
    }

    private static LogEntry Entry(long step) => new(step, new Dictionary<string, double> { ["loss"] = 1.0 / 3 }, 1, 1e-3, 10, 0, 5);
}
