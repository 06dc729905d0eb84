using Kinora.Engine;

namespace Kinora.Models.Generation;

/// <summary>Whether an autoencoder works on large pictures and clips part by part, in strips of rows or stretches of frames, which changes nothing beyond rounding.</summary>
public enum VaeTiling
{
    /// <summary>Where the whole would take more than <see cref="VaeTilingExtensions.LargestWhole"/> bytes.</summary>
    Auto,

    /// <summary>Always.</summary>
    On,

    /// <summary>Never.</summary>
    Off,
}

/// <summary>What <see cref="VaeTiling"/> decides.</summary>
public static class VaeTilingExtensions
{
    /// <summary>Bytes of activations up to which a picture is coded whole. A fixed number: what a seed makes must not depend on the machine.</summary>
    public const long LargestWhole = 6L << 30;

    /// <summary>Whether to work part by part.</summary>
    /// <param name="tiling">What was asked for.</param>
    /// <param name="wholeBytes">Predicted activations of the whole.</param>
    public static bool Applies(this VaeTiling tiling, double wholeBytes) => tiling == VaeTiling.On || (tiling == VaeTiling.Auto && wholeBytes > LargestWhole);

    /// <summary>Reads auto, on and off.</summary>
    /// <exception cref="ConfigException">The name is none of these.</exception>
    public static VaeTiling Parse(string name) => name?.ToLowerInvariant() switch
    {
        "auto" => VaeTiling.Auto,
        "on" => VaeTiling.On,
        "off" => VaeTiling.Off,
        _ => throw new ConfigException($"VAE tiling '{name}' is unknown; use auto, on or off."),
    };
}
