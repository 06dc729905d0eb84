using Kinora.Media;
using Kinora.Media.Fonts;
using Kinora.World.Glyphs;

namespace Kinora.World.Tests;

public sealed class GlyphAtlasTests
{
    [EmojiFontFact]
    public void Bake_InstalledFont_GivesTheCommittedAtlas()
    {
        using var font = ColorFont.Open(ColorFont.DebianEmojiPath);
        font.Family.ShouldBe("Noto Color Emoji");
        GlyphBaker.Bake(font).AsSpan().SequenceEqual(GlyphAtlas.All).ShouldBeTrue("the font and glyphs.bin differ");
    }

    [EmojiFontFact]
    public void Render_UnknownCodePoint_NamesIt()
    {
        using var font = ColorFont.Open(ColorFont.DebianEmojiPath);
        Should.Throw<MediaException>(() => font.Render(0x4E00)).Message.ShouldContain("U+4E00");
    }

    [EmojiFontFact]
    public void Render_Glyph_IsPremultipliedColor()
    {
        using var font = ColorFont.Open(ColorFont.DebianEmojiPath);
        ColorGlyph glyph = font.Render(0x1F388);
        glyph.Rgba.Length.ShouldBe(glyph.Width * glyph.Height * 4);
        glyph.Rgba.Chunk(4).ShouldAllBe(p => p[0] <= p[3] && p[1] <= p[3] && p[2] <= p[3]);
        glyph.Rgba.Chunk(4).Count(p => p[3] == 255 && p[0] > 2 * p[1]).ShouldBeGreaterThan(1000, "the balloon is red");
    }

    [Fact]
    public void Open_MissingFont_SaysHowToInstallIt()
    {
        var failure = Should.Throw<MediaException>(() => ColorFont.Open("/no/such/font.ttf"));
        failure.Kind.ShouldBe(MediaErrorKind.NotFound);
        failure.Message.ShouldContain("apt-get install fonts-noto-color-emoji");
    }

    [Fact]
    public void Open_NotAFont_SaysSo()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "this is no font");
            Should.Throw<MediaException>(() => ColorFont.Open(path)).Kind.ShouldBe(MediaErrorKind.NotMedia);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Write_Atlas_ReadsBack()
    {
        ReadOnlySpan<byte> atlas = GlyphAtlas.Glyph(Noun.Apple);
        using var stream = new MemoryStream();
        GlyphBaker.Write(atlas, stream);
        stream.Position = 0;
        using var brotli = new System.IO.Compression.BrotliStream(stream, System.IO.Compression.CompressionMode.Decompress);
        var pixels = new byte[atlas.Length];
        brotli.ReadExactly(pixels);
        brotli.ReadByte().ShouldBe(-1);
        pixels.AsSpan().SequenceEqual(atlas).ShouldBeTrue();
    }

    [Fact]
    public void Glyph_EveryGlyphNoun_FillsItsSquare()
    {
        GlyphAtlas.CodePoints.Count.ShouldBe(Vocabulary.GlyphCount);
        foreach (Noun noun in Vocabulary.Nouns.Take(Vocabulary.GlyphCount))
        {
            byte[] pixels = GlyphAtlas.Glyph(noun).ToArray();
            int[] visible = [.. Enumerable.Range(0, pixels.Length / 4).Where(i => pixels[4 * i + 3] > 128)];
            int width = visible.Max(i => i % GlyphAtlas.Side) - visible.Min(i => i % GlyphAtlas.Side), height = visible.Max(i => i / GlyphAtlas.Side) - visible.Min(i => i / GlyphAtlas.Side);
            Math.Max(width, height).ShouldBeInRange(60, GlyphAtlas.Side, $"{noun}");
        }
        Should.Throw<ArgumentOutOfRangeException>(() => GlyphAtlas.Glyph(Noun.Circle).Length);
    }
}

/// <summary>A fact about Debian's emoji font; skipped where it is not installed.</summary>
public sealed class EmojiFontFactAttribute : FactAttribute
{
    public EmojiFontFactAttribute()
    {
        if (!File.Exists(ColorFont.DebianEmojiPath))
            Skip = "fonts-noto-color-emoji is not installed";
    }
}
