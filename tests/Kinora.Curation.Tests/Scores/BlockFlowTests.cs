using Kinora.Curation.Scores;

namespace Kinora.Curation.Tests.Scores;

public sealed class BlockFlowTests
{
    private const int Width = 192, Height = 128;

    [Theory]
    [InlineData(3, -2, 0, 0)]
    [InlineData(0, 0, 0.04, 0)]
    [InlineData(1, 0, 0, 0.03)]
    [InlineData(-2.5, 1.5, -0.03, 0.02)]
    public void Estimate_OfAKnownCamera_IsThatCamera(double panX, double panY, double zoom, double roll)
    {
        byte[] before = Picture((x, y) => (x, y));
        // Content at p goes to p + pan + (zoom, roll) p; the later picture at q shows what was at its origin.
        byte[] after = Picture((x, y) =>
        {
            double u = x - panX, v = y - panY, scale = ((1 + zoom) * (1 + zoom)) + (roll * roll);
            return ((((1 + zoom) * u) + (roll * v)) / scale, (((1 + zoom) * v) - (roll * u)) / scale);
        });
        var motion = new BlockFlow(Width, Height).Estimate(before, after).ShouldNotBeNull();
        motion.PanX.ShouldBe(panX, 0.15);
        motion.PanY.ShouldBe(panY, 0.15);
        motion.Zoom.ShouldBe(zoom, 0.004);
        motion.Roll.ShouldBe(roll, 0.004);
        motion.Object.ShouldBeLessThan(0.5);
        motion.Confidence.ShouldBeGreaterThan(0.5);
    }

    [Fact]
    public void Estimate_OfFlatPictures_IsUnknownAndNotStill()
    {
        byte[] flat = [.. Enumerable.Repeat((byte)90, Width * Height)];
        new BlockFlow(Width, Height).Estimate(flat, flat).ShouldBeNull();
    }

    [Fact]
    public void Estimate_OfAnObjectBeforeAStillCamera_GivesTheMotionToTheObject()
    {
        byte[] before = Picture((x, y) => (x, y)), after = Picture((x, y) => (x, y));
        byte[] shifted = Picture((x, y) => (x - 6, y));
        for (int y = 32; y < 80; y++) { shifted.AsSpan((y * Width) + 64, 64).CopyTo(after.AsSpan((y * Width) + 64)); }
        var motion = new BlockFlow(Width, Height).Estimate(before, after).ShouldNotBeNull();
        Math.Abs(motion.PanX).ShouldBeLessThan(0.1);
        motion.Camera.ShouldBeLessThan(0.1);
        motion.Object.ShouldBeGreaterThan(0.3);
    }

    // A texture without repetition, sampled where the map says, relative to the center.
    private static byte[] Picture(Func<double, double, (double X, double Y)> map)
    {
        byte[] picture = new byte[Width * Height];
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                var (u, v) = map(x - (Width / 2.0), y - (Height / 2.0));
                double value = 128 + (30 * Math.Sin((0.31 * u) + (0.17 * v))) + (30 * Math.Sin((0.23 * u) - (0.41 * v) + 1)) + (25 * Math.Sin((0.11 * u * 0.7) + (0.53 * v))) + (25 * Math.Sin((0.071 * u) - (0.09 * v)));
                picture[(y * Width) + x] = (byte)Math.Clamp(Math.Round(value), 0, 255);
            }
        }
        return picture;
    }
}
