namespace Kinora.World.Tests;

/// <summary>What the pixels do, measured by drawing each clip with and without its actor.</summary>
public sealed class MotionTests
{
    private const double Far = 24;

    [Theory]
    [InlineData(Motion.Left, -1, 0)]
    [InlineData(Motion.Right, 1, 0)]
    [InlineData(Motion.Up, 0, -1)]
    [InlineData(Motion.Down, 0, 1)]
    public void Pixels_StraightMotion_GoFarThatWayOnly(Motion motion, int signX, int signY)
    {
        foreach (ulong seed in Seeds)
        {
            var path = Path(Clips.Plainly(Noun.Circle, ActorColor.Red, motion, seed: seed));
            var (dx, dy) = (path[^1].X - path[0].X, path[^1].Y - path[0].Y);
            (dx * signX + dy * signY).ShouldBeGreaterThan(Far);
            Math.Abs(signX == 0 ? dx : dy).ShouldBeLessThan(2);
            for (int f = 1; f < path.Count; f++)
                ((path[f].X - path[f - 1].X) * signX + (path[f].Y - path[f - 1].Y) * signY).ShouldBeGreaterThan(0);
        }
    }

    [Fact]
    public void Pixels_Bounce_GoUpAndDownTwice()
    {
        foreach (ulong seed in Seeds)
        {
            var path = Path(Clips.Plainly(Noun.Ball, ActorColor.Red, Motion.Bounce, seed: seed));
            Turns(path.Select(p => p.Y)).ShouldBe(3);
            Range(path.Select(p => p.Y)).ShouldBeGreaterThan(18);
            Range(path.Select(p => p.X)).ShouldBeLessThan(2);
            path[0].Y.ShouldBeGreaterThan(path[4].Y, "it starts on the ground");
        }
    }

    [Fact]
    public void Pixels_Zigzag_CrossTheFrameWhileTurning()
    {
        foreach (ulong seed in Seeds)
        {
            var path = Path(Clips.Plainly(Noun.Star, ActorColor.Red, Motion.Zigzag, seed: seed));
            Math.Abs(path[^1].X - path[0].X).ShouldBeGreaterThan(Far);
            Turns(path.Select(p => p.X)).ShouldBe(0);
            Turns(path.Select(p => p.Y)).ShouldBe(3);
            Range(path.Select(p => p.Y)).ShouldBeGreaterThan(16);
        }
    }

    [Fact]
    public void Pixels_Orbit_GoAroundOnceAndReturn()
    {
        foreach (ulong seed in Seeds)
        {
            var path = Path(Clips.Plainly(Noun.Circle, ActorColor.Red, Motion.Orbit, seed: seed));
            Range(path.Select(p => p.X)).ShouldBeGreaterThan(20);
            Range(path.Select(p => p.Y)).ShouldBeGreaterThan(20);
            Math.Abs(path[^1].X - path[0].X).ShouldBeLessThan(2);
            Math.Abs(path[8].X - path[0].X).ShouldBeGreaterThan(20, "half the clip is half the way around");
        }
    }

    [Fact]
    public void Pixels_Spin_TurnOnceInPlace()
    {
        foreach (ulong seed in Seeds)
        {
            Scene scene = Clips.Plainly(Noun.Square, ActorColor.Red, Motion.Spin, seed: seed);
            var path = Path(scene);
            Range(path.Select(p => p.X)).ShouldBeLessThan(2);
            Range(path.Select(p => p.Y)).ShouldBeLessThan(2);
            // The box of a square turned by an eighth is √2 times as wide.
            (path[2].Width / (double)path[0].Width).ShouldBe(1.41, 0.12);
            byte[] clip = Clips.Render(scene);
            Clips.Frame(clip, 16).SequenceEqual(Clips.Frame(clip, 0)).ShouldBeTrue();
        }
    }

    [Fact]
    public void Pixels_GrowAndShrink_ChangeSizeALotInPlace()
    {
        foreach (ulong seed in Seeds)
        {
            var grow = Path(Clips.Plainly(Noun.Square, ActorColor.Red, Motion.Grow, seed: seed));
            var shrink = Path(Clips.Plainly(Noun.Square, ActorColor.Red, Motion.Shrink, seed: seed));
            // 1.4 / 0.45 times the side, less the soft edge that is as wide at every size.
            (grow[^1].Width / (double)grow[0].Width).ShouldBeInRange(2.3, 3.3);
            (shrink[0].Width / (double)shrink[^1].Width).ShouldBeInRange(2.3, 3.3);
            Range(grow.Select(p => p.X)).ShouldBeLessThan(3);
        }
    }

    [Fact]
    public void Pixels_Still_DoNotChange()
    {
        byte[] clip = Clips.Render(Clips.Plainly(motion: Motion.Still));
        for (int f = 1; f < Clips.Frames; f++)
            Clips.Frame(clip, f).SequenceEqual(Clips.Frame(clip, 0)).ShouldBeTrue();
    }

    [Fact]
    public void Pixels_EverySampledActor_StaysVisible()
    {
        for (ulong seed = 0; seed < 150; seed++)
        {
            SceneTruth truth = GroundTruth.Describe(SceneSampler.Sample(seed), Clips.Side, Clips.Side, Clips.Frames, Clips.Fps);
            foreach (ActorTruth actor in truth.Actors)
            {
                string who = $"seed {seed}: {actor.Noun} {actor.Motion}";
                actor.Frames.Min(f => f.Visibility).ShouldBeGreaterThan(0.4, who);
                actor.Frames.Average(f => f.Visibility).ShouldBeGreaterThan(0.75, who);
            }
        }
    }

    private static readonly ulong[] Seeds = [1, 2, 3, 4, 5];

    private static List<(double X, double Y, int Width)> Path(Scene scene) =>
        [.. Clips.Changed(scene).Select(b => ((b.Left + b.Right + 1) / 2.0, (b.Top + b.Bottom + 1) / 2.0, b.Right - b.Left + 1))];

    private static double Range(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return all.Max() - all.Min();
    }

    // How often a path turns back, steps below a pixel left out.
    private static int Turns(IEnumerable<double> values)
    {
        double[] all = [.. values], steps = [.. all.Skip(1).Zip(all, (b, a) => b - a).Where(s => Math.Abs(s) >= 1)];
        return steps.Skip(1).Zip(steps, (b, a) => b * a < 0).Count(turned => turned);
    }
}
