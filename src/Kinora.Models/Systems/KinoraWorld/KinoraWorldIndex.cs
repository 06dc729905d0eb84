using System.Text.Json.Serialization;
using Kinora.Models.Diffusion.Samplers;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>
/// The <c>model_index.json</c> of a kinora-world folder, in the layout of huggingface/diffusers: the pipeline's class, and library and
/// class of each component. The last key is ours: what the model was made for.
/// </summary>
public sealed record KinoraWorldIndex
{
    /// <summary>The value of <c>_class_name</c> that this pipeline answers to.</summary>
    public const string Name = "KinoraWorldPipeline";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    public required IReadOnlyList<string> Transformer { get; init; }
    public required IReadOnlyList<string> Vae { get; init; }
    public required IReadOnlyList<string> TextEncoder { get; init; }
    public required IReadOnlyList<string> Tokenizer { get; init; }
    public required IReadOnlyList<string> Scheduler { get; init; }
    public required KinoraWorldDefaults Defaults { get; init; }

    /// <summary>The index of a folder with the usual components.</summary>
    public static KinoraWorldIndex Create(KinoraWorldDefaults defaults) => new()
    {
        ClassName = Name,
        Transformer = ["kinora", VideoTransformerConfig.Name],
        Vae = ["kinora", VideoAutoencoderConfig.Name],
        TextEncoder = ["kinora", TextEncoderConfig.Name],
        Tokenizer = ["transformers", "PreTrainedTokenizerFast"],
        Scheduler = ["diffusers", FlowSchedulerConfig.Name],
        Defaults = defaults,
    };

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("model_index.json");
        var expected = Create(Defaults);
        foreach (var (key, found, wanted) in new[]
        {
            ("transformer", Transformer, expected.Transformer), ("vae", Vae, expected.Vae), ("text_encoder", TextEncoder, expected.TextEncoder),
            ("tokenizer", Tokenizer, expected.Tokenizer), ("scheduler", Scheduler, expected.Scheduler),
        })
        {
            violations.Require(found.SequenceEqual(wanted), $"`{key}` must be [{string.Join(", ", wanted)}], got [{string.Join(", ", found)}]");
        }
        violations.Require(Defaults.Model.Length > 0, "`defaults.model` must not be empty");
        violations.RequirePositive("defaults.width", Defaults.Width);
        violations.RequirePositive("defaults.height", Defaults.Height);
        violations.RequirePositive("defaults.frames", Defaults.Frames);
        violations.RequirePositive("defaults.steps", Defaults.Steps);
        violations.RequirePositive("defaults.max_prompt_tokens", Defaults.MaxPromptTokens);
        violations.Require(double.IsFinite(Defaults.FrameRate) && Defaults.FrameRate > 0, $"`defaults.frame_rate` must be positive, got {Defaults.FrameRate}");
        violations.Require(double.IsFinite(Defaults.Guidance) && Defaults.Guidance >= 0, $"`defaults.guidance` must not be negative, got {Defaults.Guidance}");
        violations.Require(Defaults.GuidanceRescale is >= 0 and <= 1, $"`defaults.guidance_rescale` must be within 0 and 1, got {Defaults.GuidanceRescale}");
        violations.Require(FlowSamplers.Find(Defaults.Sampler) is not null, $"`defaults.sampler` must be one of {string.Join(", ", FlowSamplers.Names)}, got \"{Defaults.Sampler}\"");
        violations.ThrowIfAny();
    }
}

/// <summary>What a model was made for; requests that say nothing else get this.</summary>
public sealed record KinoraWorldDefaults
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }
    /// <summary>Pixels.</summary>
    public required int Width { get; init; }
    /// <summary>Pixels.</summary>
    public required int Height { get; init; }
    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }
    /// <summary>Frames per second.</summary>
    public required double FrameRate { get; init; }
    /// <summary>Longest prompt that training showed, in tokens, begin and end included.</summary>
    public required int MaxPromptTokens { get; init; }
    /// <summary>One of <see cref="FlowSamplers.Names"/>.</summary>
    public required string Sampler { get; init; }
    /// <summary>Sampling steps.</summary>
    public required int Steps { get; init; }
    /// <summary>Guidance scale; 1 is none.</summary>
    public required double Guidance { get; init; }
    /// <summary>Share of guidance rescaling.</summary>
    public required double GuidanceRescale { get; init; }
}

/// <summary>The <c>scheduler/scheduler_config.json</c>, in diffusers' words.</summary>
public sealed record FlowSchedulerConfig
{
    /// <summary>The value of <c>_class_name</c>.</summary>
    public const string Name = "FlowMatchEulerDiscreteScheduler";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    public required int NumTrainTimesteps { get; init; }
    /// <summary>s of σ′ = s σ / (1 + (s − 1) σ).</summary>
    public required double Shift { get; init; }

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("scheduler config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.Require(double.IsFinite(Shift) && Shift > 0, $"`shift` must be positive, got {Shift}");
        violations.ThrowIfAny();
    }
}
