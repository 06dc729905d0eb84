using Kinora.World.Glyphs;

namespace Kinora.World;

/// <summary>What is exactly true of the pixels that <see cref="Renderer"/> draws: who covers which pixel, and where each pixel goes.</summary>
public static class GroundTruth
{
    /// <summary>The layer of a pixel that shows the setting.</summary>
    public const sbyte SettingLayer = -1;

    private const int HalfAlpha = PlacedSprite.FullAlpha / 2;

    /// <summary>
    /// The index in <see cref="Scene.Actors"/> of the actor that a pixel shows (it covers at least half of the pixel and no
    /// later actor does), or <see cref="SettingLayer"/>.
    /// </summary>
    /// <param name="frame">0 … <paramref name="frames"/> − 1.</param>
    /// <param name="layers">[height, width].</param>
    public static void Layers(Scene scene, int width, int height, int frames, int frame, Span<sbyte> layers)
    {
        Check(scene, width, height, frames, frame, layers.Length, 1, nameof(layers));
        layers.Fill(SettingLayer);
        double t = Renderer.TimeOf(frame, frames);
        Span<int> sum = stackalloc int[4];
        for (int a = 0; a < scene.Actors.Count; a++)
        {
            var sprite = new PlacedSprite(scene.Actors[a], scene.Actors[a].PoseAt(t), width, height);
            for (int y = Math.Max(0, sprite.Top); y <= Math.Min(height - 1, sprite.Bottom); y++)
            {
                for (int x = Math.Max(0, sprite.Left); x <= Math.Min(width - 1, sprite.Right); x++)
                {
                    sprite.Sample(x, y, sum);
                    if (sum[3] >= HalfAlpha)
                        layers[y * width + x] = (sbyte)a;
                }
            }
        }
    }

    /// <summary>
    /// Forward optical flow: what the center of pixel (x, y) of frame <paramref name="frame"/> shows lies at (x + u, y + v) in
    /// the next frame, whether or not it can be seen there. Actors move over the setting, the setting moves with the camera.
    /// </summary>
    /// <param name="frame">0 … <paramref name="frames"/> − 2.</param>
    /// <param name="flow">[height, width, 2]: u to the right and v down, pixels.</param>
    public static void Flow(Scene scene, int width, int height, int frames, int frame, Span<float> flow)
    {
        Check(scene, width, height, frames, frame, flow.Length, 2, nameof(flow));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frame, frames - 2);
        double t0 = Renderer.TimeOf(frame, frames), t1 = Renderer.TimeOf(frame + 1, frames);
        var layers = new sbyte[width * height];
        Layers(scene, width, height, frames, frame, layers);
        var moves = scene.Actors.Select(a => Similarity.Between(a.PoseAt(t0), a.PoseAt(t1), width, height)).ToArray();
        var setting = Similarity.OfCamera(scene.Camera, t0, t1, width, height);
        for (int y = 0, i = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, i++)
            {
                var (u, v) = (layers[i] == SettingLayer ? setting : moves[layers[i]]).Displacement(x + 0.5, y + 0.5);
                flow[2 * i] = (float)u;
                flow[2 * i + 1] = (float)v;
            }
        }
    }

    /// <summary>The truth of a whole clip, as it is stored beside it.</summary>
    /// <param name="fps">Frames per second, for velocities.</param>
    public static SceneTruth Describe(Scene scene, int width, int height, int frames, double fps)
    {
        Check(scene, width, height, frames, 0, width * height, 1, nameof(scene));
        if (!(fps > 0) || !double.IsFinite(fps))
            throw new ArgumentOutOfRangeException(nameof(fps), fps, "a clip has more than 0 frames per second");
        var boxes = new PixelBox?[scene.Actors.Count, frames];
        var visibility = new double[scene.Actors.Count, frames];
        var coverage = new double[width * height];
        for (int f = 0; f < frames; f++)
        {
            double t = Renderer.TimeOf(f, frames);
            Array.Clear(coverage);
            for (int a = scene.Actors.Count - 1; a >= 0; a--)
                (boxes[a, f], visibility[a, f]) = Cover(scene.Actors[a], t, width, height, coverage);
        }
        return new SceneTruth
        {
            Seed = scene.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Width = width,
            Height = height,
            Frames = frames,
            Fps = fps,
            Setting = TruthWords.Of(scene.Setting),
            Camera = new CameraTruth(TruthWords.Of(scene.Camera), [.. Enumerable.Range(0, frames).Select(f => Camera(scene.Camera, Renderer.TimeOf(f, frames), width))]),
            Relation = scene.Relation is { } relation ? TruthWords.Of(relation) : null,
            CutTimes = [],
            Actors = [.. scene.Actors.Select((actor, a) => new ActorTruth
            {
                Noun = TruthWords.Of(actor.Noun),
                Color = TruthWords.Of(actor.Color),
                Motion = TruthWords.Of(actor.Motion),
                Depth = scene.Actors.Count - 1 - a,
                Frames = [.. Enumerable.Range(0, frames).Select(f => FrameTruth(actor, f, frames, width, height, fps, boxes[a, f], visibility[a, f]))],
            })],
        };
    }

    private static ActorFrameTruth FrameTruth(Actor actor, int frame, int frames, int width, int height, double fps, PixelBox? box, double visibility)
    {
        ActorPose pose = actor.PoseAt(Renderer.TimeOf(frame, frames));
        double[]? velocity = null;
        if (frame + 1 < frames)
        {
            ActorPose next = actor.PoseAt(Renderer.TimeOf(frame + 1, frames));
            velocity = [Round((next.X - pose.X) * width * fps), Round((next.Y - pose.Y) * height * fps)];
        }
        return new ActorFrameTruth
        {
            Box = box is { } b ? [b.X, b.Y, b.Width, b.Height] : null,
            Center = [Round(pose.X * width), Round(pose.Y * height)],
            Size = Round(pose.Size * height),
            Turns = Round(pose.Turns),
            Velocity = velocity,
            Visibility = Round(visibility),
        };
    }

    private static CameraPose Camera(CameraMove move, double t, int width)
    {
        var (offset, scale) = Renderer.CameraAt(move, t);
        return new CameraPose(Round(offset * width), Round(1 / scale));
    }

    // The box of the pixels inside the frame that the actor covers at least half, and the part of it that can be seen: inside
    // the frame and not behind what is in front, whose coverage (0 … 1) is in `coverage` and is joined by this actor's.
    private static (PixelBox? Box, double Visibility) Cover(Actor actor, double t, int width, int height, Span<double> coverage)
    {
        var sprite = new PlacedSprite(actor, actor.PoseAt(t), width, height);
        Span<int> sum = stackalloc int[4];
        int minX = width, minY = height, maxX = -1, maxY = -1;
        double all = 0, seen = 0;
        for (int y = sprite.Top; y <= sprite.Bottom; y++)
        {
            for (int x = sprite.Left; x <= sprite.Right; x++)
            {
                sprite.Sample(x, y, sum);
                double alpha = sum[3] / (double)PlacedSprite.FullAlpha;
                all += alpha;
                if (alpha == 0 || (uint)x >= (uint)width || (uint)y >= (uint)height)
                    continue;
                ref double front = ref coverage[y * width + x];
                seen += alpha * (1 - front);
                front += alpha * (1 - front);
                if (sum[3] < HalfAlpha)
                    continue;
                (minX, maxX) = (Math.Min(minX, x), Math.Max(maxX, x));
                (minY, maxY) = (Math.Min(minY, y), Math.Max(maxY, y));
            }
        }
        return (maxX < 0 ? null : new PixelBox(minX, minY, maxX - minX + 1, maxY - minY + 1), all == 0 ? 0 : seen / all);
    }

    // Four decimals: a fraction of any pixel that can be drawn, and the same text on every machine.
    private static double Round(double value) => Math.Round(value, 4) + 0.0;

    private static void Check(Scene scene, int width, int height, int frames, int frame, int length, int channels, string name)
    {
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 8);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 8);
        ArgumentOutOfRangeException.ThrowIfLessThan(frames, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(frame);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(frame, frames);
        if (length != width * height * channels)
            throw new ArgumentException($"{width}×{height} pixels have {width * height * channels} values, the span has {length}.", name);
    }

    private readonly record struct PixelBox(int X, int Y, int Width, int Height);

    // p ↦ A·p + b with A a rotation times a scale; screen coordinates, pixels, y down.
    private readonly record struct Similarity(double A, double B, double X, double Y)
    {
        // What was at local coordinates q of the first pose is at the same q of the second: p' = c' + (s'/s) R(θ' − θ) (p − c).
        public static Similarity Between(ActorPose from, ActorPose to, int width, int height)
        {
            double ratio = to.Size / from.Size, turn = to.Turns - from.Turns;
            // The polynomial cosine of zero is not exactly one, and what does not turn must not flow.
            double a = turn == 0 ? ratio : ratio * DeterministicMath.CosTurns(turn), b = turn == 0 ? 0 : ratio * DeterministicMath.SinTurns(turn);
            double cx = from.X * width, cy = from.Y * height;
            return new Similarity(a, b, to.X * width - (a * cx - b * cy), to.Y * height - (b * cx + a * cy));
        }

        // Canvas point k = m + (p − h)·s + o·w with h the frame's middle; k stays: p' = h + ((p − h)·s + (o − o')·w) / s'.
        public static Similarity OfCamera(CameraMove camera, double t0, double t1, int width, int height)
        {
            var (offset0, scale0) = Renderer.CameraAt(camera, t0);
            var (offset1, scale1) = Renderer.CameraAt(camera, t1);
            double a = scale0 / scale1;
            return new Similarity(a, 0, width / 2.0 * (1 - a) + (offset0 - offset1) * width / scale1, height / 2.0 * (1 - a));
        }

        public (double U, double V) Displacement(double x, double y) => (A * x - B * y + X - x, B * x + A * y + Y - y);
    }
}
