using System.Globalization;

namespace Kinora.World.Datasets;

/// <summary>How the clips of a dataset are laid out on disk.</summary>
public enum DatasetFormat
{
    /// <summary>NNNNNN.mp4, NNNNNN.txt and NNNNNN.json in one folder.</summary>
    Clips,

    /// <summary>The same files in numbered tar shards, in the WebDataset convention.</summary>
    WebDataset,
}

/// <summary>What <see cref="DatasetWriter"/> writes. Clip i depends on <see cref="Seed"/> and i alone, so a longer dataset begins with the shorter one.</summary>
public sealed record DatasetOptions
{
    public const int MinSide = 16, MaxSide = 1024, MaxFrames = 10_000, MaxCount = 100_000_000, MaxFps = 240;

    /// <summary>Number of clips.</summary>
    public int Count { get; init; } = 16;

    public ulong Seed { get; init; }

    /// <summary>Pixels, even.</summary>
    public int Width { get; init; } = 64;

    /// <summary>Pixels, even.</summary>
    public int Height { get; init; } = 64;

    /// <summary>Frames of a clip; the motion fills the clip whatever their number.</summary>
    public int Frames { get; init; } = 17;

    /// <summary>Frames per second.</summary>
    public double Fps { get; init; } = 8;

    public WorldSplit Split { get; init; }

    public WorldOptions World { get; init; } = new();

    public DatasetFormat Format { get; init; }

    /// <summary>Clips in a shard, all but the last.</summary>
    public int ShardSize { get; init; } = 1000;

    /// <summary>Every violation in one text; null when there is none.</summary>
    public string? Problem()
    {
        string?[] problems =
        [
            Range("count", Count, 1, MaxCount), Side("width", Width), Side("height", Height), Range("frames", Frames, 1, MaxFrames),
            Range("shard size", ShardSize, 1, MaxCount), Fps > 0 && Fps <= MaxFps ? null : Text($"frames per second: expected more than 0 and at most {MaxFps}, got {Fps}."),
            Probability("two actors", World.TwoActors), Probability("camera", World.Camera),
        ];
        string text = string.Join(" ", problems.Where(p => p is not null));
        return text.Length == 0 ? null : text;
    }

    private static string? Range(string name, int value, int min, int max) => value >= min && value <= max ? null : Text($"{name}: expected {min} to {max}, got {value}.");

    private static string? Probability(string name, double value) => value is >= 0 and <= 1 ? null : Text($"{name}: expected a probability from 0 to 1, got {value}.");

    private static string? Side(string name, int value)
    {
        if (value is < MinSide or > MaxSide)
            return Text($"{name}: expected an even number of pixels from {MinSide} to {MaxSide}, got {value}; the nearest is {Math.Clamp(value, MinSide, MaxSide)}.");
        return value % 2 == 0 ? null : Text($"{name}: H.264 clips have even sides, got {value}; the nearest are {value - 1} and {value + 1}.");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
