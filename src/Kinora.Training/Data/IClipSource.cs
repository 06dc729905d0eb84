using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Training.Data;

/// <summary>Clips with captions, addressed by what they are for and by number: the same number gives the same clip, whoever asks and when.</summary>
internal interface IClipSource : IDisposable
{
    /// <summary>Clips that there are for the latents; null when there is no end to them.</summary>
    int? Clips { get; }

    /// <summary>Changes when the clips do; null when the recipe alone decides them.</summary>
    string? Fingerprint { get; }

    /// <summary>What the text stage asks of a caption.</summary>
    IReadOnlyList<AttributeSpec> Attributes { get; }

    /// <summary>Fills <paramref name="rgb"/> with a whole clip of the recipe's size, [F, H, W, 3].</summary>
    void Render(Purpose purpose, long sample, Span<byte> rgb);

    /// <summary>Captions of a clip, best first; the first that fits is used.</summary>
    IEnumerable<string> Captions(Purpose purpose, long sample, ulong wording);

    /// <summary>The class of every attribute in a caption of the clip, or <see cref="TextEncoderObjective.Unknown"/> where it is silent.</summary>
    long[] Labels(Purpose purpose, long sample, string caption);
}
