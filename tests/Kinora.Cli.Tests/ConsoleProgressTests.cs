using Kinora.Cli.Shell;

namespace Kinora.Cli.Tests;

public sealed class ConsoleProgressTests
{
    private TimeSpan _now;

    [Fact]
    public void Terminal_DrawsBarWithRemainingTime()
    {
        using var error = new StringWriter();
        using var progress = new ConsoleProgress(error, quiet: false, terminal: true, () => _now);

        progress.Report("sampling", 0, 20);
        _now = TimeSpan.FromSeconds(5);
        progress.Report("sampling", 5, 20, "2.1 GiB");

        string last = error.ToString().Split('\r')[^1];
        last.ShouldStartWith("sampling [#######.....................] 5/20  15 s left  2.1 GiB");
    }

    [Fact]
    public void Terminal_ManyReportsAtOnce_AreDrawnOnce()
    {
        using var error = new StringWriter();
        using var progress = new ConsoleProgress(error, quiet: false, terminal: true, () => _now);

        for (int step = 0; step < 100; step++) { progress.Report("sampling", step, 1000); }

        error.ToString().Count(c => c == '\r').ShouldBe(1);
    }

    [Fact]
    public void Redirected_WritesOneLineAtEachEndOfAStage()
    {
        using var error = new StringWriter();
        using var progress = new ConsoleProgress(error, quiet: false, terminal: false, () => _now);

        progress.Report("sampling", 0, 2);
        progress.Report("sampling", 1, 2);
        _now = TimeSpan.FromSeconds(75);
        progress.Report("sampling", 2, 2);
        progress.Report("decoding", 0, 0);

        error.ToString().ShouldBe(string.Concat(new[] { "sampling ...", "sampling done in 1 min 15 s", "decoding ..." }.Select(l => l + Environment.NewLine)));
    }

    [Fact]
    public void Quiet_WritesNothing()
    {
        using var error = new StringWriter();
        using (var progress = new ConsoleProgress(error, quiet: true, terminal: true, () => _now))
        {
            progress.Report("sampling", 1, 2);
            progress.Line("a remark");
            progress.Report("sampling", 2, 2);
        }

        error.ToString().ShouldBeEmpty();
    }

    [Fact]
    public void Dispose_ErasesAnUnfinishedBar()
    {
        using var error = new StringWriter();
        using (var progress = new ConsoleProgress(error, quiet: false, terminal: true, () => _now)) { progress.Report("sampling", 1, 2); }

        error.ToString().ShouldEndWith(" \r");
    }

    [Theory]
    [InlineData(0.04, "0.0 s")]
    [InlineData(9.94, "9.9 s")]
    [InlineData(12.3, "12 s")]
    [InlineData(200, "3 min 20 s")]
    [InlineData(7500, "2 h 5 min")]
    public void Duration_IsWrittenAsPeopleSayIt(double seconds, string text) => ConsoleProgress.Duration(TimeSpan.FromSeconds(seconds)).ShouldBe(text);
}
