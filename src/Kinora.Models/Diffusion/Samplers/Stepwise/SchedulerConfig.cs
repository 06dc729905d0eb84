// The scheduler_config.json of a published model. One record holds the keys of all classes: published files carry keys of classes that
// the model was saved with before (an Euler file with skip_prk_steps), and any class may be put in the place of another.
// Source of keys and defaults: huggingface/diffusers d035dcd7, src/diffusers/schedulers; Wan-Video/Wan2.1 9737cba9, wan/utils.

using System.Text.Json.Serialization;
using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>A mirror of scheduler_config.json. Null means that the class's own default holds.</summary>
public sealed record SchedulerConfig
{
    /// <summary>The reference's class, which decides the method: EulerDiscreteScheduler, DDIMScheduler, …</summary>
    [JsonPropertyName("_class_name")]
    public required string ClassName { get; init; }

    /// <summary>The release that wrote the file; decides UniPC's flow grid, which changed after 0.35.</summary>
    [JsonPropertyName("_diffusers_version")]
    public string? DiffusersVersion { get; init; }

    /// <summary>Where the file was loaded from; not used.</summary>
    [JsonPropertyName("_name_or_path")]
    public string? NameOrPath { get; init; }

    public string? AlgorithmType { get; init; }
    public double? BaseImageSeqLen { get; init; }
    public double? BaseShift { get; init; }
    public double? BetaEnd { get; init; }
    public string? BetaSchedule { get; init; }
    public double? BetaStart { get; init; }
    public bool? ClipSample { get; init; }
    public double? ClipSampleRange { get; init; }
    public int? CorrectorOrder { get; init; }
    public int[]? DisableCorrector { get; init; }
    public double? DynamicThresholdingRatio { get; init; }
    public bool? EulerAtFinal { get; init; }
    public string? FinalSigmasType { get; init; }
    public double? FlowShift { get; init; }
    public string? InterpolationType { get; init; }
    public bool? InvertSigmas { get; init; }
    public double? LambdaMinClipped { get; init; }
    public bool? LowerOrderFinal { get; init; }
    public double? MaxImageSeqLen { get; init; }
    public double? MaxShift { get; init; }
    public long? NoiseSamplerSeed { get; init; }
    public int? NumTrainTimesteps { get; init; }
    public int? OriginalInferenceSteps { get; init; }
    public int? PredictorOrder { get; init; }
    public bool? PredictX0 { get; init; }
    public string? PredictionType { get; init; }
    public bool? RescaleBetasZeroSnr { get; init; }
    public double? Rho { get; init; }
    public double? SampleMaxValue { get; init; }
    public bool? SetAlphaToOne { get; init; }
    public double? Shift { get; init; }
    public double? ShiftTerminal { get; init; }
    public double? SigmaData { get; init; }
    public double? SigmaMax { get; init; }
    public double? SigmaMin { get; init; }
    public string? SigmaSchedule { get; init; }
    public bool? SkipPrkSteps { get; init; }
    public double? SnrShiftScale { get; init; }
    public int? SolverOrder { get; init; }
    public string? SolverP { get; init; }
    public string? SolverType { get; init; }
    public int? StepsOffset { get; init; }
    public bool? StochasticSampling { get; init; }
    public string? TauFunc { get; init; }
    public bool? Thresholding { get; init; }
    public string? TimeShiftType { get; init; }
    public double? TimestepScaling { get; init; }
    public string? TimestepSpacing { get; init; }
    public string? TimestepType { get; init; }
    public double[]? TrainedBetas { get; init; }
    public bool? UseBetaSigmas { get; init; }
    public bool? UseDynamicShifting { get; init; }
    public bool? UseExponentialSigmas { get; init; }
    public bool? UseFlowSigmas { get; init; }
    public bool? UseKarrasSigmas { get; init; }
    public bool? UseLuLambdas { get; init; }
    public string? VarianceType { get; init; }

    /// <summary>Reads a scheduler_config.json; unknown keys are refused by name.</summary>
    /// <exception cref="ConfigException">It is not what it should be.</exception>
    public static SchedulerConfig Read(ConfigText text) => ModelConfigJson.Read(text, SchedulerConfigJson.Default.SchedulerConfig);
}

/// <summary>Source-generated JSON of <see cref="SchedulerConfig"/>. Bind through <see cref="ModelConfigJson"/>, which is strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(SchedulerConfig))]
public sealed partial class SchedulerConfigJson : JsonSerializerContext;
