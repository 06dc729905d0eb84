// One block's motion as the codec stored it.
using System.Runtime.InteropServices;

namespace Kinora.Media;

/// <summary>
/// The displacement of one predicted block, as in libavutil's AVMotionVector. The block at (<see cref="DestinationX"/>,
/// <see cref="DestinationY"/>) of this frame was predicted from the reference picture at that place plus
/// (<see cref="MotionX"/>, <see cref="MotionY"/>) / <see cref="MotionScale"/> pixels.
/// Content that moves right by 3 pixels per frame therefore has MotionX / MotionScale = −3 against the previous frame.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct MotionVector
{
    /// <summary>Which reference: negative = a past frame, positive = a future one, in units of reference frames as libavcodec reports them.</summary>
    public int Source { get; init; }

    /// <summary>Block width in pixels.</summary>
    public int BlockWidth { get; init; }

    /// <summary>Block height in pixels.</summary>
    public int BlockHeight { get; init; }

    /// <summary>Center of the reference block, whole pixels.</summary>
    public int SourceX { get; init; }

    /// <summary>Center of the reference block, whole pixels.</summary>
    public int SourceY { get; init; }

    /// <summary>Center of the predicted block, whole pixels.</summary>
    public int DestinationX { get; init; }

    /// <summary>Center of the predicted block, whole pixels.</summary>
    public int DestinationY { get; init; }

    /// <summary>Horizontal displacement in units of 1/<see cref="MotionScale"/> pixel.</summary>
    public int MotionX { get; init; }

    /// <summary>Vertical displacement in units of 1/<see cref="MotionScale"/> pixel.</summary>
    public int MotionY { get; init; }

    /// <summary>Subdivisions of a pixel: 4 for H.264.</summary>
    public int MotionScale { get; init; }
}
