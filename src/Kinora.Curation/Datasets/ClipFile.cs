// One clip cut out of its source exactly: decoded from the key frame before, encoded anew, then read back and compared.
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Curation.Shots;
using Kinora.Media;

namespace Kinora.Curation.Datasets;

/// <summary>What was written for a clip, and how it compares with its source.</summary>
public sealed record ClipFile
{
    /// <summary>SHA-256 of the MP4 file.</summary>
    public required string Sha256 { get; init; }

    public required long Bytes { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int Frames { get; init; }

    /// <summary>Frames per second as a fraction.</summary>
    public required string FrameRate { get; init; }

    /// <summary><see cref="FrameRate"/> as a number.</summary>
    [JsonIgnore]
    public double FramesPerSecond => ClipCutter.ParseRate(FrameRate).ToDouble();

    /// <summary>PSNR in dB of the first frame read back against the source's; 99 when equal.</summary>
    public required double FirstFramePsnr { get; init; }

    /// <summary>PSNR in dB of the last frame read back against the source's.</summary>
    public required double LastFramePsnr { get; init; }

    /// <summary>Cuts that a more sensitive detector still sees in the finished clip.</summary>
    public required int ResidualCuts { get; init; }

    /// <summary>Seconds on the source's clock at which a clip that was split by key frame really begins; null for an exact one.</summary>
    public double? ActualStart { get; init; }

    /// <summary>Seconds at which it really ends; null for an exact one.</summary>
    public double? ActualEnd { get; init; }

    /// <summary>Why the clip could not be written or does not match; null when all is well.</summary>
    public string? Failure { get; init; }

    internal static ClipFile FromJson(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize(json, ClipFileJson.Default.ClipFile) ?? throw new JsonException("clip: expected an object, got null.");

    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ClipFileJson.Default.ClipFile);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClipFile))]
internal sealed partial class ClipFileJson : JsonSerializerContext;

/// <summary>Cuts clips out of sources.</summary>
internal static class ClipCutter
{
    // A wrong frame of the same shot has less than about 25 dB; lossy coding at the default quality more than 35.
    private const double SmallestPsnr = 24, EqualPsnr = 99;

    /// <summary>Writes the clip to <paramref name="target"/>. A clip that cannot be written gives a record that says why.</summary>
    public static ClipFile Cut(SourceFile source, SourceFacts facts, ClipMeasures clip, OutputOptions output, string target, CancellationToken cancellationToken)
    {
        try
        {
            return output.Split == SplitMode.KeyFrame ? Copy(source, facts, clip, target) : CutOrThrow(source, facts, clip, output, target, cancellationToken);
        }
        catch (MediaException e) when (e.Kind is not (MediaErrorKind.DiskFull or MediaErrorKind.NativeLibrary or MediaErrorKind.MissingCodec))
        {
            return Failed($"{e.Kind}: {e.Message.Replace(source.Path, "the source", StringComparison.Ordinal).Replace(target, "the clip", StringComparison.Ordinal)}", facts);
        }
    }

    private static ClipFile Copy(SourceFile source, SourceFacts facts, ClipMeasures clip, string target)
    {
        Rational rate = ParseRate(facts.FrameRate), quarter = rate.Invert() / new Rational(4, 1);
        CopiedPackets copied = PacketCopy.Write(source.Path, Rational.FromTimeSpan(TimeSpan.FromSeconds(clip.StartTime)) - quarter, Rational.FromTimeSpan(TimeSpan.FromSeconds(clip.EndTime)) - quarter, target);
        if (copied.Frames == 0) { return Failed("no key frame lies in the clip's range; output.split \"exact\" needs none", facts); }
        using var reader = VideoReader.Open(source.Path);
        using var check = VideoReader.Open(target);
        double Compare(Rational at, Rational own)
        {
            reader.SeekTo((at + quarter).ToTimeSpan());
            check.SeekTo((own + quarter).ToTimeSpan());
            return reader.Read() is { } a && check.Read() is { } b ? Psnr(a.Rgb, b.Rgb) : 0;
        }
        double firstPsnr = Compare(copied.First, new Rational(0, 1)), lastPsnr = Compare(copied.Last, copied.Last - copied.First);
        ShotList audit = ShotDetection.Run(target, new FusedDetector(FusedOptions.Audit));
        byte[] content = File.ReadAllBytes(target);
        return new ClipFile
        {
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(content)), Bytes = content.Length, Width = check.Width, Height = check.Height, Frames = copied.Frames, FrameRate = facts.FrameRate,
            FirstFramePsnr = Math.Round(firstPsnr, 2), LastFramePsnr = Math.Round(lastPsnr, 2), ResidualCuts = audit.Cuts.Count,
            ActualStart = Math.Round(copied.First.ToDouble(), 6), ActualEnd = Math.Round((copied.Last + rate.Invert()).ToDouble(), 6), Failure = Mismatch(audit.Frames, copied.Frames, firstPsnr, lastPsnr),
        };
    }

    private static string? Mismatch(long decoded, int written, double firstPsnr, double lastPsnr) =>
        decoded != written ? $"the file decodes to {decoded} frames, {written} were written"
        : firstPsnr < SmallestPsnr || lastPsnr < SmallestPsnr ? $"first and last frame differ from the source's: {firstPsnr:0.0} and {lastPsnr:0.0} dB"
        : null;

    private static ClipFile CutOrThrow(SourceFile source, SourceFacts facts, ClipMeasures clip, OutputOptions output, string target, CancellationToken cancellationToken)
    {
        Rational rate = ParseRate(facts.FrameRate);
        var (size, part) = SizeFor(source.Path, output);
        using var reader = VideoReader.Open(source.Path, size);
        // H.264 takes even sides.
        int width = part?.Width ?? (reader.Width / 2 * 2), height = part?.Height ?? (reader.Height / 2 * 2), written = 0;
        if (width == 0 || height == 0) { return Failed($"{reader.Width}×{reader.Height} is too small for H.264", facts); }
        // Large pictures fill memory faster than it is collected, so two buffers serve all frames.
        byte[] frame = new byte[reader.Width * reader.Height * 3], last = new byte[width * height * 3];
        byte[]? first = null;
        using (var writer = VideoWriter.Create(target, width, height, rate, new VideoWriterOptions { Format = VideoFormat.Mp4, Quality = output.Quality, Preset = output.Preset }))
        {
            foreach (var rgb in Frames(reader, clip, rate, frame))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Crop(rgb, reader.Width, part is null ? 0 : (reader.Width - width) / 2, part is null ? 0 : (reader.Height - height) / 2, width, height, last);
                first ??= [.. last];
                writer.Write(last);
                written++;
            }
            if (first is null) { return Failed("no frame lies in the clip's range", facts); }
            writer.Complete();
        }
        using var check = VideoReader.Open(target);
        double firstPsnr = check.Read() is { } begin ? Psnr(begin.Rgb, first) : 0;
        check.SeekTo((new Rational((2 * written) - 1, 2) / rate).ToTimeSpan());
        double lastPsnr = check.Read() is { } final ? Psnr(final.Rgb, last) : 0;
        bool ended = check.Read() is null;
        byte[] content = File.ReadAllBytes(target);
        ShotList audit = ShotDetection.Run(target, new FusedDetector(FusedOptions.Audit), cancellationToken: cancellationToken);
        string? failure = !ended ? "the file goes on behind its last frame" : Mismatch(audit.Frames, written, firstPsnr, lastPsnr);
        return new ClipFile
        {
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(content)), Bytes = content.Length, Width = width, Height = height, Frames = written, FrameRate = facts.FrameRate,
            FirstFramePsnr = Math.Round(firstPsnr, 2), LastFramePsnr = Math.Round(lastPsnr, 2), ResidualCuts = audit.Cuts.Count, Failure = failure,
        };
    }

    // Constant rate: the frames themselves, each in the caller's buffer. Variable rate: the frame on screen at each point of the grid.
    private static IEnumerable<byte[]> Frames(VideoReader reader, ClipMeasures clip, Rational rate, byte[] buffer)
    {
        // Within the first frame and before the frame after the last: times in the file are rounded to its time base.
        TimeSpan quarter = TimeSpan.FromSeconds(0.25 / rate.ToDouble());
        TimeSpan start = TimeSpan.FromSeconds(clip.StartTime) + quarter, end = TimeSpan.FromSeconds(clip.EndTime) - quarter;
        if (clip.Frames != clip.EndFrame - clip.StartFrame)
        {
            foreach (var frame in reader.Sample(rate.ToDouble(), start, end)) { yield return frame.Rgb; }
            yield break;
        }
        // Taking the known number of frames never looks at what may be damaged behind them.
        reader.SeekTo(start);
        for (long i = 0; i < clip.Frames && reader.TryRead(buffer, out Rational pts) && pts.ToTimeSpan() < end; i++) { yield return buffer; }
    }

    // How the source is read, and which part of that is written, about the middle; null for all of it.
    private static (VideoReaderOptions Size, (int Width, int Height)? Part) SizeFor(string path, OutputOptions output)
    {
        var shown = new VideoReaderOptions { SquarePixels = true };
        if (output.MaxShortSide == 0 && output.Fit == ClipFit.Keep) { return (shown, null); }
        int w, h;
        using (var probe = VideoReader.Open(path, shown with { Threads = 1 })) { (w, h) = (probe.Width, probe.Height); }
        if (output.Fit == ClipFit.Bucket && Bucket.SizeWithin(w, h, output.MaxShortSide) is var (width, height))
        {
            double scale = Math.Max((double)width / w, (double)height / h);
            return (shown with { Width = Math.Max(width, (int)Math.Round(w * scale)), Height = Math.Max(height, (int)Math.Round(h * scale)), Filter = ScaleFilter.Area }, (width, height));
        }
        if (output.MaxShortSide == 0 || Math.Min(w, h) <= output.MaxShortSide) { return (shown, null); }
        return (w < h ? shown with { Width = output.MaxShortSide, Filter = ScaleFilter.Area } : shown with { Height = output.MaxShortSide, Filter = ScaleFilter.Area }, null);
    }

    private static void Crop(byte[] rgb, int stride, int left, int top, int width, int height, byte[] target)
    {
        for (int y = 0; y < height; y++) { rgb.AsSpan((((top + y) * stride) + left) * 3, width * 3).CopyTo(target.AsSpan(y * width * 3)); }
    }

    private static double Psnr(byte[] a, byte[] b)
    {
        if (a.Length != b.Length) { return 0; }
        double squares = 0;
        for (int i = 0; i < a.Length; i++) { squares += (a[i] - b[i]) * (a[i] - b[i]); }
        return squares == 0 ? EqualPsnr : Math.Min(EqualPsnr, 10 * Math.Log10(255.0 * 255 * a.Length / squares));
    }

    internal static Rational ParseRate(string text)
    {
        string[] parts = text.Split('/');
        return new Rational(long.Parse(parts[0]), parts.Length > 1 ? long.Parse(parts[1]) : 1);
    }

    private static ClipFile Failed(string reason, SourceFacts facts) =>
        new() { Sha256 = "", Bytes = 0, Width = 0, Height = 0, Frames = 0, FrameRate = facts.FrameRate, FirstFramePsnr = 0, LastFramePsnr = 0, ResidualCuts = 0, Failure = reason };
}
