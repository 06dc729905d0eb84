// MP4 and WebM through libkinora_media.
using System.Text;
using Kinora.Media.Native;

namespace Kinora.Media;

internal sealed unsafe class LibavEncoder : IClipEncoder
{
    private readonly WriterHandle _writer;
    private readonly string _path;
    private long _frames;

    public LibavEncoder(string path, string temporaryPath, VideoFormat format, int width, int height, Rational rate, VideoWriterOptions options, List<KeyValuePair<string, string>> texts)
    {
        NativeMedia.EnsureLoaded();
        _path = path;
        bool mp4 = format == VideoFormat.Mp4;
        var native = new WriterOptions
        {
            Format = mp4 ? 1 : 2,
            Width = width,
            Height = height,
            RateNum = checked((int)rate.Numerator),
            RateDen = checked((int)rate.Denominator),
            Quality = options.Quality ?? (mp4 ? 16 : 24),
            Lossless = options.Lossless ? 1 : 0,
            CpuUsed = CpuUsed(options.Preset),
        };
        Encoding.ASCII.GetBytes(options.Preset, native.Preset);
        string[] keys = [.. texts.Select(pair => pair.Key)];
        string[] values = [.. texts.Select(pair => pair.Value)];
        NativeMedia.Check(NativeMethods.km_writer_open(temporaryPath, in native, keys, values, keys.Length, out nint writer), "cannot be written", path);
        _writer = new WriterHandle(writer);
    }

    public void Write(ReadOnlySpan<byte> rgb)
    {
        fixed (byte* source = rgb)
        {
            NativeMedia.Check(NativeMethods.km_writer_write(_writer, source, rgb.Length), "cannot be written", _path, null, _frames);
        }

        _frames++;
    }

    public void Finish() => NativeMedia.Check(NativeMethods.km_writer_finish(_writer), "cannot be written", _path, null, _frames);

    public void Dispose() => _writer.Dispose();

    // libvpx's cpu-used in "good" mode runs from 0 (slowest) to 5; faster presets of x264 share its fast end.
    private static int CpuUsed(string preset) => preset switch
    {
        "placebo" or "veryslow" => 0,
        "slower" => 1,
        "slow" => 2,
        "medium" => 3,
        "fast" => 4,
        _ => 5,
    };
}
