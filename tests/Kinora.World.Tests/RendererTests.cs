using System.Security.Cryptography;

namespace Kinora.World.Tests;

public sealed class RendererTests
{
    // The shipped weights were trained on these pixels. A difference here is a new world: it needs new weights.
    private const string TrainingPixels = "a335caa35c004a7ac952582de49940d095a251b662f1a54ef9441fb7c2be252f", LargePixels = "bf6c709fc6c86eda530e97d63337f96a6624af802dc01380b6c67f395e28640c";

    [Fact]
    public void Render_TrainingScenes_GivesTheRecordedBytes()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (ulong seed = 0; seed < 100; seed++)
            hash.AppendData(Clips.Render(SceneSampler.Sample(seed)));
        Convert.ToHexStringLower(hash.GetHashAndReset()).ShouldBe(TrainingPixels);
    }

    [Fact]
    public void Render_LargeWideScenes_GivesTheRecordedBytes()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var rgb = new byte[3 * 144 * 256 * 3];
        for (ulong seed = 0; seed < 6; seed++)
        {
            Renderer.Render(SceneSampler.Sample(seed, WorldSplit.HeldOut), 256, 144, 3, rgb);
            hash.AppendData(rgb);
        }
        Convert.ToHexStringLower(hash.GetHashAndReset()).ShouldBe(LargePixels);
    }

    [Fact]
    public void Render_OnManyThreads_GivesTheSameBytes()
    {
        var scenes = Enumerable.Range(0, 32).Select(i => SceneSampler.Sample((ulong)(500 + i))).ToArray();
        byte[][] alone = [.. scenes.Select(s => Clips.Render(s))], together = new byte[scenes.Length][];
        Parallel.For(0, scenes.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => together[i] = Clips.Render(scenes[i]));
        for (int i = 0; i < scenes.Length; i++)
            together[i].AsSpan().SequenceEqual(alone[i]).ShouldBeTrue();
    }

    [Fact]
    public void Render_SteadyState_AllocatesNothingPerFrame()
    {
        Scene scene = SceneSampler.Sample(3);
        var rgb = new byte[Clips.Frames * Clips.Side * Clips.Side * 3];
        Renderer.Render(scene, Clips.Side, Clips.Side, Clips.Frames, rgb);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Renderer.Render(scene, Clips.Side, Clips.Side, Clips.Frames, rgb);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(Clips.Frames * 64L);
    }

    [Fact]
    public void Render_SpanOfAnotherLength_SaysBothLengths() =>
        Should.Throw<ArgumentException>(() => Renderer.Render(SceneSampler.Sample(1), 64, 64, 2, new byte[10])).Message.ShouldContain("24576 bytes, the span has 10");

    [Fact]
    public void Render_EverySetting_LooksUnlikeEveryOther()
    {
        byte[][] pictures = [.. Vocabulary.Settings.Select(s => Clips.Render(Clips.Plainly(setting: s) with { Actors = [] }, frames: 1))];
        for (int i = 0; i < pictures.Length; i++)
        {
            for (int j = 0; j < i; j++)
                MeanDifference(pictures[i], pictures[j]).ShouldBeGreaterThan(20, $"{Vocabulary.Settings[i]} and {Vocabulary.Settings[j]}");
        }
    }

    [Fact]
    public void Render_SettingWithAnotherLook_StaysRecognizable()
    {
        foreach (Setting setting in Vocabulary.Settings)
        {
            Scene scene = Clips.Plainly(setting: setting) with { Actors = [] };
            byte[] first = Clips.Render(scene with { Look = 0 }, frames: 1);
            byte[][] looks = [.. Enumerable.Range(1, 12).Select(i => Clips.Render(scene with { Look = Randomness.For((ulong)i, 9).Next() }, frames: 1))];
            looks.Count(l => !l.AsSpan().SequenceEqual(first)).ShouldBeGreaterThan(8, $"{setting} varies");
            looks.Max(l => MeanDifference(first, l)).ShouldBeLessThan(45, $"{setting} keeps its look");
        }
    }

    [Fact]
    public void Render_EveryNounAt24Pixels_LooksUnlikeEveryOther()
    {
        // All in one color before one setting, so only the drawing tells them apart: bytes over the 24×24 box of the actor.
        byte[][] pictures = [.. Vocabulary.Nouns.Select(n => Box(new Actor(n, ActorColor.Blue, Motion.Still, 24.0 / 64, 0.5, 0.5, 0, 1)))];
        for (int i = 0; i < pictures.Length; i++)
        {
            for (int j = 0; j < i; j++)
                MeanDifference(pictures[i], pictures[j]).ShouldBeGreaterThan(12, $"{Vocabulary.Nouns[i]} and {Vocabulary.Nouns[j]}");
        }
    }

    [Fact]
    public void Render_EveryNoun_IsNearestToItsOwnColor()
    {
        foreach (Noun noun in Vocabulary.Nouns)
        {
            var means = Vocabulary.Colors.Select(c => MeanColor(Clips.Plainly(noun, c))).ToArray();
            for (int i = 0; i < means.Length; i++)
            {
                for (int j = 0; j < i; j++)
                    Distance(means[i], means[j]).ShouldBeGreaterThan(35, $"{noun}: {Vocabulary.Colors[i]} and {Vocabulary.Colors[j]}");
            }
        }
    }

    private static byte[] Box(Actor actor)
    {
        byte[] clip = Clips.Render(Clips.Plainly(setting: Setting.Snow) with { Actors = [actor] }, frames: 1);
        return [.. Enumerable.Range(20, 24).SelectMany(y => clip[((y * 64 + 20) * 3)..((y * 64 + 44) * 3)])];
    }

    private static double MeanDifference(byte[] a, byte[] b)
    {
        long sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += Math.Abs(a[i] - b[i]);
        return (double)sum / a.Length;
    }

    private static (double R, double G, double B) MeanColor(Scene scene)
    {
        byte[] clip = Clips.Render(scene, frames: 1);
        var layers = new sbyte[64 * 64];
        GroundTruth.Layers(scene, 64, 64, 1, 0, layers);
        double[] sum = new double[3];
        int count = 0;
        for (int i = 0; i < layers.Length; i++)
        {
            if (layers[i] != 0)
                continue;
            count++;
            for (int c = 0; c < 3; c++)
                sum[c] += clip[3 * i + c];
        }
        return (sum[0] / count, sum[1] / count, sum[2] / count);
    }

    private static double Distance((double R, double G, double B) a, (double R, double G, double B) b) =>
        Math.Sqrt((a.R - b.R) * (a.R - b.R) + (a.G - b.G) * (a.G - b.G) + (a.B - b.B) * (a.B - b.B));
}
