using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Kinora.Media;

namespace Kinora.World.Datasets;

/// <summary>
/// Writes clips, captions, ground truth, manifest.jsonl and contact-sheet.png into a folder that appears under its name only
/// when it is complete.
/// </summary>
public static class DatasetWriter
{
    public const string ManifestName = "manifest.jsonl", ContactSheetName = "contact-sheet.png";

    private const int ContactSheetRows = 16, ClipsInFlightPerProcessor = 4;
    private const ulong CaptionPurpose = 0xCA9;

    /// <summary>The scene of clip number <paramref name="index"/>.</summary>
    public static Scene SceneOf(DatasetOptions options, int index)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SceneSampler.Sample(Randomness.For(options.Seed, (ulong)index).Next(), options.Split, options.World);
    }

    /// <summary>The caption that the clip of a scene gets.</summary>
    public static string CaptionOf(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return CaptionGrammar.Describe(scene, Randomness.For(scene.Seed, CaptionPurpose).Next());
    }

    /// <summary>Writes the dataset.</summary>
    /// <param name="folder">Must not exist, or be empty.</param>
    /// <param name="options">What to write.</param>
    /// <param name="progress">Told the number of finished clips.</param>
    /// <param name="cancellationToken">Stops between clips; then nothing is left behind.</param>
    /// <exception cref="ArgumentException">The options contradict themselves; the text is <see cref="DatasetOptions.Problem"/>.</exception>
    /// <exception cref="IOException">The folder holds files already or cannot be written.</exception>
    /// <exception cref="MediaException">A clip cannot be encoded or written.</exception>
    public static void Write(string folder, DatasetOptions options, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Problem() is { } problem)
            throw new ArgumentException(problem, nameof(options));
        string final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(final))
            throw new IOException($"{folder}: is a file; a dataset needs the name of a folder.");
        if (Directory.Exists(final) && Directory.EnumerateFileSystemEntries(final).Any())
            throw new IOException($"{folder}: the folder is not empty; name another one or empty it.");
        string parent = Path.GetDirectoryName(final) ?? throw new IOException($"{folder}: cannot be replaced; name a folder below it.");
        Directory.CreateDirectory(parent);
        string partial = Path.Combine(parent, $".{Path.GetFileName(final)}.{Path.GetRandomFileName()}.partial");
        Directory.CreateDirectory(partial);
        try
        {
            WriteInto(partial, options, progress, cancellationToken);
            if (Directory.Exists(final))
                Directory.Delete(final);
            Directory.Move(partial, final);
        }
        finally
        {
            if (Directory.Exists(partial))
                Directory.Delete(partial, recursive: true);
        }
    }

    private static void WriteInto(string folder, DatasetOptions options, IProgress<int>? progress, CancellationToken cancellationToken)
    {
        using var shards = options.Format == DatasetFormat.WebDataset ? new ShardWriter(folder, options.ShardSize) : null;
        using var manifest = new StreamWriter(Path.Combine(folder, ManifestName)) { NewLine = "\n" };
        var parallel = new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount };
        var clips = new RenderedClip[Math.Min(options.Count, ClipsInFlightPerProcessor * Environment.ProcessorCount)];
        for (int first = 0; first < options.Count; first += clips.Length)
        {
            int count = Math.Min(clips.Length, options.Count - first);
            MakeAll(count, parallel, i => clips[i] = Make(folder, options, first + i));
            for (int i = 0; i < count; i++)
            {
                if (shards is null)
                    WriteFiles(folder, clips[i]);
                else
                    shards.Add(clips[i]);
                manifest.WriteLine(Row(clips[i], options, shards?.ShardOf(first + i)).ToJson());
            }
            progress?.Report(first + count);
        }
        cancellationToken.ThrowIfCancellationRequested();
        Scene[] scenes = [.. Enumerable.Range(0, Math.Min(options.Count, ContactSheetRows)).Select(i => SceneOf(options, i))];
        ImageFile.WritePng(Path.Combine(folder, ContactSheetName), ContactSheet.Draw(scenes, options.Width, options.Height, options.Frames));
    }

    // A full disk fails every worker; one of its messages says it all.
    private static void MakeAll(int count, ParallelOptions parallel, Action<int> make)
    {
        try
        {
            Parallel.For(0, count, parallel, make);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    private static RenderedClip Make(string folder, DatasetOptions options, int index)
    {
        Scene scene = SceneOf(options, index);
        string key = index.ToString("D6", CultureInfo.InvariantCulture), path = Path.Combine(folder, key + ".encoding.mp4");
        int frameBytes = options.Width * options.Height * 3;
        var pixels = new byte[frameBytes * options.Frames];
        Renderer.Render(scene, options.Width, options.Height, options.Frames, pixels);
        using (var writer = VideoWriter.Create(path, options.Width, options.Height, options.Fps))
        {
            for (int f = 0; f < options.Frames; f++)
                writer.Write(pixels.AsSpan(f * frameBytes, frameBytes));
            writer.Complete();
        }
        byte[] video = File.ReadAllBytes(path);
        File.Delete(path);
        string truth = GroundTruth.Describe(scene, options.Width, options.Height, options.Frames, options.Fps).ToJson();
        return new RenderedClip(key, scene, CaptionOf(scene), truth, video);
    }

    private static void WriteFiles(string folder, RenderedClip clip)
    {
        string name = Path.Combine(folder, clip.Key);
        File.WriteAllBytes(name + ".mp4", clip.Video);
        File.WriteAllText(name + ".txt", clip.Caption);
        File.WriteAllText(name + ".json", clip.Truth);
    }

    private static ManifestRow Row(RenderedClip clip, DatasetOptions options, string? shard)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(clip.Video));
        return new ManifestRow
        {
            Id = ManifestRow.ClipId(hash, 0, options.Frames / options.Fps),
            Key = clip.Key,
            Shard = shard,
            Seed = clip.Scene.Seed.ToString(CultureInfo.InvariantCulture),
            Split = TruthWords.Of(options.Split),
            Caption = clip.Caption,
            Width = options.Width,
            Height = options.Height,
            Frames = options.Frames,
            Fps = options.Fps,
            Bytes = clip.Video.LongLength,
            Sha256 = hash,
        };
    }
}
