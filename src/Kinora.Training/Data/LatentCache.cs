// Latents on disk: clips.f16 holds posterior means, one clip after the other, float16, each [C, f, h, w]. Clip i is clip i of
// the source for that purpose, which is asked again when a caption is needed. index.json is written when the cache is complete; until
// then the length of clips.f16 says how far it got.

using System.IO.MemoryMappedFiles;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Training.Data;

/// <summary>What index.json says.</summary>
/// <param name="Clips">Number of clips.</param>
/// <param name="Shape">Shape of one clip's latent: C, f, h, w.</param>
/// <param name="Mean">Mean of each channel over all clips.</param>
/// <param name="Std">Standard deviation of each channel.</param>
/// <param name="ElapsedSeconds">Time it took to make.</param>
internal sealed record LatentIndex(int Clips, IReadOnlyList<int> Shape, IReadOnlyList<double> Mean, IReadOnlyList<double> Std, double ElapsedSeconds)
{
    /// <summary>
    /// What the generator's latents are divided by, s_c^w · max(s)^(1 − w) for channels of standard deviation s_c. At w = 1 all channels
    /// have unit variance and appear out of the noise together; below 1 the strong channels, which hold the coarse picture, lead and
    /// the weak ones follow, as in pixels (Skorokhodov et al., arXiv:2502.14831: latents with a flat spectrum are harder to diffuse).
    /// </summary>
    public double[] Scales(double whitening) => [.. Std.Select(s => Math.Pow(s, whitening) * Math.Pow(Std.Max(), 1 - whitening))];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, WriteIndented = true)]
[JsonSerializable(typeof(LatentIndex))]
internal sealed partial class LatentJson : JsonSerializerContext;

/// <summary>The complete cache, memory-mapped.</summary>
internal sealed unsafe class LatentCache : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly Half* _data;

    private LatentCache(string folder, LatentIndex index)
    {
        Index = index;
        ClipSize = index.Shape.Aggregate(1, (a, b) => a * b);
        string path = DataPath(folder);
        long expected = (long)index.Clips * ClipSize * sizeof(ushort);
        if (new FileInfo(path).Length < expected)
            throw new CheckpointException($"{path}: index.json promises {expected} bytes, the file has {new FileInfo(path).Length}. Delete the folder to encode again.");
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, expected, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _data = (Half*)(pointer + _view.PointerOffset);
    }

    public LatentIndex Index { get; }

    /// <summary>Values of one clip.</summary>
    public int ClipSize { get; }

    public static string DataPath(string folder) => Path.Combine(folder, "clips.f16");

    /// <summary>The index of a complete cache; null when there is none.</summary>
    public static LatentIndex? FindIndex(string folder)
    {
        string path = Path.Combine(folder, "index.json");
        return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllText(path), LatentJson.Default.LatentIndex) : null;
    }

    /// <summary>Marks the cache complete.</summary>
    public static void WriteIndex(string folder, LatentIndex index)
        => AtomicFile.Write(Path.Combine(folder, "index.json"), stream => JsonSerializer.Serialize(stream, index, LatentJson.Default.LatentIndex));

    public static LatentCache Open(string folder)
        => new(folder, FindIndex(folder) ?? throw new CheckpointException($"{folder}: no index.json; the latents stage has not finished."));

    /// <summary>The values of clip <paramref name="clip"/>.</summary>
    public ReadOnlySpan<Half> Clip(int clip)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(clip);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(clip, Index.Clips);
        return new ReadOnlySpan<Half>(_data + (long)clip * ClipSize, ClipSize);
    }

    /// <summary>Mean and standard deviation of each channel over the first <paramref name="clips"/> clips, in double.</summary>
    public static (double[] Mean, double[] Std) Statistics(string folder, int clips, IReadOnlyList<int> shape)
    {
        using var cache = new LatentCache(folder, new LatentIndex(clips, shape, [], [], 0));
        int channels = shape[0], perChannel = cache.ClipSize / channels;
        var sums = new double[channels];
        var squares = new double[channels];
        for (int clip = 0; clip < clips; clip++)
        {
            var values = cache.Clip(clip);
            for (int c = 0; c < channels; c++)
            {
                double sum = 0, square = 0;
                foreach (var value in values.Slice(c * perChannel, perChannel))
                {
                    double v = (double)value;
                    sum += v;
                    square += v * v;
                }
                sums[c] += sum;
                squares[c] += square;
            }
        }
        double n = (double)clips * perChannel;
        double[] mean = [.. sums.Select(s => s / n)];
        double[] std = [.. squares.Select((s, c) => Math.Sqrt(Math.Max(s / n - mean[c] * mean[c], 1e-12)))];
        return (mean, std);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
