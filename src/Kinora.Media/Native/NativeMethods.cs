// The imports of libkinora_media.so; native/media/kinora_media.h is the contract.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kinora.Media.Native;

internal enum Status
{
    Ok = 0,
    End = 1,
    NotFound = 2,
    AccessDenied = 3,
    NotMedia = 4,
    Truncated = 5,
    Corrupt = 6,
    InvalidArgument = 7,
    MissingCodec = 8,
    DiskFull = 9,
    IO = 10,
    OutOfMemory = 11,
    Internal = 12,
}

[StructLayout(LayoutKind.Sequential)]
internal struct ReaderOptions
{
    public int StreamIndex;
    public int Threads;
    public int MotionVectors;
    public int Reserved;
}

[InlineArray(32)]
internal struct Name32
{
    private byte _first;
}

[InlineArray(64)]
internal struct Name64
{
    private byte _first;
}

[InlineArray(16)]
internal struct Name16
{
    private byte _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct StreamInfo
{
    public long StartTime;
    public long Duration;
    public long FrameCount;
    public long BitRate;
    public int FrameCountExact;
    public int Width;
    public int Height;
    public int SarNum;
    public int SarDen;
    public int Rotation;
    public int Mirrored;
    public int AvgRateNum;
    public int AvgRateDen;
    public int RealRateNum;
    public int RealRateDen;
    public int TimeBaseNum;
    public int TimeBaseDen;
    public int BitDepth;
    public int HasAlpha;
    public int HasAudio;
    public int VideoStreams;
    public int StreamIndex;
    public Name64 Container;
    public Name32 Codec;
    public Name32 PixelFormat;
    public Name32 ColorRange;
    public Name32 ColorSpace;
    public Name32 ColorPrimaries;
    public Name32 ColorTransfer;
}

[StructLayout(LayoutKind.Sequential)]
internal struct FrameFacts
{
    public long Pts;
    public long Duration;
    public int Width;
    public int Height;
    public int KeyFrame;
    public int MotionVectors;
}

[StructLayout(LayoutKind.Sequential)]
internal struct Copied
{
    public long FirstPts;
    public long LastPts;
    public int Frames;
    public int Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal struct WriterOptions
{
    public int Format;
    public int Width;
    public int Height;
    public int RateNum;
    public int RateDen;
    public int Quality;
    public int Lossless;
    public int CpuUsed;
    public Name16 Preset;
}

/// <summary>Signatures as in kinora_media.h; <see cref="NativeMedia"/> loads the library and turns status codes into exceptions.</summary>
internal static unsafe partial class NativeMethods
{
    public const string Library = "kinora_media";
    public const int AbiVersion = 1;
    public const long NoTime = long.MinValue;

    [LibraryImport(Library)]
    public static partial int km_abi_version();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int setenv(string name, string value, int overwrite);

    [LibraryImport(Library)]
    public static partial byte* km_last_error();

    [LibraryImport(Library)]
    public static partial byte* km_build_info();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int km_has_encoder(string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial Status km_reader_open_file(string path, in ReaderOptions options, out nint reader);

    [LibraryImport(Library)]
    public static partial Status km_reader_open_memory(byte* data, long size, in ReaderOptions options, out nint reader);

    [LibraryImport(Library)]
    public static partial void km_reader_close(nint reader);

    [LibraryImport(Library)]
    public static partial Status km_reader_info(ReaderHandle reader, out StreamInfo info);

    [LibraryImport(Library)]
    public static partial Status km_reader_tag(ReaderHandle reader, int index, out byte* key, out byte* value);

    [LibraryImport(Library)]
    public static partial Status km_reader_advance(ReaderHandle reader, out FrameFacts frame);

    [LibraryImport(Library)]
    public static partial Status km_reader_peek(ReaderHandle reader, out FrameFacts frame);

    [LibraryImport(Library)]
    public static partial Status km_reader_seek(ReaderHandle reader, long pts);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial Status km_reader_copy_packets(ReaderHandle reader, long start, long end, string path, out Copied copied);

    [LibraryImport(Library)]
    public static partial Status km_reader_pixels(ReaderHandle reader, int width, int height, int filter, int rotate, byte* rgb, long capacity);

    [LibraryImport(Library)]
    public static partial Status km_reader_small_bgr(ReaderHandle reader, int width, int height, byte* bgr, long capacity);

    [LibraryImport(Library)]
    public static partial Status km_reader_luma(ReaderHandle reader, byte* luma, long capacity);

    [LibraryImport(Library)]
    public static partial Status km_meter_open(out nint meter);

    [LibraryImport(Library)]
    public static partial void km_meter_close(nint meter);

    [LibraryImport(Library)]
    public static partial Status km_meter_measure(MeterHandle meter, ReaderHandle reader, out LumaMeasures measures);

    [LibraryImport(Library)]
    public static partial Status km_reader_motion_vectors(ReaderHandle reader, MotionVector* vectors, int capacity, out int count);

    [LibraryImport(Library)]
    public static partial Status km_scale_rgb(byte* source, int sourceWidth, int sourceHeight, byte* target, int targetWidth, int targetHeight, int filter);

    [LibraryImport(Library)]
    public static partial Status km_png_encode(byte* rgb, int width, int height, out byte* png, out long size);

    [LibraryImport(Library)]
    public static partial void km_free(byte* buffer);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial Status km_writer_open(string path, in WriterOptions options, string[] keys, string[] values, int count, out nint writer);

    [LibraryImport(Library)]
    public static partial Status km_writer_write(WriterHandle writer, byte* rgb, long size);

    [LibraryImport(Library)]
    public static partial Status km_writer_finish(WriterHandle writer);

    [LibraryImport(Library)]
    public static partial void km_writer_close(nint writer);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial Status km_sync(string path);
}

internal sealed class ReaderHandle : SafeHandle
{
    public ReaderHandle(nint reader)
        : base(0, ownsHandle: true) => SetHandle(reader);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.km_reader_close(handle);
        return true;
    }
}

internal sealed class MeterHandle : SafeHandle
{
    public MeterHandle(nint meter)
        : base(0, ownsHandle: true) => SetHandle(meter);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.km_meter_close(handle);
        return true;
    }
}

internal sealed class WriterHandle : SafeHandle
{
    public WriterHandle(nint writer)
        : base(0, ownsHandle: true) => SetHandle(writer);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.km_writer_close(handle);
        return true;
    }
}
