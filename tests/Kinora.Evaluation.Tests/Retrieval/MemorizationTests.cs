using Kinora.Evaluation.Features;
using Kinora.Evaluation.Retrieval;
using Kinora.Media;

namespace Kinora.Evaluation.Tests.Retrieval;

public sealed class MemorizationTests
{
    [Fact]
    public void Nearest_RowsOfTheTrainingItself_FindThemselves()
    {
        FeatureMatrix training = Unit(Lcg.Matrix(1, 300, 6, shift: -0.5));
        FeatureMatrix clips = training.Take([7, 299, 0]);
        Memorization.Nearest(clips, training).Select(n => n.Index).ShouldBe([7, 299, 0]);
        Memorization.Nearest(clips, training).ShouldAllBe(n => Math.Abs(n.Similarity - 1) < 1e-12);
        Should.Throw<EvaluationException>(() => Memorization.Nearest(clips, Lcg.Matrix(2, 3, 5))).Message.ShouldContain("same descriptor");
    }

    [Fact]
    public void Sheet_CopiesAmongClips_AreCountedAgainstHeldOutClips()
    {
        NearestClip[] heldOut = [.. Enumerable.Range(0, 200).Select(i => new NearestClip(i, 0.5 + i * 0.001))];
        NearestClip[] honest = [.. Enumerable.Range(0, 100).Select(i => new NearestClip(i, 0.5 + i * 0.0019))];
        NearestClip[] copies = [.. Enumerable.Range(0, 100).Select(i => new NearestClip(i, i < 30 ? 0.999 : 0.6))];
        var clean = Memorization.Sheet(honest, heldOut, 5000, PixelDescriptor.Name, null, 1);
        clean[Memorization.Score].Value.ShouldBe(0);
        clean[Memorization.Score].Details["threshold"].ShouldBe(0.5 + 0.99 * 199 * 0.001, 1e-12);
        clean[Memorization.Score].Warnings.ShouldBeEmpty();
        clean[Memorization.Similarity].Details["p of the difference"].ShouldBeGreaterThan(0.05);
        var copied = Memorization.Sheet(copies, heldOut, 5000, PixelDescriptor.Name, null, 1);
        copied[Memorization.Score].Value.ShouldBe(0.3);
        copied[Memorization.Score].Warnings.Single().ShouldContain("look at the nearest pairs");
        copied[Memorization.Similarity].Details["p of the difference"].ShouldBeLessThan(0.01);
        Memorization.Sheet(copies, [], 5000, PixelDescriptor.Name, null, 1).Refused.Single().Reason.ShouldContain("--reference");
    }

    [Fact]
    public void PixelDescriptor_SameClipAtAnotherSizeAndLength_IsNearlyTheSame()
    {
        byte[] Draw(int side, int frames)
        {
            var rgb = new byte[frames * side * side * 3];
            Kinora.World.Renderer.Render(Kinora.World.SceneSampler.Sample(3), side, side, frames, rgb);
            return rgb;
        }

        double[] a = PixelDescriptor.Of(Draw(64, 17), 17, 64, 64), same = PixelDescriptor.Of(Draw(64, 5), 5, 64, 64), small = PixelDescriptor.Of(Draw(32, 9), 9, 32, 32);
        a.Sum(v => v * v).ShouldBe(1, 1e-12);
        same.ShouldBe(a);
        a.Zip(small, (x, y) => x * y).Sum().ShouldBeGreaterThan(0.98);
        var clip = new Clip([.. Enumerable.Range(0, 5).Select(_ => new VideoFrame(16, 16, Enumerable.Repeat((byte)9, 16 * 16 * 3).ToArray()))], 8);
        PixelDescriptor.Of(clip).ShouldAllBe(v => v == 0);
        Should.Throw<EvaluationException>(() => PixelDescriptor.Of(new byte[4 * 4 * 3], 1, 4, 4)).Message.ShouldContain("8×8");
    }

    [Fact]
    public void CaptionIndex_ByWords_FindsTheCaptionWithTheRarestSharedWords()
    {
        CaptionIndex index = CaptionIndex.ByWords(["a red cat on a beach", "a blue cat in the snow", "a blue boat in the snow", "the boat"]);
        index.Nearest(["One blue BOAT, in the snow!", "cat; beach", "nothing of that"]).Select(n => n.Index).ShouldBe([2, 0, 0]);
        index.Nearest(["a blue boat in the snow"])[0].Similarity.ShouldBe(1, 1e-12);
        Should.Throw<EvaluationException>(() => CaptionIndex.ByWords(["…"])).Message.ShouldContain("no words");
    }

    [Fact]
    public void TrainingCorpus_Descriptors_AreThoseOfTheWholeClips()
    {
        TrainingCorpus corpus = TrainingCorpus.OfSplit(3);
        FeatureMatrix described = corpus.Descriptors(32, 17);
        for (int i = 0; i < 3; i++)
            described.Row(i).ToArray().ShouldBe(PixelDescriptor.Of(corpus.Render(i, 32, 17), 17, 32, 32));
        corpus.Captions.Count.ShouldBe(3);
    }

    private static FeatureMatrix Unit(FeatureMatrix m)
    {
        var values = new double[m.Values.Length];
        for (int i = 0; i < m.Count; i++)
        {
            double length = Math.Sqrt(m.Row(i).ToArray().Sum(v => v * v));
            for (int j = 0; j < m.Dimension; j++)
                values[i * m.Dimension + j] = m.Row(i)[j] / length;
        }
        return new FeatureMatrix(m.Name, m.Count, m.Dimension, values);
    }
}
