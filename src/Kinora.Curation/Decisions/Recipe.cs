using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Decisions;

/// <summary>What a clip must satisfy. A rule whose score is unavailable keeps the clip unless it says otherwise: unknown is not bad.</summary>
public sealed record Rule
{
    /// <summary>The score, one of <see cref="ScoreNames.All"/>.</summary>
    public required string Score { get; init; }

    /// <summary>Smallest value that is kept.</summary>
    public double? Min { get; init; }

    /// <summary>Largest value that is kept.</summary>
    public double? Max { get; init; }

    /// <summary>Percentile over all clips of the run, 0..100, below which clips are dropped.</summary>
    public double? MinPercentile { get; init; }

    /// <summary>Percentile over all clips of the run above which clips are dropped.</summary>
    public double? MaxPercentile { get; init; }

    /// <summary>Drop clips of which the score is unavailable.</summary>
    public bool DropUnavailable { get; init; }
}

/// <summary>How clips leave their source.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SplitMode>))]
public enum SplitMode
{
    /// <summary>Coded anew: every frame of the clip and no other; first and last frame are compared with the source's.</summary>
    [JsonStringEnumMemberName("exact")] Exact,

    /// <summary>Copied as coded from the first key frame on: fast and without loss, but approximate; the manifest says what the file covers.</summary>
    [JsonStringEnumMemberName("keyframe")] KeyFrame,
}

/// <summary>Which size clips are written in.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ClipFit>))]
public enum ClipFit
{
    /// <summary>The source's, shrunk where <see cref="OutputOptions.MaxShortSide"/> says so.</summary>
    [JsonStringEnumMemberName("keep")] Keep,

    /// <summary>One size for each class of height and aspect: shrunk to cover it, its middle cut out; pictures smaller than every class stay as they are.</summary>
    [JsonStringEnumMemberName("bucket")] Bucket,
}

/// <summary>What clips are written as.</summary>
public sealed record OutputOptions
{
    /// <summary>Coded anew, or copied from key frame on.</summary>
    public SplitMode Split { get; init; }

    /// <summary>The source's size, or that of a class.</summary>
    public ClipFit Fit { get; init; }

    /// <summary>Longest shorter side in pixels; larger clips shrink by area. 0 = as they are.</summary>
    public int MaxShortSide { get; init; }

    /// <summary>H.264 quality, 0 (best) to 51.</summary>
    public int Quality { get; init; } = 18;

    /// <summary>x264 effort.</summary>
    public string Preset { get; init; } = "veryfast";

    /// <summary>Clips in one tar shard.</summary>
    public int ShardClips { get; init; } = 256;

    /// <summary>One folder of shards for each class of height, aspect and length.</summary>
    public bool Buckets { get; init; }
}

/// <summary>Decides which measured clips a dataset keeps, and how they are written. Changing it measures nothing again.</summary>
public sealed record Recipe
{
    /// <summary>How sources are divided and measured.</summary>
    public MeasureOptions Measure { get; init; } = new();

    /// <summary>Every rule must hold.</summary>
    public IReadOnlyList<Rule> Rules { get; init; } = [];

    /// <summary>Clips are duplicates when the mean Hamming distance of their hashes is at most this many of 64 bits; −1 keeps duplicates.</summary>
    public int DuplicateBits { get; init; } = 6;

    /// <summary>Clips mean the same when the cosine of their features is at least 1 minus this (SemDeDup); −1 keeps them. Needs the features of CLIP or SigLIP.</summary>
    public double SemanticEpsilon { get; init; } = 0.01;

    /// <summary>Most clips kept of one source, evenly over it; 0 = all.</summary>
    public int MaxClipsPerSource { get; init; }

    /// <summary>How clips are written.</summary>
    public OutputOptions Output { get; init; } = new();

    /// <summary>A mild recipe: drops what is broken, black, frozen, static or too short, and duplicates.</summary>
    public static Recipe Default { get; } = new()
    {
        Rules =
        [
            new Rule { Score = ScoreNames.Seconds, Min = 1 },
            new Rule { Score = ScoreNames.ShortSide, Min = 64 },
            new Rule { Score = ScoreNames.BlackShare, Max = 0.3 },
            new Rule { Score = ScoreNames.FreezeShare, Max = 0.5 },
            new Rule { Score = ScoreNames.VmafMotion, Min = 0.1, Max = 60 },
            new Rule { Score = ScoreNames.Exposure, Min = 20, Max = 235 },
            new Rule { Score = ScoreNames.Contrast, Min = 0.02 },
        ],
    };

    /// <summary>Reads a recipe. What it leaves out has the value of <see cref="Default"/>; names of unknown settings and scores are errors.</summary>
    /// <exception cref="JsonException">The text is no recipe; the message says what is wrong.</exception>
    public static Recipe Parse(string json)
    {
        if (JsonNode.Parse(json) is not JsonObject given) { throw new JsonException("expected an object."); }
        // Generated binding gives properties that are absent null instead of their initial value.
        Complete(given, JsonSerializer.SerializeToNode(Default, RecipeJson.Default.Recipe)!.AsObject());
        Recipe recipe = given.Deserialize(RecipeJson.Default.Recipe) ?? throw new JsonException("expected an object, got null.");
        return recipe.Problem() is { } problem ? throw new JsonException(problem) : recipe;
    }

    private static void Complete(JsonObject given, JsonObject defaults)
    {
        foreach (var (name, value) in defaults)
        {
            if (!given.TryGetPropertyValue(name, out var own)) { given[name] = value?.DeepClone(); }
            else if (own is JsonObject inner && value is JsonObject innerDefaults) { Complete(inner, innerDefaults); }
        }
    }

    /// <summary>The recipe as indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RecipeJson.Default.Recipe) + "\n";

    /// <summary>64 hexadecimal digits that change with every setting.</summary>
    public string Hash() => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this, RecipeJson.Default.Recipe)));

    /// <summary>What is wrong with it; null when nothing is.</summary>
    public string? Problem()
    {
        if (Measure.Problem() is { } problem) { return $"measure.{problem}"; }
        foreach (var rule in Rules)
        {
            if (ScoreNames.All.All(s => s.Name != rule.Score)) { return $"rules: there is no score \"{rule.Score}\"; there are {string.Join(", ", ScoreNames.All.Select(s => s.Name))}."; }
            if (rule.Min > rule.Max) { return $"rules: {rule.Score}: min {rule.Min} is above max {rule.Max}."; }
            if (rule.MinPercentile is < 0 or > 100 || rule.MaxPercentile is < 0 or > 100) { return $"rules: {rule.Score}: a percentile is 0 to 100."; }
        }
        return DuplicateBits is < -1 or > 32 ? $"duplicate_bits: expected -1 (off) to 32, got {DuplicateBits}."
            : SemanticEpsilon is not -1 and not (>= 0 and <= 1) ? $"semantic_epsilon: expected -1 (off) or 0 to 1, got {SemanticEpsilon}."
            : MaxClipsPerSource < 0 ? $"max_clips_per_source: expected at least 0, got {MaxClipsPerSource}."
            : Output.MaxShortSide is not 0 and < 16 ? $"output.max_short_side: expected 0 or at least 16, got {Output.MaxShortSide}."
            : Output.Split == SplitMode.KeyFrame && Output.MaxShortSide != 0 ? "output.max_short_side: clips that are split by key frame are copied as they are; give 0, or output.split \"exact\"."
            : Output.Split == SplitMode.KeyFrame && Output.Fit != ClipFit.Keep ? "output.fit: clips that are split by key frame are copied as they are; give \"keep\", or output.split \"exact\"."
            : Output.Quality is < 0 or > 51 ? $"output.quality: expected 0 to 51, got {Output.Quality}."
            : Output.ShardClips < 1 ? $"output.shard_clips: expected at least 1, got {Output.ShardClips}."
            : null;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(Recipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
