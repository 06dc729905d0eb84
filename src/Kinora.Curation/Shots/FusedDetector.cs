// Hard cuts, gradual transitions and fades together, with flashes told apart, from small signatures of all frames.
//
// A hard cut stands out of its neighborhood and the picture does not come back. A gradual transition is a stretch over which the
// picture changes much more than it does in equally fast steps before and after: camera motion changes it at the same pace there.
// Both ideas are old (Zhang, Kankanhalli and Smoliar, "Automatic partitioning of full-motion video", 1993: twin comparison);
// thresholds were set on films of `kinora bench cuts` with other seeds than its default.
using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Options of <see cref="FusedDetector"/>.</summary>
public sealed record FusedOptions
{
    /// <summary>Ratio of a frame's content score to its neighbors' at which it may be a hard cut.</summary>
    public double Ratio { get; init; } = 3;

    /// <summary>Content score below which there is no hard cut.</summary>
    public double MinContent { get; init; } = 10;

    /// <summary>Change over a gradual transition beyond what motion explains.</summary>
    public double Gradual { get; init; } = 8;

    /// <summary>Shortest shot in frames.</summary>
    public long MinLength { get; init; } = 15;

    /// <summary>Hard cuts may lie nearer to each other than <see cref="MinLength"/>, down to the longest flash: a shot that is too short is a shot all the same.</summary>
    public bool EveryHardCut { get; init; }

    /// <summary>More sensitive, to look for cuts that are left in finished clips.</summary>
    public static FusedOptions Audit { get; } = new() { Ratio = 2.7, MinContent = 9, Gradual = 7.5, MinLength = 8 };
}

/// <summary>
/// Decides when the clip has ended, and about a long clip's earlier part as soon as nothing that follows can change it; so it keeps some
/// ten thousand frames of about 300 bytes each, whatever the clip's length.
/// </summary>
/// <param name="options">What a cut is.</param>
/// <param name="flushAt">Frames kept before the earlier ones are decided. Decides nothing about the cuts that are found.</param>
public sealed class FusedDetector(FusedOptions options, int flushAt = 16384) : IShotDetector
{
    // Frames on both sides on which a decision can depend: the longest change, its drift and a flash, amply. After so many failures to find
    // a quiet place memory comes first.
    private const int Reach = 128, MostFlushes = 16;
    private const int Columns = 8, Rows = 6, GridSize = Columns * Rows * 3, HistogramSize = 64, MaxFlash = 6;
    private const double Dark = 12, ReturnShare = 0.4, MotionShare = 2, HistogramWeight = 100;
    private static readonly int[] Lengths = [6, 10, 16, 24, 34];

    private readonly List<Entry> _frames = [];
    private long _first = -1, _next = flushAt;
    private int _decided;

    /// <inheritdoc/>
    public string Name => "fused";

    /// <inheritdoc/>
    public void Process(FrameGraph frame, ShotTrace trace)
    {
        var delta = frame.Delta;
        double content = (delta.Hue + delta.Saturation + delta.Luma) / 3;
        trace.Record(ContentScore.Metric, frame.Index, content);
        if (_first < 0) { _first = frame.Index; }
        _frames.Add(new Entry(frame.Index, content, frame.Mean, Grid(frame), Histogram(frame.Bgr)));
        if (_frames.Count >= _next) { Flush(trace); }
    }

    /// <inheritdoc/>
    public void Finish(long lastIndex, ShotTrace trace)
    {
        var hard = HardCuts();
        Decide(hard, GradualCandidates(hard), _frames.Count, trace);
    }

    // Decides about the frames before the last place around which nothing happens, and forgets them.
    private void Flush(ShotTrace trace)
    {
        var hard = HardCuts();
        var candidates = GradualCandidates(hard);
        // Cuts nearer than the shortest shot compete with each other; fades on both sides of a dark stretch belong together.
        int apart = (int)Math.Min(options.MinLength, flushAt) + 1, latest = _frames.Count - Reach;
        int[] busy = new int[_frames.Count + 1];
        void Mark(int from, int to)
        {
            busy[Math.Max(0, from - apart)]++;
            busy[Math.Min(_frames.Count, to + apart + 1)]--;
        }
        foreach (int cut in hard) { Mark(cut, cut); }
        foreach (var (_, from, to) in candidates) { Mark(from, to); }
        int quiet = -1, depth = 0;
        for (int i = 0; i <= latest; i++)
        {
            depth += busy[i];
            if (depth == 0 && _frames[i].Mean >= Dark && i > _decided) { quiet = i; }
        }
        if (quiet < 0 && _frames.Count < (long)MostFlushes * flushAt)
        {
            _next = _frames.Count + flushAt;
            return;
        }
        if (quiet < 0) { quiet = latest; }
        Decide(hard, candidates, quiet, trace);
        int forgotten = Math.Max(0, quiet - Reach);
        _frames.RemoveRange(0, forgotten);
        _decided = quiet - forgotten;
        _next = Math.Max(flushAt, _frames.Count + (flushAt / 2));
    }

    private void Decide(List<int> hard, List<(double Margin, int From, int To)> candidates, int end, ShotTrace trace)
    {
        var gradual = new SortedSet<int>(Strongest(candidates.Where(c => c.From >= _decided && c.From < end)).Select(change => Middle(change.From, change.To)));
        JoinDarkStretches(gradual);
        var kept = new List<long>();
        // Hard cuts are surer: where shots would be too short, they stay.
        Keep(hard.Where(cut => cut >= _decided && cut < end), options.EveryHardCut ? Math.Min(MaxFlash + 1, options.MinLength) : options.MinLength);
        Keep(gradual, options.MinLength);
        void Keep(IEnumerable<int> cuts, long apart)
        {
            foreach (long index in cuts.Select(cut => _frames[cut].Index))
            {
                if (index - _first >= apart && kept.TrueForAll(other => Math.Abs(other - index) >= apart)) { kept.Add(index); }
            }
        }
        foreach (long index in kept) { trace.Cut(index); }
    }

    private List<int> HardCuts()
    {
        const int reach = 2;
        var cuts = new List<int>();
        for (int i = 1; i < _frames.Count; i++)
        {
            double content = _frames[i].Content;
            if (content < options.MinContent) { continue; }
            double sum = 0;
            int n = 0;
            for (int j = Math.Max(1, i - reach); j <= Math.Min(_frames.Count - 1, i + reach); j++)
            {
                if (j == i) { continue; }
                sum += _frames[j].Content;
                n++;
            }
            if (n > 0 && content < options.Ratio * sum / n) { continue; }
            if (!Returns(i)) { cuts.Add(i); }
        }
        return cuts;
    }

    // Whether the picture from before frame i comes back soon, or frame i is itself the return.
    private bool Returns(int i)
    {
        double jump = Distance(i - 1, i);
        for (int k = 1; k <= MaxFlash; k++)
        {
            if (i + k < _frames.Count && Distance(i - 1, i + k) < ReturnShare * jump) { return true; }
            if (i - 1 - k >= 0 && Distance(i - 1 - k, i) < ReturnShare * jump) { return true; }
        }
        return false;
    }

    private List<(double Margin, int From, int To)> GradualCandidates(List<int> hard)
    {
        var found = new List<(double Margin, int From, int To)>();
        // Number of hard cuts up to each frame: none may lie within a change, and drifts are measured within the shot.
        int[] cutsUpTo = new int[_frames.Count];
        foreach (int cut in hard) { cutsUpTo[cut]++; }
        for (int i = 1; i < cutsUpTo.Length; i++) { cutsUpTo[i] += cutsUpTo[i - 1]; }
        foreach (int length in Lengths)
        {
            int step = Math.Max(4, length / 2);
            for (int from = 0; from + length < _frames.Count; from++)
            {
                int to = from + length;
                if (cutsUpTo[to] != cutsUpTo[from]) { continue; }
                double change = Distance(from, to);
                if (change < options.Gradual) { continue; }
                double before = Drift(from, -step, cutsUpTo), after = Drift(to, step, cutsUpTo);
                double margin = change - (MotionShare * Math.Max(before, after));
                if (margin >= options.Gradual) { found.Add((margin, from, to)); }
            }
        }
        return found;
    }

    private static List<(int From, int To)> Strongest(IEnumerable<(double Margin, int From, int To)> found)
    {
        var kept = new List<(int From, int To)>();
        foreach (var (_, from, to) in found.OrderByDescending(f => f.Margin).ThenBy(f => f.From).ThenBy(f => f.To))
        {
            if (kept.TrueForAll(k => to <= k.From || from >= k.To)) { kept.Add((from, to)); }
        }
        return kept;
    }

    // The largest change within a step to one side, not across a hard cut. Where the shot is shorter than the step, motion is taken to go
    // on at its pace; a shot that shows nothing on that side says nothing about its motion, and then there is no transition.
    private double Drift(int at, int step, int[] cutsUpTo)
    {
        double most = 0;
        int direction = Math.Sign(step), seen = 0;
        for (int k = 2; k <= Math.Abs(step); k += 2)
        {
            int other = at + (direction * k);
            if (other < 0 || other >= _frames.Count || cutsUpTo[other] != cutsUpTo[at]) { break; }
            most = Math.Max(most, Distance(at, other));
            seen = k;
        }
        int full = Math.Abs(step) / 2 * 2;
        return seen == 0 ? double.PositiveInfinity : most * full / seen;
    }

    private int Middle(int from, int to)
    {
        int best = (from + to + 1) / 2;
        double least = double.MaxValue;
        for (int m = from + 1; m <= to; m++)
        {
            double imbalance = Math.Abs(Distance(from, m) - Distance(m, to));
            if (imbalance < least) { (best, least) = (m, imbalance); }
        }
        return best;
    }

    // A fade-out and the fade-in after it are one transition.
    private void JoinDarkStretches(SortedSet<int> cuts)
    {
        int[] order = [.. cuts];
        for (int i = 0; i + 1 < order.Length; i++)
        {
            int first = order[i], second = order[i + 1];
            int from = Enumerable.Range(first, second - first).FirstOrDefault(f => _frames[f].Mean < Dark, -1);
            if (from < 0) { continue; }
            int to = from;
            while (to < _frames.Count && _frames[to].Mean < Dark) { to++; }
            if (_frames[from].Index - _frames[first].Index > options.MinLength || _frames[second].Index - _frames[Math.Min(to, _frames.Count - 1)].Index > options.MinLength) { continue; }
            cuts.Remove(first);
            cuts.Remove(second);
            int middle = (from + to) / 2;
            cuts.Add(middle);
            order[i + 1] = middle;
        }
    }

    private double Distance(int i, int j)
    {
        byte[] a = _frames[i].Grid, b = _frames[j].Grid, p = _frames[i].Histogram, q = _frames[j].Histogram;
        return (0.5 * PlaneDistance.Sum(a, b) / GridSize) + (0.5 * HistogramWeight * PlaneDistance.Sum(p, q) / (2.0 * byte.MaxValue));
    }

    private static byte[] Grid(FrameGraph frame)
    {
        byte[] grid = new byte[GridSize];
        var bgr = frame.Bgr;
        for (int row = 0; row < Rows; row++)
        {
            int top = row * frame.Height / Rows, bottom = Math.Max(top + 1, (row + 1) * frame.Height / Rows);
            for (int column = 0; column < Columns; column++)
            {
                int left = column * frame.Width / Columns, right = Math.Max(left + 1, (column + 1) * frame.Width / Columns);
                int b = 0, g = 0, r = 0, n = 0;
                for (int y = top; y < Math.Min(bottom, frame.Height); y++)
                {
                    for (int x = left; x < Math.Min(right, frame.Width); x++, n++)
                    {
                        int at = ((y * frame.Width) + x) * 3;
                        b += bgr[at];
                        g += bgr[at + 1];
                        r += bgr[at + 2];
                    }
                }
                int cell = ((row * Columns) + column) * 3;
                n = Math.Max(n, 1);
                (grid[cell], grid[cell + 1], grid[cell + 2]) = ((byte)(b / n), (byte)(g / n), (byte)(r / n));
            }
        }
        return grid;
    }

    // Shares of the 64 colors of two bits per channel, in 1/255.
    private static byte[] Histogram(ReadOnlySpan<byte> bgr)
    {
        Span<int> counts = stackalloc int[HistogramSize];
        counts.Clear();
        for (int i = 0; i < bgr.Length; i += 3) { counts[((bgr[i] >> 6) << 4) | ((bgr[i + 1] >> 6) << 2) | (bgr[i + 2] >> 6)]++; }
        byte[] histogram = new byte[HistogramSize];
        for (int i = 0; i < HistogramSize; i++) { histogram[i] = (byte)Math.Round((double)counts[i] * byte.MaxValue * 3 / bgr.Length); }
        return histogram;
    }

    private sealed record Entry(long Index, double Content, double Mean, byte[] Grid, byte[] Histogram);
}
