// Resampling of single pictures.
using Kinora.Media.Native;

namespace Kinora.Media;

/// <summary>Pictures of another size.</summary>
public static class ImageResize
{
    /// <summary>The picture stretched to a size; the same object when it has that size.</summary>
    /// <param name="frame">The picture.</param>
    /// <param name="width">Pixels, at least 1.</param>
    /// <param name="height">Pixels, at least 1.</param>
    /// <param name="filter">Area by default: free of aliasing when shrinking.</param>
    public static unsafe VideoFrame Resize(VideoFrame frame, int width, int height, ScaleFilter filter = ScaleFilter.Area)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (frame.Width == width && frame.Height == height)
        {
            return frame;
        }

        NativeMedia.EnsureLoaded();
        byte[] rgb = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
        fixed (byte* source = frame.Rgb)
        fixed (byte* target = rgb)
        {
            NativeMedia.Check(NativeMethods.km_scale_rgb(source, frame.Width, frame.Height, target, width, height, (int)filter), "resizing failed", "picture");
        }

        return Like(frame, width, height, rgb);
    }

    /// <summary>The largest centered part of the picture with the aspect of width : height, resized to that size.</summary>
    public static VideoFrame CropToAspect(VideoFrame frame, int width, int height, ScaleFilter filter = ScaleFilter.Area)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        long wide = (long)frame.Width * height;
        long tall = (long)frame.Height * width;
        int cropWidth = wide > tall ? (int)Math.Max(1, (tall + (height / 2)) / height) : frame.Width;
        int cropHeight = wide < tall ? (int)Math.Max(1, (wide + (width / 2)) / width) : frame.Height;
        return Resize(Crop(frame, (frame.Width - cropWidth) / 2, (frame.Height - cropHeight) / 2, cropWidth, cropHeight), width, height, filter);
    }

    /// <summary>A rectangle of the picture; the same object when it is the whole.</summary>
    /// <exception cref="ArgumentException">The rectangle does not lie inside the picture.</exception>
    public static VideoFrame Crop(VideoFrame frame, int x, int y, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if (x < 0 || y < 0 || width < 1 || height < 1 || (long)x + width > frame.Width || (long)y + height > frame.Height)
        {
            throw new ArgumentException($"Crop of {width}×{height} at ({x}, {y}) does not lie inside the {frame.Width}×{frame.Height} picture.", nameof(frame));
        }

        if (width == frame.Width && height == frame.Height)
        {
            return frame;
        }

        byte[] rgb = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
        for (int row = 0; row < height; row++)
        {
            int from = (((y + row) * frame.Width) + x) * 3;
            frame.Rgb.AsSpan(from, width * 3).CopyTo(rgb.AsSpan(row * width * 3));
        }

        return Like(frame, width, height, rgb);
    }

    private static VideoFrame Like(VideoFrame frame, int width, int height, byte[] rgb) => new(width, height, rgb, frame.Pts)
    {
        ExactPts = frame.ExactPts,
        Duration = frame.Duration,
        IsKeyFrame = frame.IsKeyFrame,
    };
}
