// Text of known content on moving pictures: what is found, read, and told apart from what was filmed.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Curation.Scores;
using Kinora.Media;
using Kinora.Vision;
using Kinora.World;

namespace Kinora.Curation.Bench;

/// <summary>What became of the cases.</summary>
public sealed record TextBenchReport
{
    /// <summary>Clips in all; a quarter has no text.</summary>
    public required int Cases { get; init; }

    /// <summary>Lines drawn.</summary>
    public required int Lines { get; init; }

    /// <summary>Lines of which a region covers at least 60 %.</summary>
    public required int Found { get; init; }

    /// <summary>Lines of which at least one word was accepted as text at its place.</summary>
    public required int Accepted { get; init; }

    /// <summary>Words drawn.</summary>
    public required int Words { get; init; }

    /// <summary>Words read exactly but for case.</summary>
    public required int WordsRead { get; init; }

    /// <summary>Regions found that show no text, of all regions.</summary>
    public required int FalseRegions { get; init; }

    /// <summary>Regions found.</summary>
    public required int Regions { get; init; }

    /// <summary>Lines accepted as text where none was drawn.</summary>
    public required int FalseText { get; init; }

    /// <summary>Text that stayed while the picture moved, of the accepted ones: called overlay, scene, unknown.</summary>
    public required IReadOnlyList<int> Overlay { get; init; }

    /// <summary>Text that moved with the picture: called overlay, scene, unknown.</summary>
    public required IReadOnlyList<int> Scene { get; init; }

    /// <summary>Text on a picture that stood still: called overlay, scene, unknown.</summary>
    public required IReadOnlyList<int> Still { get; init; }

    /// <summary>Milliseconds for one sampled picture, reading included.</summary>
    public required double MillisecondsPerPicture { get; init; }

    /// <summary>The report as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TextBenchJson.Default.TextBenchReport);

    /// <summary>The report as text for people.</summary>
    public string ToText()
    {
        static string Share(int part, int all) => all == 0 ? "none" : string.Create(CultureInfo.InvariantCulture, $"{part} of {all} ({100.0 * part / all:0.0} %)");
        string Kinds(IReadOnlyList<int> counts) => $"{counts[0]} overlay, {counts[1]} scene, {counts[2]} unknown";
        return new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"{Cases} clips")
            .AppendLine(CultureInfo.InvariantCulture, $"lines found as regions      {Share(Found, Lines)}")
            .AppendLine(CultureInfo.InvariantCulture, $"lines accepted as text      {Share(Accepted, Lines)}, precision {Share(Accepted, Accepted + FalseText)}")
            .AppendLine(CultureInfo.InvariantCulture, $"words read exactly          {Share(WordsRead, Words)}")
            .AppendLine(CultureInfo.InvariantCulture, $"regions without text        {Share(FalseRegions, Regions)}")
            .AppendLine(CultureInfo.InvariantCulture, $"text over a moving picture  {Kinds(Overlay)}")
            .AppendLine(CultureInfo.InvariantCulture, $"text in a moving picture    {Kinds(Scene)}")
            .AppendLine(CultureInfo.InvariantCulture, $"text on a still picture     {Kinds(Still)}")
            .Append(CultureInfo.InvariantCulture, $"{MillisecondsPerPicture:0.0} ms for a picture").ToString();
    }
}

/// <summary>Judges how text on screen is found and read.</summary>
public static class TextBench
{
    private const int Width = 960, Height = 540, CanvasWidth = 1280, CanvasHeight = 720, Samples = 5, Shift = 24, LeastCapital = 14, MostCapital = 56, Kinds = 4;
    private const double Second = 0.5, Covered = 0.6;
    private static readonly string[] Vocabulary = ["Summer", "RIVER", "morning", "Station", "COFFEE", "garden", "October", "Bridge", "MARKET", "window", "Theatre", "yellow", "HARBOUR", "silver", "Mountain", "kitchen", "LIBRARY", "orange", "Village", "1984", "Chapter", "FINAL", "North", "street"];

    // On dark ground and on bright ground: what a person would choose.
    private static readonly (byte B, byte G, byte R)[] Light = [(250, 250, 250), (40, 220, 250)], Dark = [(8, 8, 8), (90, 20, 20)];

    /// <summary>Draws and judges.</summary>
    /// <param name="cases">Number of clips.</param>
    /// <param name="footage">Videos whose frames are the ground; none = scenes of the procedural world.</param>
    /// <param name="progress">Told the clips done.</param>
    /// <param name="cancellationToken">Stops between clips.</param>
    /// <exception cref="VisionException">OpenCV or Tesseract is missing.</exception>
    public static TextBenchReport Run(int cases, IReadOnlyList<string> footage, Action<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(footage);
        using var reader = LineReader.Open("eng", out string? unavailable) ?? throw new VisionException(unavailable!);
        var lettering = Lettering.Load();
        var grounds = Grounds(footage).GetEnumerator();
        int lines = 0, found = 0, accepted = 0, words = 0, wordsRead = 0, falseRegions = 0, regions = 0, falseText = 0;
        int[][] kinds = [new int[3], new int[3], new int[3]];
        TimeSpan time = TimeSpan.Zero;
        for (int i = 0; i < cases; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            grounds.MoveNext();
            var random = Randomness.For((ulong)i, 77);
            string[] drawn = [.. Enumerable.Range(0, 1 + (int)(random.Next() % 3)).Select(_ => Vocabulary[(int)(random.Next() % (ulong)Vocabulary.Length)])];
            double capital = LeastCapital + (random.Next() % 1000 / 1000.0 * random.Next() % 1000 / 1000.0 * (MostCapital - LeastCapital));
            int kind = i % Kinds;
            using var pass = new TextPass(reader);
            var boxes = Show(pass, lettering, grounds.Current, kind, drawn, i % Lettering.Fonts, capital, i / Kinds % 2, ref random, ref time);
            bool hasText = kind < Kinds - 1;
            var hits = pass.Tracks.Where(t => hasText && t.Seen.Any(s => Covers(s.Box, boxes[s.Sample]))).ToList();
            regions += pass.Tracks.Count;
            falseRegions += pass.Tracks.Count(t => !hasText || t.Seen.All(s => !Touches(s.Box, boxes[s.Sample])));
            falseText += pass.Tracks.Count(t => t.IsText && (!hasText || t.Seen.All(s => !Touches(s.Box, boxes[s.Sample]))));
            if (hasText)
            {
                lines++;
                words += drawn.Length;
                found += hits.Count > 0 ? 1 : 0;
                var read = pass.Tracks.Where(t => t.IsText && t.Seen.Any(s => Touches(s.Box, boxes[s.Sample]))).ToList();
                if (read.Count > 0)
                {
                    accepted++;
                    kinds[kind][pass.KindOf(read[0].Seen) switch { TextKind.Overlay => 0, TextKind.Scene => 1, _ => 2 }]++;
                }
                var said = read.SelectMany(t => t.Words).Select(w => w.Text).ToHashSet(StringComparer.OrdinalIgnoreCase);
                wordsRead += drawn.Count(said.Contains);
            }
            progress?.Invoke(i + 1);
        }
        return new TextBenchReport
        {
            Cases = cases, Lines = lines, Found = found, Accepted = accepted, Words = words, WordsRead = wordsRead, FalseRegions = falseRegions, Regions = regions, FalseText = falseText,
            Overlay = kinds[0], Scene = kinds[1], Still = kinds[2], MillisecondsPerPicture = Math.Round(time.TotalMilliseconds / Math.Max(1, cases * Samples), 2),
        };
    }

    // 0: the picture moves under the text; 1: the text moves with it; 2: nothing moves; 3: no text. Returns the text's box in each sample.
    private static Area[] Show(TextPass pass, Lettering lettering, byte[] ground, int kind, string[] words, int font, double capital, int hue, ref Randomness random, ref TimeSpan time)
    {
        string text = string.Join(' ', words);
        int x = 180 + (int)(random.Next() % 200), y = 120 + (int)(random.Next() % 380);
        byte[] canvas = [.. ground];
        var color = ColorOn(ground, x, y, hue);
        (int X, int Y, int Width, int Height) onCanvas = kind == 1 ? lettering.Draw(canvas, CanvasWidth, text, font, x, y, capital, color) : default;
        var boxes = new Area[Samples];
        var picture = new SampledPicture();
        for (int s = 0; s < Samples; s++)
        {
            int left = kind == 2 ? 60 : s * Shift, top = kind == 2 ? 60 : s * Shift / 2;
            byte[] bgr = new byte[Width * Height * 3];
            for (int row = 0; row < Height; row++) { canvas.AsSpan(3 * (((top + row) * CanvasWidth) + left), 3 * Width).CopyTo(bgr.AsSpan(3 * row * Width)); }
            var box = kind is 0 or 2 ? lettering.Draw(bgr, Width, text, font, x - 120, y - 60, capital, color) : (onCanvas.X - left, onCanvas.Y - top, onCanvas.Width, onCanvas.Height);
            boxes[s] = new Area((double)box.Item1 / Width, (double)box.Item2 / Height, (double)box.Item3 / Width, (double)box.Item4 / Height);
            picture.Load(bgr, Width, Height, 12 * s, Second * s);
            long started = Stopwatch.GetTimestamp();
            pass.Add(picture, null);
            time += Stopwatch.GetElapsedTime(started);
        }
        pass.Finish();
        return boxes;
    }

    private static (byte B, byte G, byte R) ColorOn(byte[] ground, int x, int y, int hue)
    {
        const int across = 400, up = 50;
        double sum = 0;
        for (int v = y - up; v < y; v++)
        {
            for (int u = x; u < Math.Min(CanvasWidth, x + across); u++) { sum += ground[(3 * ((v * CanvasWidth) + u)) + 1]; }
        }
        return sum / up / (Math.Min(CanvasWidth, x + across) - x) < 128 ? Light[hue] : Dark[hue];
    }

    private static IEnumerable<byte[]> Grounds(IReadOnlyList<string> footage)
    {
        while (true)
        {
            foreach (string file in footage)
            {
                foreach (byte[] ground in FramesOf(file)) { yield return ground; }
            }
            for (ulong seed = 0; footage.Count == 0 && seed < ulong.MaxValue; seed++)
            {
                byte[] rgb = new byte[CanvasWidth * CanvasHeight * 3 * 2];
                Renderer.Render(SceneSampler.Sample(seed), CanvasWidth, CanvasHeight, 2, rgb);
                yield return rgb[..(rgb.Length / 2)];
            }
        }
    }

    private static IEnumerable<byte[]> FramesOf(string file)
    {
        const int apart = 37;
        using var reader = AnalysisReader.Open(file);
        for (int i = 0; reader.Advance(); i++)
        {
            if (i % apart != 0) { continue; }
            byte[] bgr = new byte[CanvasWidth * CanvasHeight * 3];
            reader.CopySmallBgr(CanvasWidth, CanvasHeight, bgr);
            yield return bgr;
        }
    }

    private static bool Covers(Area found, Area truth) => Overlap(found, truth) >= Covered * truth.Width * truth.Height && Overlap(found, truth) >= Covered / 2 * found.Width * found.Height;

    private static bool Touches(Area found, Area truth) => Overlap(found, truth) >= 0.5 * found.Width * found.Height;

    private static double Overlap(Area a, Area b) =>
        Math.Max(0, Math.Min(a.X + a.Width, b.X + b.Width) - Math.Max(a.X, b.X)) * Math.Max(0, Math.Min(a.Y + a.Height, b.Y + b.Height) - Math.Max(a.Y, b.Y));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TextBenchReport))]
internal sealed partial class TextBenchJson : JsonSerializerContext;
