namespace Kinora.Media.Tests;

public sealed class PillowResizeTests
{
    private static readonly VideoFrame Ramp = new(8, 2, [.. Enumerable.Range(0, 16).SelectMany(i => new[] { (byte)(i * 16), (byte)(255 - i), (byte)7 })]);

    [Theory]
    [InlineData(PillowFilter.Nearest), InlineData(PillowFilter.Box), InlineData(PillowFilter.Bilinear), InlineData(PillowFilter.Hamming), InlineData(PillowFilter.Bicubic), InlineData(PillowFilter.Lanczos)]
    public void Resize_OfAFlatPicture_KeepsItsColor(PillowFilter filter)
    {
        var flat = new VideoFrame(7, 5, [.. Enumerable.Repeat((byte)200, 7 * 5 * 3)]);
        VideoFrame result = PillowResize.Resize(flat, 3, 11, filter);
        (result.Width, result.Height).ShouldBe((3, 11));
        result.Rgb.ShouldAllBe(v => v == 200);
    }

    [Fact]
    public void Resize_WithABoxByHalf_IsTheMeanOfFourPixelsRoundedTwice()
    {
        // Rows first: (0 + 16) / 2 = 8 and (128 + 144) / 2 = 136; then columns: (8 + 136) / 2 = 72.
        PillowResize.Resize(Ramp, 4, 1, PillowFilter.Box).Rgb[0].ShouldBe((byte)72);
    }

    [Fact]
    public void Resize_ToTheSameSize_IsTheSamePicture() => PillowResize.Resize(Ramp, 8, 2, PillowFilter.Bicubic).ShouldBeSameAs(Ramp);

    [Fact]
    public void OpenCvResize_ByAreaOfAThird_WeighsThePartsOfPixels()
    {
        // 8 columns to 3: the first covers pixels 0, 1 and two thirds of 2.
        double expected = (0 + 16 + 32 * (2 / 3.0)) / (8 / 3.0);
        OpenCvResize.Resize(Ramp, 3, 2, ScaleFilter.Area).Rgb[0].ShouldBe((byte)Math.Round(expected));
    }

    [Fact]
    public void OpenCvResize_AskedToEnlargeByArea_SaysWhatToUse() =>
        Should.Throw<ArgumentException>(() => OpenCvResize.Resize(Ramp, 16, 2, ScaleFilter.Area)).Message.ShouldContain("Bilinear or Bicubic");
}
