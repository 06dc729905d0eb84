// Progress on stderr: a bar with ETA on a terminal, one line per stage elsewhere, nothing with --quiet.

using System.Diagnostics;
using System.Globalization;

namespace Kinora.Cli.Shell;

/// <summary>Shows how far a command is. Safe to call from any thread.</summary>
public sealed class ConsoleProgress : IDisposable
{
    private const int BarWidth = 28;
    private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(80);

    private readonly Lock _gate = new();
    private readonly TextWriter _error;
    private readonly bool _quiet;
    private readonly bool _terminal;
    private readonly Func<TimeSpan> _clock;
    private string? _stage;
    private TimeSpan _stageStart;
    private TimeSpan? _lastDraw;
    private int _lineLength;

    /// <summary>Shows progress of the running command.</summary>
    public ConsoleProgress() : this(CommandSession.Current.Io.Error, CommandSession.Current.IsQuiet, CommandSession.Current.Io.IsTerminal)
    {
    }

    internal ConsoleProgress(TextWriter error, bool quiet, bool terminal, Func<TimeSpan>? clock = null)
    {
        _error = error;
        _quiet = quiet;
        _terminal = terminal;
        long origin = Stopwatch.GetTimestamp();
        _clock = clock ?? (() => Stopwatch.GetElapsedTime(origin));
    }

    /// <summary>Reports that <paramref name="done"/> of <paramref name="total"/> steps of <paramref name="stage"/> are finished.</summary>
    /// <param name="stage">What is being done, in two or three words: "sampling", "decoding frames".</param>
    /// <param name="done">Steps finished, 0..total.</param>
    /// <param name="total">Steps of this stage; 0 when unknown.</param>
    /// <param name="note">A few words behind the bar: a loss, a rate.</param>
    public void Report(string stage, double done, double total, string? note = null)
    {
        if (_quiet) { return; }
        lock (_gate)
        {
            var now = _clock();
            if (!string.Equals(stage, _stage, StringComparison.Ordinal)) { Begin(stage, now); }
            bool last = total > 0 && done >= total;
            if (_terminal && (last || _lastDraw is null || now - _lastDraw >= RedrawInterval)) { Draw(done, total, note, now); }
            if (last) { End(now, note); }
        }
    }

    /// <summary>Writes a line above the bar.</summary>
    public void Line(string text)
    {
        if (_quiet) { return; }
        lock (_gate)
        {
            Erase();
            _error.WriteLine(text);
        }
    }

    /// <summary>Removes an unfinished bar.</summary>
    public void Dispose()
    {
        lock (_gate) { Erase(); }
    }

    private void Begin(string stage, TimeSpan now)
    {
        Erase();
        _stage = stage;
        _stageStart = now;
        _lastDraw = null;
        if (!_terminal) { _error.WriteLine($"{stage} ..."); }
    }

    private void End(TimeSpan now, string? note)
    {
        Erase();
        _error.WriteLine($"{_stage} done in {Duration(now - _stageStart)}{(note is null ? "" : $", {note}")}");
        _stage = null;
    }

    private void Draw(double done, double total, string? note, TimeSpan now)
    {
        _lastDraw = now;
        var elapsed = now - _stageStart;
        string line;
        if (total > 0)
        {
            double fraction = Math.Clamp(done / total, 0, 1);
            int filled = (int)Math.Round(fraction * BarWidth);
            string eta = fraction > 0 ? Duration(elapsed * ((1 - fraction) / fraction)) : "?";
            line = string.Create(CultureInfo.InvariantCulture,
                $"{_stage} [{new string('#', filled)}{new string('.', BarWidth - filled)}] {done:0.#}/{total:0.#}  {eta} left");
        }
        else
        {
            line = string.Create(CultureInfo.InvariantCulture, $"{_stage} {done:0.#}  {Duration(elapsed)}");
        }

        if (note is not null) { line += $"  {note}"; }
        _error.Write($"\r{line.PadRight(_lineLength)}");
        _error.Flush();
        _lineLength = line.Length;
    }

    private void Erase()
    {
        if (_lineLength == 0) { return; }
        _error.Write($"\r{new string(' ', _lineLength)}\r");
        _error.Flush();
        _lineLength = 0;
    }

    /// <summary>A duration as people say it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min.</summary>
    public static string Duration(TimeSpan time) => time.TotalSeconds switch
    {
        < 9.95 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        < 59.5 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        < 3600 => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes} min {time.Seconds} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes} min"),
    };
}
