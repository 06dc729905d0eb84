namespace Kinora.World.Tests;

/// <summary>Scenes and pixels for the tests of this assembly, at the size that models are trained at.</summary>
internal static class Clips
{
    public const int Side = 64, Frames = 17;
    public const double Fps = 8;

    /// <summary>One actor and a static camera.</summary>
    public static readonly WorldOptions Plain = new(TwoActors: 0, Camera: 0);

    public static byte[] Render(Scene scene, int side = Side, int frames = Frames)
    {
        var rgb = new byte[frames * side * side * 3];
        Renderer.Render(scene, side, side, frames, rgb);
        return rgb;
    }

    public static ReadOnlySpan<byte> Frame(byte[] clip, int frame, int side = Side) => clip.AsSpan(frame * side * side * 3, side * side * 3);

    public static Scene Plainly(Noun noun = Noun.Cat, ActorColor color = ActorColor.Orange, Motion motion = Motion.Still, Setting setting = Setting.Meadow, ulong seed = 5) =>
        SceneSampler.Sample(new Combination(noun, color, motion, setting), seed, Plain);

    /// <summary>The bounding box of the pixels that the scene's actors change in each frame, by drawing the scene without them.</summary>
    public static (int Left, int Top, int Right, int Bottom)[] Changed(Scene scene)
    {
        byte[] with = Render(scene), without = Render(scene with { Actors = [] });
        return [.. Enumerable.Range(0, Frames).Select(f => Changed(Frame(with, f), Frame(without, f)))];
    }

    private static (int Left, int Top, int Right, int Bottom) Changed(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        int left = Side, top = Side, right = -1, bottom = -1;
        for (int i = 0; i < Side * Side; i++)
        {
            if (a.Slice(3 * i, 3).SequenceEqual(b.Slice(3 * i, 3)))
                continue;
            int x = i % Side, y = i / Side;
            (left, right, top, bottom) = (Math.Min(left, x), Math.Max(right, x), Math.Min(top, y), Math.Max(bottom, y));
        }
        return (left, top, right, bottom);
    }
}
