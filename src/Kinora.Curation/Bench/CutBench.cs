// How well detectors find the cuts of films of which every cut is known.
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Curation.Frames;
using Kinora.Curation.Shots;
using Kinora.Media;

namespace Kinora.Curation.Bench;

/// <summary>What to join.</summary>
public sealed record CutBenchOptions
{
    /// <summary>Joins in all: half hard cuts, the other half all kinds of gradual transitions in turn; a fifth of both again at a variable frame rate.</summary>
    public int Joins { get; init; } = 240;

    /// <summary>Seed of shots, lengths and order.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Videos whose first seconds are joined with the world's shots; each is cut where the adaptive detector sees a cut.</summary>
    public IReadOnlyList<string> Footage { get; init; } = [];
}

/// <summary>One detector on one class of events.</summary>
/// <param name="Detector">Its name.</param>
/// <param name="Class"><c>hard</c>, <c>gradual</c>, <c>flash</c>, <c>all</c>, or a kind of transition.</param>
/// <param name="Events">Events of the class; flashes are no cuts.</param>
/// <param name="Found">Events found.</param>
/// <param name="False">Cuts reported where there is none, by the nearest event's class.</param>
public sealed record CutBenchRow(string Detector, string Class, int Events, int Found, int False)
{
    /// <summary>Found over reported.</summary>
    public double Precision => Found + False == 0 ? 1 : (double)Found / (Found + False);

    /// <summary>Found over events.</summary>
    public double Recall => Events == 0 ? 1 : (double)Found / Events;

    /// <summary>Harmonic mean of both.</summary>
    public double F1 => Precision + Recall == 0 ? 0 : 2 * Precision * Recall / (Precision + Recall);
}

/// <summary>Runs the benchmark.</summary>
public static class CutBench
{
    private const int Width = 128, Height = 72, Fps = 24, FlashEvery = 8, DropEvery = 3, FootageFrames = 120;
    private const long HardTolerance = 1, GradualTolerance = 3;

    /// <summary>Prefix of the rows of PySceneDetect's own program.</summary>
    public const string Peer = "pyscenedetect ";

    /// <summary>Whether PySceneDetect's own program is installed, so that <see cref="Run"/> lets it look at the film of constant rate.</summary>
    public static bool HasPeer => PySceneDetectPeer.IsInstalled();

    /// <summary>Joins films and lets every detector look at them.</summary>
    /// <exception cref="MediaException">Footage cannot be read.</exception>
    public static IReadOnlyList<CutBenchRow> Run(CutBenchOptions options, Action<double, double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        byte[][][] footage = [.. options.Footage.SelectMany(Shots)];
        int drop = options.Joins / 5;
        var films = new List<JoinedFilm>
        {
            new FilmMaker(Width, Height, Fps, options.Seed).Join(Kinds(options.Joins - drop), FlashEvery, 0, footage),
            new FilmMaker(Width, Height, Fps, options.Seed + 1).Join(Kinds(drop), FlashEvery, DropEvery, footage),
        };
        var tallies = Detectors.Names.ToDictionary(name => name, _ => new Tally(), StringComparer.Ordinal);
        double total = films.Sum(f => f.Events[^1].End);
        double done = 0;
        using var peer = HasPeer ? new PeerFilm() : null;
        foreach (var film in films)
        {
            // A file of constant rate cannot hold the film with missing frames.
            using var writer = peer is not null && film == films[0] ? VideoWriter.Create(peer.Path, Width, Height, new Rational(Fps, 1), new VideoWriterOptions { Format = VideoFormat.Mp4, Lossless = true }) : null;
            var detectors = Detectors.Names.Select(name => (Name: name, Detector: Detectors.Create(name, new DetectorSettings()), Trace: new ShotTrace())).ToList();
            var graph = new FrameGraph(Width, Height);
            foreach (var (index, bgr) in film.Frames)
            {
                cancellationToken.ThrowIfCancellationRequested();
                graph.Load(bgr, index, new Rational(index, Fps));
                writer?.Write(Rgb(bgr));
                foreach (var (_, detector, trace) in detectors) { detector.Process(graph, trace); }
                progress?.Invoke(Math.Min(done + index, total), total);
            }
            foreach (var (name, detector, trace) in detectors)
            {
                detector.Finish(graph.Index, trace);
                tallies[name].Add(film.Events, [.. trace.Cuts]);
            }
            writer?.Complete();
            if (writer is not null)
            {
                foreach (var (name, cuts) in PySceneDetectPeer.Cuts(peer!.Path, peer.Folder))
                {
                    tallies.Add(Peer + name, new Tally());
                    tallies[Peer + name].Add(film.Events, [.. cuts]);
                }
            }
            done += film.Events[^1].End;
        }
        progress?.Invoke(total, total);
        return [.. tallies.OrderBy(t => t.Key.StartsWith(Peer, StringComparison.Ordinal)).SelectMany(t => t.Value.Rows(t.Key))];
    }

    /// <summary>The summary as a table of text.</summary>
    public static string Table(IReadOnlyList<CutBenchRow> rows)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"{"detector",-24}{"class",-9}{"events",7}{"found",7}{"false",7}{"precision",11}{"recall",8}{"F1",7}\n"));
        foreach (var row in rows.Where(r => r.Class is "hard" or "gradual" or "flash" or "all"))
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Detector,-24}{row.Class,-9}{row.Events,7}{row.Found,7}{row.False,7}");
            text.Append(row.Class == "flash" ? "\n" : string.Create(CultureInfo.InvariantCulture, $"{row.Precision,11:0.000}{row.Recall,8:0.000}{row.F1,7:0.000}\n"));
        }
        return text.ToString().TrimEnd('\n');
    }

    /// <summary>All rows as JSON.</summary>
    public static string ToJson(IReadOnlyList<CutBenchRow> rows) => JsonSerializer.Serialize(rows, CutBenchJson.Default.IReadOnlyListCutBenchRow);

    private static byte[] Rgb(byte[] bgr)
    {
        byte[] rgb = new byte[bgr.Length];
        for (int i = 0; i < rgb.Length; i += 3) { (rgb[i], rgb[i + 1], rgb[i + 2]) = (bgr[i + 2], bgr[i + 1], bgr[i]); }
        return rgb;
    }

    // Hard cuts and gradual ones by turns, so that each kind meets different shots.
    private static List<string> Kinds(int joins) => [.. Enumerable.Range(0, joins).Select(i => i % 2 == 0 ? "cut" : Transition.Kinds[i / 2 % Transition.Kinds.Count])];

    // The shots of the beginning of a video, each at least as long as half a second.
    private static IEnumerable<byte[][]> Shots(string path)
    {
        using var reader = AnalysisReader.Open(path);
        var graph = new FrameGraph(Width, Height);
        var detector = Detectors.Create("adaptive", new DetectorSettings { Threshold = 2 });
        var trace = new ShotTrace();
        var frames = new List<byte[]>();
        while (frames.Count < FootageFrames && reader.Advance())
        {
            byte[] bgr = new byte[Width * Height * 3];
            reader.CopySmallBgr(Width, Height, bgr);
            graph.Load(bgr, frames.Count, reader.Pts);
            detector.Process(graph, trace);
            frames.Add(bgr);
        }
        List<long> cuts = [0, .. trace.Cuts, frames.Count];
        return [.. cuts.Zip(cuts.Skip(1)).Where(c => c.Second - c.First >= Fps / 2).Select(c => frames.GetRange((int)c.First, (int)(c.Second - c.First)).ToArray())];
    }

    private sealed class PeerFilm : IDisposable
    {
        public string Folder { get; } = Directory.CreateTempSubdirectory("kinora-bench-").FullName;

        public string Path => System.IO.Path.Combine(Folder, "film.mp4");

        public void Dispose() => Directory.Delete(Folder, recursive: true);
    }

    private sealed class Tally
    {
        private readonly Dictionary<string, (int Events, int Found, int False)> _classes = new(StringComparer.Ordinal);

        public void Add(IReadOnlyList<FilmEvent> events, List<long> cuts)
        {
            var free = cuts.ToHashSet();
            foreach (var e in events)
            {
                long tolerance = e.Kind == "cut" ? HardTolerance : GradualTolerance;
                long? hit = e.Kind == "flash" ? null : Candidates(free, e, tolerance);
                if (hit is { } cut) { free.Remove(cut); }
                Count(e.Kind, 1, hit is null ? 0 : 1, 0);
            }
            foreach (long cut in free) { Count(events.MinBy(e => Math.Max(0, Math.Max(e.Start - cut, cut - e.End)))!.Kind, 0, 0, 1); }
        }

        public IEnumerable<CutBenchRow> Rows(string detector)
        {
            CutBenchRow Sum(string name, Func<string, bool> belongs)
            {
                var chosen = _classes.Where(c => belongs(c.Key)).Select(c => c.Value).ToList();
                return new CutBenchRow(detector, name, chosen.Sum(c => c.Events), chosen.Sum(c => c.Found), chosen.Sum(c => c.False));
            }
            yield return Sum("hard", kind => kind == "cut");
            yield return Sum("gradual", kind => kind is not ("cut" or "flash"));
            yield return Sum("flash", kind => kind == "flash");
            var all = Sum("all", _ => true);
            yield return all with { Events = all.Events - (_classes.TryGetValue("flash", out var flash) ? flash.Events : 0) };
            foreach (string kind in _classes.Keys.Where(k => k is not ("cut" or "flash")).Order(StringComparer.Ordinal)) { yield return Sum(kind, k => k == kind); }
        }

        // The reported cut nearest to the event's middle.
        private static long? Candidates(HashSet<long> free, FilmEvent e, long tolerance)
        {
            long[] near = [.. free.Where(c => c >= e.Start - tolerance && c <= e.End + tolerance).OrderBy(c => Math.Abs((2 * c) - e.Start - e.End))];
            return near.Length > 0 ? near[0] : null;
        }

        private void Count(string kind, int events, int found, int wrong)
        {
            _classes.TryGetValue(kind, out var c);
            _classes[kind] = (c.Events + events, c.Found + found, c.False + wrong);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(IReadOnlyList<CutBenchRow>))]
internal sealed partial class CutBenchJson : JsonSerializerContext;
