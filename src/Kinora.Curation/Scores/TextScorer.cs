// Text on screen: lines that look like text are found in every sampled picture, followed from one to the next, and each is read once.
//
//     text.regions   what looks like text, as a share of the picture; mean over the sampled pictures
//     text.area      words that could be read with a confidence of at least 60, as the area of their union (overlapping boxes count once)
//     text.overlay   of that, text that stays where it is while the picture around it changes, or moves while it does not: laid over the film
//     text.scene     text that moves and the picture around it too: part of what was filmed
//
// Source of the rule of stability: cosmos-curate, artificial_text_filter_stage.py (a box that stays is an overlay). Where text and picture both stand still, nothing
// tells them apart; that is unknown here.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Kinora.Curation.Frames;
using Kinora.Vision;

namespace Kinora.Curation.Scores;

/// <summary>The optional scorer <see cref="ScorerSlot.Tesseract"/>.</summary>
public sealed class TextScorer : IClipScorer
{
    // Raised with every change of what is found, read or counted.
    private const int Version = 2;
    private readonly LineReader _reader;

    private TextScorer(LineReader reader, string language)
    {
        _reader = reader;
        Identity = $"{VisionLibrary.Versions} {language} {string.Join(' ', reader.DataFiles.Select(HashOf))} version {Version}";
    }

    /// <inheritdoc/>
    public string Name => ScorerSlot.Tesseract;

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public bool NeedsEarlier => false;

    /// <summary>A scorer, or null with the reason where the library or the language's data is missing.</summary>
    /// <param name="language">Languages to read, as Tesseract names their data, such as <c>eng+deu</c>.</param>
    /// <param name="unavailable">Why there is none; null when there is one.</param>
    public static TextScorer? Create(string language, out string? unavailable) => LineReader.Open(language, out unavailable) is { } reader ? new TextScorer(reader, language) : null;

    /// <inheritdoc/>
    public IClipScorerPass Begin() => new TextPass(_reader);

    /// <summary>Frees the reader.</summary>
    public void Dispose() => _reader.Dispose();

    private static string HashOf(string file)
    {
        using var data = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(data));
    }
}

/// <summary>The text of one source.</summary>
internal sealed class TextPass(LineReader reader) : IClipScorerPass
{
    // Longer side in which lines are looked for; height that letters are read at; grid on which areas are counted.
    private const int FindSide = 640, ReadHeight = 32, AreaGrid = 256, PatchWidth = 48, PatchHeight = 12, TallestLine = 8;

    // A line is read when it was there in two samples; besides, one new line a sample, so that text that passes by quickly has its chance.
    private const int ReadsPerSample = 3, NewReadsPerSample = 1, MaxReads = 2, LeastLetters = 3;
    private const double LeastConfidence = 60, Sure = 80, SamePatch = 0.7, SamePlace = 0.6, Near = 2.5, Stays = 0.01, MovingPicture = 0.35, LeastEdges = 0.002, LeastSpan = 0.9, MostUndetermined = 0.5;

    private readonly List<TextTrack> _tracks = [];
    private readonly List<(long Index, double Time)> _samples = [];
    private byte[] _before = [];
    private int _width, _height;

    internal IReadOnlyList<TextTrack> Tracks => _tracks;

    public void Add(SampledPicture picture, SampledPicture? earlier)
    {
        double factor = Math.Max(1, Math.Max(picture.Width, picture.Height) / (double)FindSide);
        int w = Math.Max(1, (int)Math.Round(picture.Width / factor)), h = Math.Max(1, (int)Math.Round(picture.Height / factor));
        byte[] small = new byte[w * h];
        if (factor == 1) { picture.Gray.CopyTo(small); }
        else { AreaResize.Shrink(picture.Gray, picture.Width, picture.Height, small, w, h); }
        if ((w, h) != (_width, _height)) { _before = []; }
        (_width, _height) = (w, h);
        int sample = _samples.Count;
        _samples.Add((picture.Index, picture.Time));
        var lines = TextFinder.Find(small, w);
        double? moves = _before.Length > 0 ? MovingShare(small, _before, w, h, lines) : null;
        var current = new List<TextTrack>();
        void See(TextTrack track, TextLine line, float[] patch)
        {
            track.Seen.Add(new TextSight(sample, line, patch, moves, new Area((double)line.X / w, (double)line.Y / h, (double)line.Width / w, (double)line.Height / h)));
            current.Add(track);
        }
        List<TextTrack> before = _before.Length > 0 ? [.. _tracks.Where(t => t.Last.Sample == sample - 1)] : [];
        // A line whose place still looks as it did is still there, whether or not it was found again.
        foreach (var track in before)
        {
            float[] patch = PatchOf(small, w, track.Last.Line);
            if (Correlation(track.Last.Patch, patch) >= SamePlace) { See(track, track.Last.Line, patch); }
        }
        int stayed = current.Count;
        foreach (var line in lines)
        {
            if (current.Take(stayed).Any(track => IsPartOf(line, track.Last.Line))) { continue; }
            float[] patch = PatchOf(small, w, line);
            var track = before.Find(t => t.Last.Sample == sample - 1 && t.Bright == line.Bright && HasMovedTo(t.Last, line, patch));
            if (track is null)
            {
                track = new TextTrack(line.Bright);
                _tracks.Add(track);
            }
            See(track, line, patch);
        }
        _before = small;
        Read(picture, current, factor);
    }

    public void Finish()
    {
    }

    public IReadOnlyList<Score> Score(ClipMeasures clip)
    {
        var (samples, seen) = Within(clip);
        string[] names = [ScoreNames.TextRegions, ScoreNames.TextArea, ScoreNames.TextOverlay, ScoreNames.TextScene, ScoreNames.TextWords];
        if (samples.Count == 0) { return [.. names.Select(name => Scores.Score.Missing(name, "no picture of the clip was sampled"))]; }
        double MeanArea(Func<TextTrack, bool> counts, bool words) => samples.Average(sample => UnionOf(seen.Where(s => s.Sight.Sample == sample && counts(s.Track)).SelectMany(s => words ? s.Track.WordsAt(s.Sight) : [s.Sight.Box])));
        var kinds = seen.Select(s => s.Track).Distinct().ToDictionary(track => track, track => KindOf([.. seen.Where(s => s.Track == track).Select(s => s.Sight)]));
        double regions = MeanArea(_ => true, words: false), unread = MeanArea(track => track.Reads == 0, words: false), read = MeanArea(track => track.IsText, words: true);
        double known = Math.Round(regions > 0 ? Math.Max(0, 1 - (unread / regions)) : 1, 6);
        double undetermined = MeanArea(track => track.IsText && kinds[track] == TextKind.Unknown, words: true);
        Score Kind(string name, TextKind kind) => undetermined > MostUndetermined * read
            ? Scores.Score.Missing(name, "text and the picture around it stand still, or the text is gone too soon to tell")
            : new Score(name, Math.Round(MeanArea(track => track.IsText && kinds[track] == kind, words: true), 6), Math.Round(read > 0 ? known * (1 - (undetermined / read)) : known, 6));
        return
        [
            new Score(ScoreNames.TextRegions, Math.Round(regions, 6), 1),
            new Score(ScoreNames.TextArea, Math.Round(read, 6), known),
            Kind(ScoreNames.TextOverlay, TextKind.Overlay),
            Kind(ScoreNames.TextScene, TextKind.Scene),
            new Score(ScoreNames.TextWords, seen.Where(s => s.Track.IsText).SelectMany(s => s.Track.Words).Select(word => word.Text).Distinct(StringComparer.OrdinalIgnoreCase).Count(), known),
        ];
    }

    public ClipMeasures Annotate(ClipMeasures clip)
    {
        var lines = Within(clip).Seen.Select(s => s.Track).Where(track => track.IsText).Distinct().Select(track => string.Join(' ', track.Words.Select(word => word.Text)));
        return clip with { Text = [.. lines.Distinct(StringComparer.OrdinalIgnoreCase)] };
    }

    public void Dispose()
    {
    }

    private (List<int> Samples, List<(TextTrack Track, TextSight Sight)> Seen) Within(ClipMeasures clip)
    {
        List<int> samples = [.. Enumerable.Range(0, _samples.Count).Where(i => _samples[i].Index >= clip.StartFrame && _samples[i].Index < clip.EndFrame)];
        if (samples.Count == 0) { return (samples, []); }
        return (samples, [.. _tracks.SelectMany(track => track.Seen.Where(s => s.Sample >= samples[0] && s.Sample <= samples[^1]).Select(s => (track, s)))]);
    }

    private static bool HasMovedTo(TextSight last, TextLine line, float[] patch)
    {
        double dx = (last.Line.X + (last.Line.Width / 2.0)) - (line.X + (line.Width / 2.0)), dy = (last.Line.Y + (last.Line.Height / 2.0)) - (line.Y + (line.Height / 2.0));
        double reach = Near * Math.Max(last.Line.Height, line.Height);
        return Math.Abs(dx) <= reach && Math.Abs(dy) <= reach && Math.Abs(last.Line.Width - line.Width) <= reach && Correlation(last.Patch, patch) >= SamePatch;
    }

    private static bool IsPartOf(TextLine line, TextLine of)
    {
        int across = Math.Min(line.X + line.Width, of.X + of.Width) - Math.Max(line.X, of.X), down = Math.Min(line.Y + line.Height, of.Y + of.Height) - Math.Max(line.Y, of.Y);
        return across > 0 && down > 0 && 2L * across * down > Math.Min((long)line.Width * line.Height, (long)of.Width * of.Height);
    }

    // What stays while the picture changes around it, or moves while it does not, lies over the film; what moves with the picture belongs to it.
    internal TextKind KindOf(IReadOnlyList<TextSight> seen)
    {
        if (seen.Count < 2 || _samples[seen[^1].Sample].Time - _samples[seen[0].Sample].Time < LeastSpan) { return TextKind.Unknown; }
        double moved = seen.Max(s => Math.Max(Math.Abs(s.Box.CenterX - seen[0].Box.CenterX), Math.Abs(s.Box.CenterY - seen[0].Box.CenterY)));
        double[] known = [.. seen.Skip(1).Select(s => s.Moves).OfType<double>()];
        if (known.Length == 0) { return TextKind.Unknown; }
        bool stays = moved <= Stays, pictureMoves = known.Average() >= MovingPicture;
        return (stays, pictureMoves) switch { (true, false) => TextKind.Unknown, (false, true) => TextKind.Scene, _ => TextKind.Overlay };
    }

    private void Read(SampledPicture picture, List<TextTrack> current, double factor)
    {
        int reads = 0, fresh = 0;
        foreach (var track in current)
        {
            if (track.IsText || track.Reads >= MaxReads || reads >= ReadsPerSample) { continue; }
            if (track.Seen.Count == 1 && ++fresh > NewReadsPerSample) { continue; }
            reads++;
            track.Reads++;
            var line = track.Last.Line;
            double margin = 0.4 * line.Height;
            int left = Math.Max(0, (int)((line.X - margin) * factor)), top = Math.Max(0, (int)((line.Y - margin) * factor));
            int right = Math.Min(picture.Width, (int)Math.Ceiling((line.X + line.Width + margin) * factor)), bottom = Math.Min(picture.Height, (int)Math.Ceiling((line.Y + line.Height + margin) * factor));
            double scale = ReadHeight / (line.Height * factor);
            int w = Math.Max(8, (int)Math.Round((right - left) * scale)), h = Math.Max(8, (int)Math.Round((bottom - top) * scale));
            byte[] crop = Crop(picture.Gray, picture.Width, left, top, right - left, bottom - top, w, h);
            Stretch(crop, invert: line.Bright);
            track.Words.Clear();
            // Leaves and bricks read as words too, but seldom as long ones, and seldom surely.
            bool sure = false;
            foreach (var word in reader.Read(crop, w))
            {
                string text = word.Text.Trim();
                if (word.Confidence < LeastConfidence || !text.Any(char.IsLetterOrDigit)) { continue; }
                // From the crop to shares of the line, which is where later sightings have it.
                Area box = new((left + (word.X / scale) - (line.X * factor)) / (line.Width * factor), (top + (word.Y / scale) - (line.Y * factor)) / (line.Height * factor), word.Width / scale / (line.Width * factor), word.Height / scale / (line.Height * factor));
                track.Words.Add(new TextRead(text, box));
                sure |= word.Confidence >= Sure && text.Count(char.IsLetterOrDigit) >= LeastLetters;
            }
            track.IsText = sure;
        }
    }

    private static byte[] Crop(ReadOnlySpan<byte> gray, int stride, int left, int top, int sw, int sh, int w, int h)
    {
        byte[] source = new byte[sw * sh], target = new byte[w * h];
        for (int y = 0; y < sh; y++) { gray.Slice(((top + y) * stride) + left, sw).CopyTo(source.AsSpan(y * sw)); }
        if (w <= sw && h <= sh)
        {
            AreaResize.Shrink(source, sw, sh, target, w, h);
            return target;
        }
        for (int y = 0; y < h; y++)
        {
            double v = Math.Clamp(((y + 0.5) * sh / h) - 0.5, 0, sh - 1);
            int y0 = (int)v, y1 = Math.Min(sh - 1, y0 + 1);
            for (int x = 0; x < w; x++)
            {
                double u = Math.Clamp(((x + 0.5) * sw / w) - 0.5, 0, sw - 1), fx = u - (int)u, fy = v - y0;
                int x0 = (int)u, x1 = Math.Min(sw - 1, x0 + 1);
                double upper = ((1 - fx) * source[(y0 * sw) + x0]) + (fx * source[(y0 * sw) + x1]), lower = ((1 - fx) * source[(y1 * sw) + x0]) + (fx * source[(y1 * sw) + x1]);
                target[(y * w) + x] = (byte)Math.Round(((1 - fy) * upper) + (fy * lower));
            }
        }
        return target;
    }

    // Dark on bright over the whole range, as the reader was trained.
    private static void Stretch(byte[] gray, bool invert)
    {
        int low = gray.Min(), high = gray.Max(), range = Math.Max(1, high - low);
        for (int i = 0; i < gray.Length; i++)
        {
            int value = 255 * (gray[i] - low) / range;
            gray[i] = (byte)(invert ? 255 - value : value);
        }
    }

    // A line in a few samples of mean 0 and length 1.
    private static float[] PatchOf(byte[] gray, int stride, TextLine line)
    {
        var patch = new float[PatchWidth * PatchHeight];
        for (int y = 0; y < PatchHeight; y++)
        {
            for (int x = 0; x < PatchWidth; x++) { patch[(y * PatchWidth) + x] = gray[((line.Y + (((2 * y) + 1) * line.Height / (2 * PatchHeight))) * stride) + line.X + (((2 * x) + 1) * line.Width / (2 * PatchWidth))]; }
        }
        float mean = patch.Average(), length = MathF.Sqrt(patch.Sum(v => (v - mean) * (v - mean)));
        for (int i = 0; i < patch.Length; i++) { patch[i] = length > 0 ? (patch[i] - mean) / length : 0; }
        return patch;
    }

    private static double Correlation(float[] a, float[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) { sum += a[i] * b[i]; }
        return sum;
    }

    // Of the edges that either picture has outside of lines, the share that the other has not: near 1 when the camera moves, small when only objects do. Null where
    // there are too few edges to say.
    private static double? MovingShare(byte[] now, byte[] before, int w, int h, IReadOnlyList<TextLine> lines)
    {
        var skip = new bool[w * h];
        // Tall rows of shapes are fences and woods rather than text, and most of what there is to see.
        foreach (var line in lines.Where(l => l.Height * TallestLine <= h))
        {
            for (int y = line.Y; y < line.Y + line.Height; y++) { skip.AsSpan((y * w) + line.X, line.Width).Fill(true); }
        }
        int edges = 0, changed = 0;
        for (int y = 1; y < h - 1; y++) { CountEdges(now, before, skip, y * w, w, ref edges, ref changed); }
        return edges < LeastEdges * w * h ? null : (double)changed / edges;
    }

    // Of the inner samples of the row at `start`: those with an edge in either picture, and those of them that differ.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CountEdges(ReadOnlySpan<byte> now, ReadOnlySpan<byte> before, ReadOnlySpan<bool> skip, int start, int w, ref int edges, ref int changed)
    {
        const int edge = 24, different = 12;
        int i = start + 1, end = start + w - 1;
        var skipped = MemoryMarshal.AsBytes(skip);
        for (; i + Vector256<byte>.Count <= end; i += Vector256<byte>.Count)
        {
            var strong = Vector256.GreaterThanOrEqual(Vector256.Max(Steps(now, i, w), Steps(before, i, w)), Vector256.Create((byte)edge)) & Vector256.Equals(Load(skipped, i), Vector256<byte>.Zero);
            edges += BitOperations.PopCount(strong.ExtractMostSignificantBits());
            changed += BitOperations.PopCount((strong & Vector256.GreaterThanOrEqual(Difference(Load(now, i), Load(before, i)), Vector256.Create((byte)different))).ExtractMostSignificantBits());
        }
        for (; i < end; i++)
        {
            if (skip[i]) { continue; }
            int a = Math.Abs(now[i + 1] - now[i - 1]) + Math.Abs(now[i + w] - now[i - w]), b = Math.Abs(before[i + 1] - before[i - 1]) + Math.Abs(before[i + w] - before[i - w]);
            if (Math.Max(a, b) < edge) { continue; }
            edges++;
            changed += Math.Abs(now[i] - before[i]) >= different ? 1 : 0;
        }

        // Above 255 an edge is one anyway.
        static Vector256<byte> Steps(ReadOnlySpan<byte> plane, int i, int w) => Vector256.AddSaturate(Difference(Load(plane, i + 1), Load(plane, i - 1)), Difference(Load(plane, i + w), Load(plane, i - w)));

        static Vector256<byte> Difference(Vector256<byte> a, Vector256<byte> b) => Vector256.Max(a, b) - Vector256.Min(a, b);

        static Vector256<byte> Load(ReadOnlySpan<byte> plane, int at) => Vector256.Create(plane.Slice(at, Vector256<byte>.Count));
    }

    private static double UnionOf(IEnumerable<Area> boxes)
    {
        var grid = new bool[AreaGrid * AreaGrid];
        foreach (var box in boxes)
        {
            int left = Cell(box.X), right = Cell(box.X + box.Width), top = Cell(box.Y), bottom = Cell(box.Y + box.Height);
            for (int y = top; y < bottom; y++) { grid.AsSpan((y * AreaGrid) + left, Math.Max(0, right - left)).Fill(true); }
        }
        return (double)grid.Count(cell => cell) / grid.Length;

        static int Cell(double share) => (int)Math.Round(Math.Clamp(share, 0, 1) * AreaGrid);
    }
}

internal enum TextKind
{
    Unknown,
    Overlay,
    Scene,
}

/// <summary>A rectangle in shares of the picture, or of a line.</summary>
internal readonly record struct Area(double X, double Y, double Width, double Height)
{
    public double CenterX => X + (Width / 2);

    public double CenterY => Y + (Height / 2);
}

/// <summary>A line in one sample.</summary>
/// <param name="Sample">Number of the sample.</param>
/// <param name="Line">Where, in pixels of the searched picture.</param>
/// <param name="Patch">What it looks like.</param>
/// <param name="Moves">Share of the picture's edges that moved since the sample before; null when it is not known.</param>
/// <param name="Box">Where, in shares of the picture.</param>
internal sealed record TextSight(int Sample, TextLine Line, float[] Patch, double? Moves, Area Box);

/// <summary>A word and its place in its line.</summary>
internal sealed record TextRead(string Text, Area Box);

/// <summary>One line over the samples in which it was seen.</summary>
internal sealed class TextTrack(bool bright)
{
    public bool Bright => bright;

    public List<TextSight> Seen { get; } = [];

    public TextSight Last => Seen[^1];

    public List<TextRead> Words { get; } = [];

    /// <summary>How often it was tried to read it.</summary>
    public int Reads { get; set; }

    /// <summary>Whether a word could be read.</summary>
    public bool IsText { get; set; }

    /// <summary>The words' places when the line is where it was seen.</summary>
    public IEnumerable<Area> WordsAt(TextSight sight) => Words.Select(word => new Area(
        sight.Box.X + (word.Box.X * sight.Box.Width), sight.Box.Y + (word.Box.Y * sight.Box.Height), word.Box.Width * sight.Box.Width, word.Box.Height * sight.Box.Height));
}
