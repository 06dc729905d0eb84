// Numbers of whole luma planes, frame after frame; native/media/meter.cpp has the definitions.
using System.Runtime.InteropServices;
using Kinora.Media.Native;

namespace Kinora.Media;

/// <summary>What one luma plane says by itself and against the one before. What compares two frames is 0 for the first.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct LumaMeasures
{
    /// <summary>Mean luma, 0..255.</summary>
    public double Mean { get; init; }

    /// <summary>Share of samples in the lowest tenth of the range (ffmpeg's blackdetect), 0..1.</summary>
    public double DarkShare { get; init; }

    /// <summary>Mean absolute difference to the frame before, 0..255.</summary>
    public double Difference { get; init; }

    /// <summary>Spatial information of ITU-T P.910: the standard deviation of Sobel magnitudes.</summary>
    public double SpatialInformation { get; init; }

    /// <summary>Temporal information of ITU-T P.910: the standard deviation of the difference to the frame before.</summary>
    public double TemporalInformation { get; init; }

    /// <summary>VMAF motion: the mean absolute difference of blurred planes.</summary>
    public double Motion { get; init; }

    private readonly int _hasPrevious;
    private readonly int _reserved;

    /// <summary>Whether there was a frame of the same size before.</summary>
    public bool HasPrevious => _hasPrevious != 0;
}

/// <summary>Measures consecutive frames of one clip. One thread at a time.</summary>
public sealed class LumaMeter : IDisposable
{
    private readonly MeterHandle _meter;

    /// <exception cref="MediaException">The native library cannot be loaded.</exception>
    public LumaMeter()
    {
        NativeMedia.EnsureLoaded();
        NativeMedia.Check(NativeMethods.km_meter_open(out nint meter), "cannot measure", "");
        _meter = new MeterHandle(meter);
    }

    /// <summary>Measures the reader's current frame against the one measured before.</summary>
    /// <exception cref="MediaException">There is no current frame.</exception>
    public LumaMeasures Measure(AnalysisReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return reader.Measure(_meter);
    }

    /// <summary>Frees the planes.</summary>
    public void Dispose() => _meter.Dispose();
}
