using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Curation.Scores;

/// <summary>How a source is divided into clips and measured. Part of the key under which measurements are kept.</summary>
public sealed record MeasureOptions
{
    /// <summary>Version of the definitions of all scores; a change makes every measurement new.</summary>
    public const int ScorerVersion = 7;

    /// <summary>Finds the shots; one of <see cref="Shots.Detectors.Names"/>.</summary>
    public string Detector { get; init; } = Shots.Detectors.ForCuration;

    /// <summary>The detector's threshold; null takes its default.</summary>
    public double? Threshold { get; init; }

    /// <summary>Shortest shot that a detector reports, seconds.</summary>
    public double MinShotSeconds { get; init; } = 0.6;

    /// <summary>Longer shots are divided into equal parts, seconds.</summary>
    public double MaxClipSeconds { get; init; } = 20;

    /// <summary>Frames left out at both ends of a shot that is longer than four times this.</summary>
    public int TrimFrames { get; init; } = 1;

    /// <summary>Pictures per second that are measured at coded size.</summary>
    public double SamplesPerSecond { get; init; } = 2;

    /// <summary>Neighboring shots become one when their pictures at the cut are at most this far apart as unit vectors of CLIP or SigLIP (Panda-70M: 0.6); null never.</summary>
    public double? StitchDistance { get; init; }

    /// <summary>Languages of the text on screen, as Tesseract names their data: <c>eng</c>, <c>eng+deu</c>.</summary>
    public string TextLanguage { get; init; } = Vision.LineReader.DefaultLanguage;

    /// <summary>Also measure motion as Data-Juicer defines it; slow.</summary>
    public bool DataJuicerMotion { get; init; }

    /// <summary>What is wrong with the options; null when nothing is.</summary>
    public string? Problem() =>
        !Shots.Detectors.Names.Contains(Detector, StringComparer.Ordinal) ? $"detector: expected one of {string.Join(", ", Shots.Detectors.Names)}, got \"{Detector}\"."
        : !(MinShotSeconds >= 0) ? $"min_shot_seconds: expected at least 0, got {MinShotSeconds}."
        : !(MaxClipSeconds > 0) ? $"max_clip_seconds: expected more than 0, got {MaxClipSeconds}."
        : TrimFrames < 0 ? $"trim_frames: expected at least 0, got {TrimFrames}."
        : !(SamplesPerSecond > 0) ? $"samples_per_second: expected more than 0, got {SamplesPerSecond}."
        : !Vision.LineReader.IsLanguage(TextLanguage) ? $"text_language: expected Tesseract's names of languages such as eng or eng+deu, got \"{TextLanguage}\"."
        : StitchDistance is not null and not (>= 0 and <= 2) ? $"stitch_distance: expected 0 to 2, got {StitchDistance}."
        : null;

    /// <summary>16 hexadecimal digits that change with every option, with the scorers' version and with what the optional scorers are.</summary>
    /// <param name="scorers">The optional scorers at hand, in any order; null for none.</param>
    /// <param name="given">The text that came with the footage; counts only where a scorer reads it.</param>
    public string Key(IReadOnlyList<IClipScorer>? scorers = null, string? given = null)
    {
        byte[] text = JsonSerializer.SerializeToUtf8Bytes(this, MeasureJson.Default.MeasureOptions);
        string optional = string.Concat((scorers ?? []).Select(s => $"\n{s.Name} {s.Identity}").Order(StringComparer.Ordinal));
        if (given is not null && (scorers ?? []).Any(s => s.ReadsGivenText)) { optional += $"\ngiven {given}"; }
        return Convert.ToHexStringLower(SHA256.HashData([.. BitConverter.GetBytes(ScorerVersion), .. text, .. Encoding.UTF8.GetBytes(optional)]))[..16];
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(MeasureOptions))]
[JsonSerializable(typeof(SourceMeasures))]
internal sealed partial class MeasureJson : JsonSerializerContext;
