namespace Kinora.World.Glyphs;

/// <summary>A sprite at a pose in a frame: the rectangle of pixels that it can touch, not clipped to the frame, and its samples.</summary>
internal readonly ref struct PlacedSprite
{
    /// <summary>The alpha of a pixel that the sprite covers whole: four samples of 255.</summary>
    public const int FullAlpha = 1020;

    private readonly ReadOnlySpan<byte> _sprite;
    private readonly int _side;
    private readonly double _centerX, _centerY, _cos, _sin, _middle;

    /// <param name="width">Frame width, pixels.</param>
    /// <param name="height">Frame height, pixels; the sprite's side is a fraction of it.</param>
    public PlacedSprite(Actor actor, ActorPose pose, int width, int height)
    {
        double side = pose.Size * height;
        _centerX = pose.X * width;
        _centerY = pose.Y * height;
        double reach = side / 2 * (pose.Turns == 0 ? 1 : 1.4143);
        (Left, Right) = ((int)Math.Floor(_centerX - reach), (int)Math.Ceiling(_centerX + reach));
        (Top, Bottom) = ((int)Math.Floor(_centerY - reach), (int)Math.Ceiling(_centerY + reach));
        int level = Glyphs.Sprite.LevelFor(side);
        _side = Glyphs.Sprite.SideOf(level);
        _sprite = Glyphs.Sprite.Of(actor.Noun, actor.Color).Pixels(level);
        double scale = _side / side;
        _cos = DeterministicMath.CosTurns(pose.Turns) * scale;
        _sin = DeterministicMath.SinTurns(pose.Turns) * scale;
        _middle = _side / 2.0 - 0.5;
    }

    public int Left { get; }

    public int Right { get; }

    public int Top { get; }

    public int Bottom { get; }

    /// <summary>R, G, B (premultiplied) and alpha of a pixel, each the sum of 2×2 bilinear samples, 0 … <see cref="FullAlpha"/>.</summary>
    public void Sample(int x, int y, Span<int> sum)
    {
        sum.Clear();
        for (int s = 0; s < 4; s++)
        {
            double dx = x + 0.25 + 0.5 * (s & 1) - _centerX, dy = y + 0.25 + 0.5 * (s >> 1) - _centerY;
            AddSample(_sprite, _side, _middle + dx * _cos + dy * _sin, _middle - dx * _sin + dy * _cos, sum);
        }
    }

    // Adds the bilinear sample, 0 … 255 a channel; outside the sprite is transparent.
    private static void AddSample(ReadOnlySpan<byte> sprite, int side, double x, double y, Span<int> sum)
    {
        if (x <= -1 || y <= -1 || x >= side || y >= side)
            return;
        int x0 = (int)Math.Floor(x), y0 = (int)Math.Floor(y), fx = (int)((x - x0) * 256), fy = (int)((y - y0) * 256);
        for (int k = 0; k < 4; k++)
        {
            int px = x0 + (k & 1), py = y0 + (k >> 1);
            if ((uint)px >= (uint)side || (uint)py >= (uint)side)
                continue;
            int weight = ((k & 1) == 0 ? 256 - fx : fx) * ((k >> 1) == 0 ? 256 - fy : fy), i = (py * side + px) * 4;
            sum[0] += (sprite[i] * weight) >> 16;
            sum[1] += (sprite[i + 1] * weight) >> 16;
            sum[2] += (sprite[i + 2] * weight) >> 16;
            sum[3] += (sprite[i + 3] * weight) >> 16;
        }
    }
}
