// /dev/full refuses every write with ENOSPC, as a full disk does.
namespace Kinora.Media.Tests;

public sealed class DiskFullTests
{
    [Theory]
    [InlineData(VideoFormat.Mp4)]
    [InlineData(VideoFormat.WebM)]
    [InlineData(VideoFormat.Gif)]
    [InlineData(VideoFormat.Png)]
    public void Encoder_OnAFullDisk_SaysSo(VideoFormat format)
    {
        var options = new VideoWriterOptions();
        var e = Should.Throw<MediaException>(() =>
        {
            var rate = new Rational(8, 1);
            using IClipEncoder encoder = format switch
            {
                VideoFormat.Gif => new GifEncoder("clip.gif", "/dev/full", 64, 64, rate, true, []),
                VideoFormat.Png => new PngEncoder("clip.png", "/dev/full", 64, 64, []),
                _ => new LibavEncoder("clip.mp4", "/dev/full", format, 64, 64, rate, options, []),
            };
            encoder.Write(Fixture.Waves(64, 64, 0).Rgb);
            encoder.Finish();
        });

        e.Kind.ShouldBe(MediaErrorKind.DiskFull);
        e.Message.ShouldStartWith("clip.");
        e.Message.ShouldContain("No space", Case.Insensitive);
    }
}
