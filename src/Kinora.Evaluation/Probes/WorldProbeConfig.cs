using System.Text.Json.Serialization;
using Kinora.Engine;

namespace Kinora.Evaluation.Probes;

/// <summary>The <c>config.json</c> beside a probe's weights.</summary>
public sealed record WorldProbeConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "KinoraWorldProbe";

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    /// <summary>Pixels of a clip's side; width and height are equal.</summary>
    public required int Size { get; init; }
    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }
    /// <summary>Channels of the convolutions that look at single frames.</summary>
    public required IReadOnlyList<int> AppearanceChannels { get; init; }
    /// <summary>Channels of the convolutions that look at change over time.</summary>
    public required IReadOnlyList<int> MotionChannels { get; init; }
    /// <summary>The questions and their answers; they must be those of the world in use.</summary>
    public required IReadOnlyList<ProbeAttribute> Attributes { get; init; }

    /// <summary>The probe that ships: 64×64 pixels, 17 frames, 0.7 million parameters.</summary>
    public static WorldProbeConfig Default { get; } = Create(64, 17, [32, 64, 96, 128, 128], [64, 96, 128, 128]);

    /// <summary>A probe of the attributes of the world in use.</summary>
    public static WorldProbeConfig Create(int size, int frames, IReadOnlyList<int> appearanceChannels, IReadOnlyList<int> motionChannels) => new()
    {
        ClassName = Name, Size = size, Frames = frames, AppearanceChannels = appearanceChannels, MotionChannels = motionChannels, Attributes = ProbeAttribute.All,
    };

    /// <summary>Throws <see cref="ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new List<string>();
        void Require(bool holds, string violation)
        {
            if (!holds)
                violations.Add(violation);
        }

        Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        Require(Size >= 16 && Size % 16 == 0, $"`size` must be a multiple of 16, got {Size}");
        Require(Frames >= 3, $"`frames` must be at least 3, got {Frames}");
        Require(AppearanceChannels.Count == 5 && AppearanceChannels.All(IsWidth), "`appearance_channels` must be five multiples of 8");
        Require(MotionChannels.Count == 4 && MotionChannels.All(IsWidth), "`motion_channels` must be four multiples of 8");
        Require(Attributes.Count == ProbeAttribute.All.Count && Attributes.Zip(ProbeAttribute.All).All(p => p.First.Name == p.Second.Name && p.First.Classes.SequenceEqual(p.Second.Classes)),
            "`attributes` are not those of this version's world; train the probe again with: kinora bench quality --retrain");
        if (violations.Count > 0)
            throw new ConfigException($"probe config: {string.Join("; ", violations)}.");
    }

    private static bool IsWidth(int channels) => channels > 0 && channels % 8 == 0;
}
