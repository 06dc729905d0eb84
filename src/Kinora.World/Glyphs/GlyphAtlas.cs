using System.IO.Compression;

namespace Kinora.World.Glyphs;

/// <summary>
/// The glyphs of the first twenty nouns, 72×72 RGBA with premultiplied alpha, rendered once from Noto Color Emoji (SIL Open Font
/// License 1.1; see NOTICE beside this file) and embedded, so that a clip is the same on every machine and no font is needed.
/// </summary>
public static class GlyphAtlas
{
    /// <summary>Side of a glyph in the atlas, pixels.</summary>
    public const int Side = 72;

    private const string ResourceName = "Kinora.World.Glyphs.glyphs.bin";
    private static readonly Lazy<byte[]> Pixels = new(Load);

    /// <summary>Unicode code points of the glyph nouns, in the order of <see cref="Noun"/>.</summary>
    public static IReadOnlyList<int> CodePoints { get; } =
    [
        0x1F388, 0x1F697, 0x1F680, 0x1F41F, 0x1F426, 0x1F431, 0x1F34E, 0x2764, 0x1F33C, 0x1F332,
        0x1F3E0, 0x26F5, 0x1F98B, 0x1F47B, 0x26BD, 0x2602, 0x1F451, 0x1F514, 0x1F344, 0x2615,
    ];

    /// <summary>RGBA bytes, row-major, premultiplied.</summary>
    public static ReadOnlySpan<byte> Glyph(Noun noun)
    {
        if ((int)noun >= Vocabulary.GlyphCount)
            throw new ArgumentOutOfRangeException(nameof(noun), noun, "only the emoji nouns are in the atlas");
        return Pixels.Value.AsSpan((int)noun * Side * Side * 4, Side * Side * 4);
    }

    /// <summary>The whole atlas, uncompressed.</summary>
    public static ReadOnlySpan<byte> All => Pixels.Value;

    private static byte[] Load()
    {
        using Stream resource = typeof(GlyphAtlas).Assembly.GetManifestResourceStream(ResourceName)
            ?? throw new InvalidOperationException($"resource {ResourceName} is missing from the assembly.");
        using var brotli = new BrotliStream(resource, CompressionMode.Decompress);
        var pixels = new byte[Vocabulary.GlyphCount * Side * Side * 4];
        brotli.ReadExactly(pixels);
        return pixels;
    }
}
