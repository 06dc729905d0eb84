using System.IO.Compression;
using Kinora.Media.Fonts;

namespace Kinora.World.Glyphs;

/// <summary>
/// Makes the glyph atlas from a font: each glyph's visible box, centered in a square with a margin of one 24th of its side
/// all around, box-filtered to <see cref="GlyphAtlas.Side"/> in integers, so that one font gives one atlas on every machine.
/// </summary>
public static class GlyphBaker
{
    private const int VisibleAlpha = 16, MarginParts = 12, Samples = 8;

    /// <summary>The pixels of the whole atlas: glyph by glyph in the order of <see cref="GlyphAtlas.CodePoints"/>, RGBA, premultiplied.</summary>
    /// <exception cref="Media.MediaException">The font lacks one of the glyphs or is damaged.</exception>
    public static byte[] Bake(ColorFont font)
    {
        ArgumentNullException.ThrowIfNull(font);
        const int glyphBytes = GlyphAtlas.Side * GlyphAtlas.Side * 4;
        var atlas = new byte[GlyphAtlas.CodePoints.Count * glyphBytes];
        for (int g = 0; g < GlyphAtlas.CodePoints.Count; g++)
            Scale(font.Render(GlyphAtlas.CodePoints[g]), atlas.AsSpan(g * glyphBytes, glyphBytes));
        return atlas;
    }

    /// <summary>Writes the atlas as it is embedded: one Brotli stream of its pixels.</summary>
    public static void Write(ReadOnlySpan<byte> atlas, Stream destination)
    {
        using var brotli = new BrotliStream(destination, CompressionLevel.SmallestSize, leaveOpen: true);
        brotli.Write(atlas);
    }

    private static void Scale(ColorGlyph glyph, Span<byte> square)
    {
        var (minX, minY, maxX, maxY) = VisibleBox(glyph);
        int boxWidth = maxX - minX + 1, boxHeight = maxY - minY + 1, side = Math.Max(boxWidth, boxHeight);
        side += side / MarginParts;
        int left = minX - (side - boxWidth) / 2, top = minY - (side - boxHeight) / 2;
        Span<int> sum = stackalloc int[4];
        for (int y = 0, o = 0; y < GlyphAtlas.Side; y++)
        {
            for (int x = 0; x < GlyphAtlas.Side; x++, o += 4)
            {
                sum.Clear();
                for (int s = 0; s < Samples * Samples; s++)
                {
                    int sx = left + (x * Samples + s % Samples) * side / (GlyphAtlas.Side * Samples);
                    int sy = top + (y * Samples + s / Samples) * side / (GlyphAtlas.Side * Samples);
                    if ((uint)sx >= (uint)glyph.Width || (uint)sy >= (uint)glyph.Height)
                        continue;
                    for (int c = 0; c < 4; c++)
                        sum[c] += glyph.Rgba[(sy * glyph.Width + sx) * 4 + c];
                }
                for (int c = 0; c < 4; c++)
                    square[o + c] = (byte)(sum[c] / (Samples * Samples));
            }
        }
    }

    private static (int MinX, int MinY, int MaxX, int MaxY) VisibleBox(ColorGlyph glyph)
    {
        int minX = glyph.Width, minY = glyph.Height, maxX = -1, maxY = -1;
        for (int y = 0; y < glyph.Height; y++)
        {
            for (int x = 0; x < glyph.Width; x++)
            {
                if (glyph.Rgba[(y * glyph.Width + x) * 4 + 3] <= VisibleAlpha)
                    continue;
                (minX, maxX) = (Math.Min(minX, x), Math.Max(maxX, x));
                (minY, maxY) = (Math.Min(minY, y), Math.Max(maxY, y));
            }
        }
        return maxX < 0 ? (0, 0, glyph.Width - 1, glyph.Height - 1) : (minX, minY, maxX, maxY);
    }
}
