// A corpus becomes a dataset: measure each source once, decide, cut what is kept, assemble. Any step may be interrupted anywhere.
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Datasets;

/// <summary>How a process takes part in a run.</summary>
public sealed record CurationOptions
{
    /// <summary>The dataset's folder, shared by all processes of the run.</summary>
    public required string Output { get; init; }

    /// <summary>What is kept and how.</summary>
    public Recipe Recipe { get; init; } = Recipe.Default;

    /// <summary>Optional scorers at hand; every process of the run needs the same.</summary>
    public IReadOnlyList<IClipScorer> Scorers { get; init; } = [];

    /// <summary>Says in words what the kept clips show; null for the measured captions alone. Every process of the run needs the same.</summary>
    public ICaptioner? Captioner { get; init; }

    /// <summary>This process does part <c>Part</c> of <c>Parts</c> of the sources, 0-based.</summary>
    public int Part { get; init; }

    /// <summary>Number of parts; 1 = everything, shared with other processes by leases.</summary>
    public int Parts { get; init; } = 1;

    /// <summary>Age at which another process's claim is void.</summary>
    public TimeSpan LeaseTimeout { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>How far a run is.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Done">Pieces of work finished.</param>
/// <param name="Total">Pieces of work in all.</param>
public readonly record struct CurationProgress(string Stage, double Done, double Total);

/// <summary>What a run did.</summary>
/// <param name="Index">The dataset's index; null when this part is done but others are not.</param>
/// <param name="Sources">The sources with their measurements.</param>
/// <param name="Decisions">The decisions in the order of the clips.</param>
/// <param name="Measured">Sources measured by this process.</param>
/// <param name="MeasuredSeconds">Seconds of footage measured by this process.</param>
/// <param name="MeasureTime">Time that took.</param>
public sealed record CurationResult(DatasetIndex? Index, IReadOnlyList<CuratedSource> Sources, IReadOnlyList<Decision> Decisions, int Measured, double MeasuredSeconds, TimeSpan MeasureTime);

/// <summary>Curates a corpus.</summary>
public sealed class CurationRun(CurationOptions options, Action<CurationProgress>? progress = null)
{
    // Raised with every change in how clips are cut or what is recorded about them.
    private const int ClipVersion = 5;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);
    private readonly Workspace _workspace = new(options.Output);
    private readonly string _outputKey = OutputKey(options.Recipe.Output);
    private double _seconds;
    private int _measured;
    private TimeSpan _measureTime;

    /// <summary>Runs to the end, or to the end of this process's part.</summary>
    /// <param name="corpus">A folder with videos at any depth, or one video.</param>
    /// <param name="cancellationToken">Stops between frames; the next run continues.</param>
    /// <exception cref="FileNotFoundException">There is no corpus.</exception>
    /// <exception cref="IOException">The workspace cannot be written.</exception>
    public CurationResult Run(string corpus, CancellationToken cancellationToken = default)
    {
        var found = Corpus.Find(corpus).Where(f => !f.Path.StartsWith(_workspace.Folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)).ToList();
        if (found.Count == 0) { throw new FileNotFoundException($"{corpus}: no video was found there.", corpus); }
        _workspace.Create();
        var files = new List<SourceFile>();
        foreach (var (path, name) in found)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Invoke(new CurationProgress("hashing files", files.Count, found.Count));
            files.Add(Corpus.Hash(path, name, _workspace));
        }
        progress?.Invoke(new CurationProgress("hashing files", found.Count, found.Count));
        // Files with the same bytes are one source, under the first name and with the first text that can be used.
        List<SourceFile> unique = [.. files.GroupBy(f => f.Sha256, StringComparer.Ordinal).Select(g => g.First() with { Side = (g.FirstOrDefault(f => f.Given is not null) ?? g.First()).Side })];

        bool complete = Share("measuring", unique, f => f.Sha256, f => File.Exists(MeasurePath(f)), Measure, cancellationToken);
        if (!complete) { return new CurationResult(null, [], [], _measured, _seconds, _measureTime); }
        CuratedSource[] sources = [.. unique.Select(f => new CuratedSource(f, SourceMeasures.FromJson(File.ReadAllBytes(MeasurePath(f)))))];
        var decisions = DecisionMaker.Decide([.. sources.Select(s => s.Measures)], options.Recipe);

        var wanted = sources.SelectMany(s => s.Measures.Clips.Select(clip => (Source: s, Clip: clip))).Zip(decisions).Where(p => p.Second.Keep).Select(p => p.First).ToList();
        complete = Share("cutting clips", wanted, w => w.Source.File.Sha256, w => File.Exists(_workspace.ClipPath(w.Clip.Id, _outputKey, "json")), Cut, cancellationToken, w => w.Clip.Id.ToString());
        if (complete && options.Captioner is { } captioner)
        {
            complete = Share("captioning", wanted, w => w.Source.File.Sha256, w => File.Exists(_workspace.CaptionPath(w.Clip.Id, _outputKey, captioner.Model, w.Source.File.Given)), Describe, cancellationToken, w => w.Clip.Id.ToString());
        }
        return new CurationResult(complete ? Assemble(files, sources, decisions, cancellationToken) : null, sources, decisions, _measured, _seconds, _measureTime);
    }

    // Does what nobody has done or claimed, and waits for the rest. With parts, each process does its own and does not wait.
    private bool Share<T>(string stage, List<T> work, Func<T, string> partKey, Func<T, bool> isDone, Action<T, CancellationToken> act, CancellationToken cancellationToken, Func<T, string>? name = null)
    {
        name ??= partKey;
        while (true)
        {
            int done = 0, mine = 0;
            bool acted = false;
            foreach (var item in work)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (isDone(item))
                {
                    done++;
                    continue;
                }
                if (Corpus.PartOf(partKey(item), options.Parts) != options.Part && options.Parts > 1) { continue; }
                mine++;
                progress?.Invoke(new CurationProgress(stage, done, work.Count));
                using var lease = Lease.TryTake(_workspace.Leases, name(item), options.LeaseTimeout);
                if (lease is null || isDone(item)) { continue; }
                act(item, cancellationToken);
                acted = true;
                done++;
            }
            progress?.Invoke(new CurationProgress(stage, done, work.Count));
            if (done == work.Count) { return true; }
            if (mine == 0) { return false; }
            if (!acted) { cancellationToken.WaitHandle.WaitOne(Poll); }
        }
    }

    private string MeasurePath(SourceFile file) => _workspace.MeasurePath(file.Sha256, options.Recipe.Measure.Key(options.Scorers, file.Given));

    private void Measure(SourceFile file, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        var measures = MeasurePass.Run(file.Path, file.Sha256, options.Recipe.Measure, options.Scorers, file.Given, cancellationToken: cancellationToken);
        Workspace.Write(MeasurePath(file), measures.ToJson());
        _measured++;
        _seconds += measures.Facts?.Seconds ?? 0;
        _measureTime += Stopwatch.GetElapsedTime(started);
    }

    private void Cut((CuratedSource Source, ClipMeasures Clip) work, CancellationToken cancellationToken)
    {
        var written = ClipCutter.Cut(work.Source.File, work.Source.Measures.Facts!, work.Clip, options.Recipe.Output, _workspace.ClipPath(work.Clip.Id, _outputKey, "mp4"), cancellationToken);
        Workspace.Write(_workspace.ClipPath(work.Clip.Id, _outputKey, "json"), written.ToJson());
    }

    private void Describe((CuratedSource Source, ClipMeasures Clip) work, CancellationToken cancellationToken)
    {
        var captioner = options.Captioner!;
        var file = ClipFile.FromJson(File.ReadAllBytes(_workspace.ClipPath(work.Clip.Id, _outputKey, "json")));
        KeptCaption kept;
        try
        {
            kept = file.Failure is null
                ? new KeptCaption(captioner.Model, captioner.Caption(new CaptionRequest(_workspace.ClipPath(work.Clip.Id, _outputKey, "mp4"), file.Frames, file.FramesPerSecond, FactCaption.Describe(work.Clip), work.Source.File.Given), cancellationToken), null)
                : new KeptCaption(captioner.Model, null, "the clip could not be cut");
        }
        catch (CaptionException e) when (!e.Fatal)
        {
            kept = new KeptCaption(captioner.Model, null, e.Message);
        }
        Workspace.Write(_workspace.CaptionPath(work.Clip.Id, _outputKey, captioner.Model, work.Source.File.Given), System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(kept, CaptionJson.Default.KeptCaption));
    }

    private DatasetIndex Assemble(List<SourceFile> files, CuratedSource[] sources, IReadOnlyList<Decision> decisions, CancellationToken cancellationToken)
    {
        while (true)
        {
            using (var lease = Lease.TryTake(_workspace.Leases, "assemble", options.LeaseTimeout))
            {
                if (lease is not null)
                {
                    progress?.Invoke(new CurationProgress("writing shards", 0, 1));
                    var index = new Assembler(_workspace, options.Recipe, options.Scorers, options.Captioner?.Model, _outputKey).Write(files, sources, decisions, cancellationToken);
                    progress?.Invoke(new CurationProgress("writing shards", 1, 1));
                    return index;
                }
            }
            cancellationToken.ThrowIfCancellationRequested();
            cancellationToken.WaitHandle.WaitOne(Poll);
        }
    }

    // What changes the bytes of a clip's file; how clips are spread over shards does not.
    private static string OutputKey(OutputOptions output) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{ClipVersion} {output.MaxShortSide} {output.Quality} {output.Preset}{(output.Split == SplitMode.KeyFrame ? " keyframe" : "")}{(output.Fit == ClipFit.Bucket ? " bucket" : "")}")))[..8];
}
