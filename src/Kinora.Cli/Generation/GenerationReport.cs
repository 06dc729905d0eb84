using System.Globalization;
using System.Text.Json.Serialization;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Generation;

namespace Kinora.Cli.Generation;

/// <summary>What <c>generate --dry-run</c> says.</summary>
internal sealed record PlanReport(
    string Model, string Prompt, string NegativePrompt, ulong Seed, int Count, int Width, int Height, int Frames, double FrameRate, int Steps, string Sampler,
    double Guidance, int HeldFrames, string Device, string Dtype, double TeraflopPerClip, double SecondsPerClip, long PeakBytes, IReadOnlyList<PartReport> Parts)
{
    public static PlanReport Create(GenerationPlan plan, LoadOptions load) => new(
        plan.Folder.Path, plan.Prompt, plan.NegativePrompt, plan.Seed, plan.Count, plan.Width, plan.Height, plan.Frames, plan.FrameRate, plan.Steps, plan.Sampler,
        plan.Guidance, plan.HeldFrames, load.Device.ToString(), load.Compute.ShortName(), Math.Round(plan.Flops / 1e12, 4),
        Math.Round(plan.EstimateTime(Environment.ProcessorCount, load.Compute, load.Device).TotalSeconds, 2), plan.PeakBytes(load), PartReport.Create(plan));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"""
        model    {Model}
        clip     {Width}x{Height}, {Frames} frames at {FrameRate:0.###} fps{(Count > 1 ? $", {Count} of them" : "")}{(HeldFrames > 0 ? $", {HeldFrames} frames held" : "")}
        sampler  {Sampler}, {Steps} steps, guidance {Guidance:0.###}
        runs on  {Device} in {Dtype}
        memory   about {PeakBytes / 1e6:0} MB
        work     {TeraflopPerClip:0.###} TFLOP for one clip, about {ConsoleProgress.Duration(TimeSpan.FromSeconds(SecondsPerClip * Count))}{(Count > 1 ? " in all" : "")}{string.Concat(Parts.Select(p => $"\n{p}"))}
        """);
}

/// <summary>A part of a story.</summary>
/// <param name="First">Its first frame.</param>
/// <param name="End">The frame after its last.</param>
/// <param name="Clips">Clips that the model makes for it; 0 where the whole story is one clip.</param>
/// <param name="Held">Frames of what came before that its first clip holds.</param>
internal sealed record PartReport(int First, int End, string Prompt, int Clips, int Held)
{
    public static IReadOnlyList<PartReport> Create(GenerationPlan plan)
    {
        var parts = new List<PartReport>();
        for (int i = 0; i < plan.Story.Count; i++)
        {
            StoryClip[] own = [.. plan.Clips.Where(c => c.Part == i)];
            int first = i == 0 ? 0 : parts[^1].End;
            parts.Add(new PartReport(first, first + plan.Story[i].Frames, plan.Story[i].Prompt, own.Length, own is [{ Continues: true } continues, ..] ? continues.Plan.HeldFrames : 0));
        }
        return parts;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"part     {First}-{End}: {Prompt}{(Clips > 0 ? $" ({Clips} {(Clips == 1 ? "clip" : "clips")}{(Held > 0 ? $", {Held} frames held" : "")})" : "")}");
}

/// <summary>What <c>generate --json</c> says.</summary>
internal sealed record GenerateReport(double Seconds, IReadOnlyList<GeneratedFile> Clips);

/// <summary>One written clip.</summary>
internal sealed record GeneratedFile(string Path, GenerationManifest Manifest);

/// <summary>What <c>replay --json</c> says.</summary>
/// <param name="Identical">Every byte of every frame is the same as when the clip was made.</param>
/// <param name="PsnrDecibel">Of the regenerated frames against those decoded from the file, which encoding has changed; null when equal.</param>
/// <param name="MaxDifference">Largest difference of a sample, 0 to 255, against those decoded from the file.</param>
internal sealed record ReplayReport(string Path, bool Identical, double? PsnrDecibel, int MaxDifference, string? Output, GenerationManifest Recorded, GenerationManifest Regenerated);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(PlanReport))]
[JsonSerializable(typeof(GenerateReport))]
[JsonSerializable(typeof(ReplayReport))]
internal sealed partial class GenerationReportJson : JsonSerializerContext;
