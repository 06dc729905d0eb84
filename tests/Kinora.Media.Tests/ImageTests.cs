using System.Buffers.Binary;

namespace Kinora.Media.Tests;

public sealed class ImageTests
{
    [Theory]
    [InlineData("quad.bmp", 0)]
    [InlineData("quad.webp", 0)]
    [InlineData("quad16.png", 2)]
    [InlineData("quad.jpg", 4)]
    public void Read_EveryFormat_GivesTheQuarters(string name, int tolerance)
    {
        var image = ImageFile.Read(Fixture.File(name));

        (image.Width, image.Height).ShouldBe((24, 16));
        Close(Fixture.Pixel(image, 3, 3), (0, 0, 255), tolerance);
        Close(Fixture.Pixel(image, 20, 3), (0, 255, 0), tolerance);
        Close(Fixture.Pixel(image, 3, 13), (255, 255, 255), tolerance);
        Close(Fixture.Pixel(image, 20, 13), (255, 0, 0), tolerance);
    }

    [Fact]
    public void Read_Transparency_IsPutOverBlack()
    {
        var image = ImageFile.Read(Fixture.File("quadalpha.png"));

        Close(Fixture.Pixel(image, 3, 13), (128, 128, 128), 1);
        Close(Fixture.Pixel(image, 20, 13), (128, 0, 0), 1);
    }

    // EXIF orientations 1 to 8 and where the quarters blue, green / white, red come to lie (TIFF 6.0, tag 274).
    [Theory]
    [InlineData(1, "BGWR")]
    [InlineData(2, "GBRW")]
    [InlineData(3, "RWGB")]
    [InlineData(4, "WRBG")]
    [InlineData(5, "BWGR")]
    [InlineData(6, "WBRG")]
    [InlineData(7, "RGWB")]
    [InlineData(8, "GRBW")]
    public void Read_ExifOrientation_IsApplied(int orientation, string quarters)
    {
        byte[] jpeg = File.ReadAllBytes(Fixture.File("quad.jpg"));
        byte[] exif = [0xff, 0xe1, 0, 34, .. "Exif\0\0"u8, .. "MM\0*\0\0\0\b"u8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0];
        byte[] turned = [.. jpeg[..2], .. exif, .. jpeg[2..]];

        var image = ImageFile.Read(turned, "turned.jpg");

        int w = image.Width, h = image.Height;
        (w, h).ShouldBe(orientation >= 5 ? (16, 24) : (24, 16));
        string seen = string.Concat(new[] { (w / 4, h / 4), (3 * w / 4, h / 4), (w / 4, 3 * h / 4), (3 * w / 4, 3 * h / 4) }
            .Select(p => Fixture.Pixel(image, p.Item1, p.Item2) switch { ( < 9, < 9, > 246) => 'B', ( < 9, > 246, < 9) => 'G', ( > 246, > 246, > 246) => 'W', ( > 246, < 9, < 9) => 'R', _ => '?' }));
        seen.ShouldBe(quarters);
    }

    [Theory]
    [InlineData("quad.bmp")]
    [InlineData("quad.webp")]
    [InlineData("quad16.png")]
    [InlineData("quad.jpg")]
    public void Read_AnyTruncation_IsATypedError(string name)
    {
        byte[] whole = File.ReadAllBytes(Fixture.File(name));
        for (int length = 0; length < whole.Length; length += 3)
        {
            Should.Throw<MediaException>(() => ImageFile.Read(whole.AsMemory(..length), name), $"{length} of {whole.Length} bytes").Message.ShouldStartWith(name);
        }

        Should.Throw<MediaException>(() => ImageFile.Read(whole.AsMemory(..^1), name)).Kind.ShouldBe(MediaErrorKind.Truncated);
    }

    [Fact]
    public void WritePng_ThenRead_IsExactAndKeepsTexts()
    {
        using var folder = new TemporaryFolder();
        var image = Fixture.Waves(37, 21, 4);
        var texts = new Dictionary<string, string> { ["kinora"] = "{\"prompt\":\"шар 🎈\"}" };

        ImageFile.WritePng(folder["a.png"], image, texts);

        folder.Entries.ShouldBe(["a.png"]);
        ImageFile.Read(folder["a.png"]).Rgb.ShouldBe(image.Rgb);
        MediaMetadata.Read(folder["a.png"]).ShouldBe(texts);
    }

    [Fact]
    public void WritePng_ChecksumsAreRight()
    {
        byte[] png = ImageFile.EncodePng(Fixture.Waves(8, 8, 0), new Dictionary<string, string> { ["a"] = "text" });

        // libavcodec skips the checksum of ancillary chunks: recompute bit by bit, as the PNG specification defines it (annex D).
        int at = png.AsSpan().IndexOf("iTXt"u8);
        int length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at - 4));
        uint crc = uint.MaxValue;
        foreach (byte b in png.AsSpan(at, length + 4))
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320u : crc >> 1;
            }
        }

        BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at + 4 + length)).ShouldBe(~crc);
    }

    [Fact]
    public void Resize_ByArea_AveragesWholeBlocks()
    {
        byte[] rgb = new byte[4 * 2 * 3];
        for (int i = 0; i < 8; i++)
        {
            rgb.AsSpan(i * 3, 3).Fill((byte)(i % 4 < 2 ? 10 : 200));
        }

        var small = ImageResize.Resize(new VideoFrame(4, 2, rgb), 2, 1);

        Close(Fixture.Pixel(small, 0, 0), (10, 10, 10), 1);
        Close(Fixture.Pixel(small, 1, 0), (200, 200, 200), 1);
    }

    [Fact]
    public void CropToAspect_TakesTheCenter()
    {
        var image = ImageFile.Read(Fixture.File("quad.bmp"));

        var square = ImageResize.CropToAspect(image, 16, 16);

        // Columns 4 to 19 of 24: the border between the quarters stays in the middle.
        square.Rgb.ShouldBe(ImageResize.Crop(image, 4, 0, 16, 16).Rgb);
        Fixture.Pixel(square, 7, 0).ShouldBe((0, 0, 255));
        Fixture.Pixel(square, 8, 0).ShouldBe((0, 255, 0));
    }

    [Fact]
    public void Resize_KeepsFlatColor()
    {
        byte[] rgb = new byte[50 * 40 * 3];
        rgb.AsSpan().Fill(123);
        foreach (ScaleFilter filter in Enum.GetValues<ScaleFilter>())
        {
            foreach (var (w, h) in new[] { (1, 1), (25, 20), (64, 64), (173, 91) })
            {
                ImageResize.Resize(new VideoFrame(50, 40, rgb), w, h, filter).Rgb.ShouldAllBe(v => v >= 122 && v <= 124, $"{filter} {w}×{h}");
            }
        }
    }

    private static void Close((int R, int G, int B) actual, (int R, int G, int B) expected, int tolerance) =>
        (Math.Abs(actual.R - expected.R) <= tolerance && Math.Abs(actual.G - expected.G) <= tolerance && Math.Abs(actual.B - expected.B) <= tolerance)
            .ShouldBeTrue($"{actual} is not {expected}");
}
