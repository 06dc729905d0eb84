using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Kinora.Models.Generation;

/// <summary>Traces and metrics under the name <c>Kinora</c>, for OpenTelemetry or anything else that listens.</summary>
public static class KinoraTelemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Kinora";

    internal static readonly ActivitySource Activities = new(Name);
    private static readonly Meter Meter = new(Name);

    internal static readonly Counter<long> Clips = Meter.CreateCounter<long>("kinora.generation.clips", "{clip}", "Clips made.");
    internal static readonly Histogram<double> ClipDuration = Meter.CreateHistogram<double>("kinora.generation.clip.duration", "s", "Time from noise to pixels of one clip.");
    internal static readonly Histogram<double> StepDuration = Meter.CreateHistogram<double>("kinora.generation.step.duration", "s", "Time of one sampling step.");
    internal static readonly Histogram<double> LoadDuration = Meter.CreateHistogram<double>("kinora.model.load.duration", "s", "Time to load a model.");
}
