using System.Text.Json;

namespace Kinora.World.Tests;

public sealed class GroundTruthTests
{
    private const int Side = Clips.Side, Frames = Clips.Frames, LargeSide = 128;

    [Fact]
    public void Boxes_OneActor_FitThePixelsThatItChanges()
    {
        for (ulong seed = 0; seed < 60; seed++)
        {
            Scene scene = SceneSampler.Sample(seed, options: new WorldOptions(TwoActors: 0));
            ActorTruth actor = Truth(scene).Actors[0];
            var changed = Clips.Changed(scene);
            for (int f = 0; f < Frames; f++)
            {
                var (left, top, right, bottom) = changed[f];
                int[] box = [.. actor.Frames[f].Box!];
                string where = $"seed {seed} frame {f}";
                // Half-covered pixels lie inside the changed ones; soft edges and wisps are at most three pixels wide.
                (box[0] - left).ShouldBeInRange(0, 3, where);
                (box[1] - top).ShouldBeInRange(0, 3, where);
                (right - (box[0] + box[2] - 1)).ShouldBeInRange(0, 3, where);
                (bottom - (box[1] + box[3] - 1)).ShouldBeInRange(0, 3, where);
            }
        }
    }

    [Fact]
    public void Layers_OneActor_SpanItsBox()
    {
        for (ulong seed = 0; seed < 30; seed++)
        {
            Scene scene = SceneSampler.Sample(seed, options: new WorldOptions(TwoActors: 0));
            ActorTruth actor = Truth(scene).Actors[0];
            for (int f = 0; f < Frames; f += 8)
            {
                var layers = new sbyte[Side * Side];
                GroundTruth.Layers(scene, Side, Side, Frames, f, layers);
                int[] hits = [.. Enumerable.Range(0, layers.Length).Where(i => layers[i] == 0)];
                int x = hits.Min(i => i % Side), y = hits.Min(i => i / Side);
                actor.Frames[f].Box.ShouldBe([x, y, hits.Max(i => i % Side) - x + 1, hits.Max(i => i / Side) - y + 1]);
            }
        }
    }

    [Fact]
    public void Layers_TwoActorsInOnePlace_ShowTheLaterOne()
    {
        Actor back = new(Noun.Square, ActorColor.Red, Motion.Still, 0.6, 0.5, 0.5, 0, 1), front = back with { Noun = Noun.Circle, Size = 0.3 };
        Scene scene = Clips.Plainly() with { Actors = [back, front], Relation = Relation.LeftOf };
        var layers = new sbyte[Side * Side];
        GroundTruth.Layers(scene, Side, Side, Frames, 0, layers);
        layers[32 * Side + 32].ShouldBe((sbyte)1);
        layers[18 * Side + 32].ShouldBe((sbyte)0);
        layers[2 * Side + 2].ShouldBe(GroundTruth.SettingLayer);
        SceneTruth truth = Truth(scene);
        truth.Actors.Select(a => a.Depth).ShouldBe([1, 0]);
        truth.Actors[1].Frames[0].Visibility.ShouldBe(1);
        // The disc hides π·(0.82·0.3/2)² of the square's (0.74·0.6)², plus the outlines.
        truth.Actors[0].Frames[0].Visibility.ShouldBe(1 - 0.0475 / 0.197, 0.05);
    }

    [Fact]
    public void Visibility_ActorCenteredOnTheEdge_IsHalf()
    {
        Scene scene = Clips.Plainly() with { Actors = [new(Noun.Circle, ActorColor.Red, Motion.Still, 0.5, 0, 0.5, 0, 1)] };
        Truth(scene).Actors[0].Frames[0].Visibility.ShouldBe(0.5, 0.01);
    }

    [Fact]
    public void Visibility_ActorOutsideTheFrame_IsZeroAndItHasNoBox()
    {
        Scene scene = Clips.Plainly() with { Actors = [new(Noun.Circle, ActorColor.Red, Motion.Still, 0.5, 2, 0.5, 0, 1)] };
        ActorFrameTruth frame = Truth(scene).Actors[0].Frames[0];
        (frame.Visibility, frame.Box).ShouldBe((0, null));
    }

    [Fact]
    public void Velocity_StraightMotion_IsTheMotionOfItsPixels()
    {
        Scene scene = Clips.Plainly(Noun.Circle, ActorColor.Red, Motion.Right);
        ActorTruth actor = Truth(scene).Actors[0];
        var changed = Clips.Changed(scene);
        var (first, last) = (changed[2], changed[14]);
        double measured = (last.Left + last.Right - first.Left - first.Right) / 2.0 / 12 * Clips.Fps;
        for (int f = 0; f < Frames - 1; f++)
            actor.Frames[f].Velocity![0].ShouldBe(measured, 1);
        actor.Frames[^1].Velocity.ShouldBeNull();
    }

    [Fact]
    public void Flow_StillSceneAndCamera_IsZero() => MaxFlow(Clips.Plainly(motion: Motion.Still), 0).ShouldBe(0);

    [Fact]
    public void Flow_StraightMotion_IsTheActorsDisplacementInItsPixelsAndZeroElsewhere()
    {
        Scene scene = Clips.Plainly(Noun.Square, ActorColor.Red, Motion.Right);
        float[] flow = Flow(scene, 3);
        var layers = new sbyte[Side * Side];
        GroundTruth.Layers(scene, Side, Side, Frames, 3, layers);
        double step = Truth(scene).Actors[0].Frames[3].Velocity![0] / Clips.Fps;
        step.ShouldBeGreaterThan(1);
        double error = Enumerable.Range(0, layers.Length).Max(i => Math.Max(Math.Abs(flow[2 * i] - (layers[i] == 0 ? step : 0)), Math.Abs(flow[2 * i + 1])));
        error.ShouldBeLessThan(1e-3);
    }

    [Theory]
    [InlineData(Motion.Right, CameraMove.Static)]
    [InlineData(Motion.Down, CameraMove.PanLeft)]
    [InlineData(Motion.Spin, CameraMove.Static)]
    [InlineData(Motion.Grow, CameraMove.ZoomIn)]
    [InlineData(Motion.Shrink, CameraMove.ZoomOut)]
    [InlineData(Motion.Orbit, CameraMove.PanRight)]
    public void Flow_EveryKindOfMove_FindsEachPixelAgainInTheNextFrame(Motion motion, CameraMove camera)
    {
        // Where a pixel and its goal lie well inside one layer, the goal shows what the pixel showed.
        double moved = 0, unmoved = 0;
        int count = 0;
        foreach (Noun noun in new[] { Noun.Cat, Noun.Car, Noun.Mushroom })
        {
            Scene scene = Clips.Plainly(noun, ActorColor.Pink, motion, Setting.Meadow) with { Camera = camera };
            byte[] clip = Clips.Render(scene, LargeSide);
            for (int f = 0; f + 1 < Frames; f += 3)
                Compare(scene, clip, f, camera != CameraMove.Static, ref moved, ref unmoved, ref count);
        }
        count.ShouldBeGreaterThan(1000);
        (moved / count).ShouldBeLessThan(4);
        (moved / unmoved).ShouldBeLessThan(0.55);
    }

    [Fact]
    public void Flow_LastFrame_IsRefused() => Should.Throw<ArgumentOutOfRangeException>(() => Flow(Clips.Plainly(), Frames - 1));

    [Fact]
    public void Describe_Scene_NamesWhatIsShown()
    {
        Scene scene = SceneSampler.Sample(1);
        SceneTruth truth = Truth(scene);
        (truth.Seed, truth.Width, truth.Height, truth.Frames, truth.Fps).ShouldBe(("1", Side, Side, Frames, Clips.Fps));
        truth.CutTimes.ShouldBeEmpty();
        truth.Actors.Count.ShouldBe(scene.Actors.Count);
        truth.Actors.ShouldAllBe(a => a.Frames.Count == Frames);
        truth.Camera.Frames.Count.ShouldBe(Frames);
        TruthWords.Of(Setting.NightCity).ShouldBe("night_city");
        TruthWords.Of(Relation.LeftOf).ShouldBe("left_of");
    }

    [Fact]
    public void ToJson_AnyScene_ReadsBackToTheSame()
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            string json = Truth(SceneSampler.Sample(seed)).ToJson();
            SceneTruth.FromJson(json).ToJson().ShouldBe(json);
            json.ShouldNotContain("\n");
            using var document = JsonDocument.Parse(json);
            document.RootElement.EnumerateObject().Select(p => p.Name).ShouldBe(["seed", "width", "height", "frames", "fps", "setting", "camera", "relation", "cut_times", "actors"]);
        }
    }

    [Fact]
    public void FromJson_UnknownKey_IsRefused() =>
        Should.Throw<JsonException>(() => SceneTruth.FromJson(Truth(SceneSampler.Sample(2)).ToJson().Replace("\"fps\"", "\"speed\"", StringComparison.Ordinal))).Message.ShouldContain("speed");

    private static SceneTruth Truth(Scene scene) => GroundTruth.Describe(scene, Side, Side, Frames, Clips.Fps);

    private static float[] Flow(Scene scene, int frame, int side = Side)
    {
        var flow = new float[side * side * 2];
        GroundTruth.Flow(scene, side, side, Frames, frame, flow);
        return flow;
    }

    private static double MaxFlow(Scene scene, int frame) => Flow(scene, frame).Max(Math.Abs);

    // Adds up the mean color error at the goal of each pixel, and at the pixel's own place, over the layers that move.
    private static void Compare(Scene scene, byte[] clip, int f, bool settingMoves, ref double moved, ref double unmoved, ref int count)
    {
        sbyte[] here = new sbyte[LargeSide * LargeSide], there = new sbyte[LargeSide * LargeSide];
        GroundTruth.Layers(scene, LargeSide, LargeSide, Frames, f, here);
        GroundTruth.Layers(scene, LargeSide, LargeSide, Frames, f + 1, there);
        float[] flow = Flow(scene, f, LargeSide);
        ReadOnlySpan<byte> now = Clips.Frame(clip, f, LargeSide), next = Clips.Frame(clip, f + 1, LargeSide);
        for (int y = 2; y < LargeSide - 2; y++)
        {
            for (int x = 2; x < LargeSide - 2; x++)
            {
                int i = y * LargeSide + x;
                double gx = x + flow[2 * i], gy = y + flow[2 * i + 1];
                if ((here[i] == GroundTruth.SettingLayer && !settingMoves) || gx < 3 || gy < 3 || gx > LargeSide - 4 || gy > LargeSide - 4)
                    continue;
                if (!Uniform(here, x, y, here[i]) || !Uniform(there, (int)gx, (int)gy, here[i]) || !Uniform(there, (int)gx + 1, (int)gy + 1, here[i]))
                    continue;
                count++;
                for (int c = 0; c < 3; c++)
                {
                    moved += Math.Abs(Bilinear(next, gx, gy, c) - now[3 * i + c]) / 3;
                    unmoved += Math.Abs(next[3 * i + c] - now[3 * i + c]) / 3.0;
                }
            }
        }
    }

    private static bool Uniform(sbyte[] layers, int x, int y, sbyte layer)
    {
        for (int dy = -2; dy <= 2; dy++)
        {
            for (int dx = -2; dx <= 2; dx++)
            {
                if (layers[Math.Clamp(y + dy, 0, LargeSide - 1) * LargeSide + Math.Clamp(x + dx, 0, LargeSide - 1)] != layer)
                    return false;
            }
        }
        return true;
    }

    private static double Bilinear(ReadOnlySpan<byte> rgb, double x, double y, int c)
    {
        int x0 = (int)x, y0 = (int)y;
        double fx = x - x0, fy = y - y0;
        int i = (y0 * LargeSide + x0) * 3 + c, j = i + LargeSide * 3;
        return (rgb[i] * (1 - fx) + rgb[i + 3] * fx) * (1 - fy) + (rgb[j] * (1 - fx) + rgb[j + 3] * fx) * fy;
    }
}
