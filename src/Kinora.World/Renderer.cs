using System.Buffers;
using Kinora.World.Glyphs;

namespace Kinora.World;

/// <summary>Draws scenes. The same scene, size and number of frames give the same bytes on every machine. Safe to call from many threads.</summary>
public static class Renderer
{
    private const double PanReach = 0.1, ZoomReach = 0.2;

    /// <summary>Draws a whole clip into <paramref name="rgb"/>: [frames, height, width, 3] bytes.</summary>
    /// <exception cref="ArgumentException">The span is not exactly that long, or a size is not positive.</exception>
    public static void Render(Scene scene, int width, int height, int frames, Span<byte> rgb)
    {
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 8);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 8);
        ArgumentOutOfRangeException.ThrowIfLessThan(frames, 1);
        int frameBytes = width * height * 3;
        if (rgb.Length != frameBytes * frames)
            throw new ArgumentException($"a clip of {frames} frames {width}×{height} has {frameBytes * frames} bytes, the span has {rgb.Length}.", nameof(rgb));
        int canvasWidth = width + 2 * (int)Math.Ceiling(width * Backdrop.Margin), canvasHeight = height + 2 * (int)Math.Ceiling(height * Backdrop.Margin);
        byte[] canvas = ArrayPool<byte>.Shared.Rent(canvasWidth * canvasHeight * 3);
        try
        {
            Backdrop.Paint(scene.Setting, scene.Look, width, height, canvasWidth, canvasHeight, canvas);
            for (int f = 0; f < frames; f++)
            {
                double t = TimeOf(f, frames);
                Span<byte> frame = rgb.Slice(f * frameBytes, frameBytes);
                DrawBackdrop(scene.Camera, t, canvas, canvasWidth, canvasHeight, frame, width, height);
                foreach (Actor actor in scene.Actors)
                    DrawActor(actor, actor.PoseAt(t), frame, width, height);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(canvas);
        }
    }

    /// <summary>The time in [0, 1] that frame <paramref name="frame"/> of <paramref name="frames"/> shows; a lone frame shows the middle.</summary>
    public static double TimeOf(int frame, int frames) => frames == 1 ? 0.5 : (double)frame / (frames - 1);

    /// <summary>The part of the canvas that the camera sees at time t: offset in fractions of the frame, and magnification.</summary>
    internal static (double OffsetX, double Scale) CameraAt(CameraMove camera, double t) => camera switch
    {
        CameraMove.PanLeft => (PanReach * (1 - 2 * t), 1),
        CameraMove.PanRight => (-PanReach * (1 - 2 * t), 1),
        CameraMove.ZoomIn => (0, 1 + ZoomReach * (0.5 - t)),
        CameraMove.ZoomOut => (0, 1 - ZoomReach * (0.5 - t)),
        _ => (0, 1),
    };

    private static void DrawBackdrop(CameraMove camera, double t, ReadOnlySpan<byte> canvas, int canvasWidth, int canvasHeight, Span<byte> frame, int width, int height)
    {
        if (camera == CameraMove.Static)
        {
            int left = (canvasWidth - width) / 2, top = (canvasHeight - height) / 2;
            for (int y = 0; y < height; y++)
                canvas.Slice(((top + y) * canvasWidth + left) * 3, width * 3).CopyTo(frame[(y * width * 3)..]);
            return;
        }
        var (offsetX, scale) = CameraAt(camera, t);
        for (int y = 0, o = 0; y < height; y++)
        {
            double cy = canvasHeight / 2.0 + (y + 0.5 - height / 2.0) * scale - 0.5;
            for (int x = 0; x < width; x++, o += 3)
            {
                double cx = canvasWidth / 2.0 + (x + 0.5 - width / 2.0) * scale + offsetX * width - 0.5;
                Bilinear(canvas, canvasWidth, canvasHeight, cx, cy, frame.Slice(o, 3));
            }
        }
    }

    private static void Bilinear(ReadOnlySpan<byte> canvas, int width, int height, double x, double y, Span<byte> rgb)
    {
        x = Math.Clamp(x, 0, width - 1.001);
        y = Math.Clamp(y, 0, height - 1.001);
        int x0 = (int)x, y0 = (int)y, fx = (int)((x - x0) * 256), fy = (int)((y - y0) * 256);
        int i = (y0 * width + x0) * 3, j = i + width * 3;
        for (int c = 0; c < 3; c++)
        {
            int top = canvas[i + c] * (256 - fx) + canvas[i + 3 + c] * fx, bottom = canvas[j + c] * (256 - fx) + canvas[j + 3 + c] * fx;
            rgb[c] = (byte)((top * (256 - fy) + bottom * fy + 32768) >> 16);
        }
    }

    private static void DrawActor(Actor actor, ActorPose pose, Span<byte> frame, int width, int height)
    {
        var sprite = new PlacedSprite(actor, pose, width, height);
        int x0 = Math.Max(0, sprite.Left), x1 = Math.Min(width - 1, sprite.Right);
        int y0 = Math.Max(0, sprite.Top), y1 = Math.Min(height - 1, sprite.Bottom);
        Span<int> sum = stackalloc int[4];
        for (int y = y0; y <= y1; y++)
        {
            for (int x = x0; x <= x1; x++)
            {
                sprite.Sample(x, y, sum);
                int alpha = sum[3];
                if (alpha == 0)
                    continue;
                int o = (y * width + x) * 3;
                for (int c = 0; c < 3; c++)
                    frame[o + c] = (byte)Math.Min(255, (sum[c] + frame[o + c] * (1020 - alpha) / 255 + 2) / 4);
            }
        }
    }
}
