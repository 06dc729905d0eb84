// Known answers: the Random123 library's kat_vectors file (philox4x32, 10 rounds), published with the SC 2011 paper.

using Kinora.Engine.Random;

namespace Kinora.Engine.Tests.Random;

public sealed class GeneratorTests
{
    [Fact]
    public void Philox_PublishedCounters_GivePublishedWords()
    {
        Philox.Block(0, 0, 0, 0, 0, 0).ShouldBe((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
        const uint ones = 0xffffffff;
        Philox.Block(ones, ones, ones, ones, ones, ones).ShouldBe((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
        Philox.Block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)
            .ShouldBe((0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
    }

    [Fact]
    public void Generator_SeedZeroStreamZero_StartsWithThePublishedBlock()
    {
        var generator = new Generator(0);
        generator.NextUInt32().ShouldBe(0x6627e8d5u);
        generator.NextUInt32().ShouldBe(0xe169c58du);
        generator.NextUInt64().ShouldBe(0x9b00dbd8bc57ac4cUL);
    }

    [Fact]
    public void Generator_RestoredState_ContinuesExactly()
    {
        var original = new Generator(42, 7);
        original.NextUInt32();
        original.NextNormal();
        original.NextInt(10);
        var state = original.State;
        var expected = Draw(original);
        Draw(new Generator(state)).ShouldBe(expected);
        original.State = state;
        Draw(original).ShouldBe(expected);
    }

    [Fact]
    public void Generator_SeedsAndStreams_AreDistinct()
    {
        var baseline = Draw(new Generator(1));
        Draw(new Generator(2)).ShouldNotBe(baseline);
        Draw(new Generator(1, 1)).ShouldNotBe(baseline);
        Draw(new Generator(1).Derive(0)).ShouldNotBe(baseline);
        Draw(new Generator(1).Derive(1)).ShouldNotBe(Draw(new Generator(1).Derive(2)));
    }

    [Fact]
    public void FillNormal_ManyValues_HasTheMomentsOfTheNormalDistribution()
    {
        var values = new float[400_000];
        new Generator(3).FillNormal(values);
        double mean = values.Average(v => (double)v);
        double variance = values.Average(v => (v - mean) * (v - mean));
        double skewness = values.Average(v => Math.Pow(v - mean, 3));
        double kurtosis = values.Average(v => Math.Pow(v - mean, 4)) / (variance * variance);
        // Five standard errors for n = 400 000: 1/√n, √(2/n), √(6/n), √(24/n).
        mean.ShouldBe(0, 0.008);
        variance.ShouldBe(1, 0.0112);
        skewness.ShouldBe(0, 0.0194);
        kurtosis.ShouldBe(3, 0.0388);
        values.Count(v => Math.Abs(v) > 1.959964).ShouldBeInRange(19_300, 20_700);
    }

    [Fact]
    public void FillNormal_AgainstTheLibraryFunctions_AgreesToRounding()
    {
        var values = new float[2000];
        new Generator(9, 4).FillNormal(values);
        var words = new Generator(9, 4);
        for (int i = 0; i < values.Length; i += 2)
        {
            double u1 = ((words.NextUInt64() >> 11) + 1) / 9007199254740992.0;
            double u2 = (words.NextUInt64() >> 11) / 9007199254740992.0;
            double radius = Math.Sqrt(-2 * Math.Log(u1));
            values[i].ShouldBe((float)(radius * Math.Cos(2 * Math.PI * u2)), 1e-6f);
            values[i + 1].ShouldBe((float)(radius * Math.Sin(2 * Math.PI * u2)), 1e-6f);
        }
    }

    [Fact]
    public void FillUniform_ManyValues_StaysInRangeAndFillsItEvenly()
    {
        var values = new float[100_003];
        new Generator(5).FillUniform(values);
        values.ShouldAllBe(v => v >= 0f && v < 1f);
        for (int bin = 0; bin < 10; bin++)
        {
            values.Count(v => v >= bin / 10f && v < (bin + 1) / 10f).ShouldBeInRange(9_500, 10_500);
        }
    }

    [Fact]
    public void NextInt_SmallRange_IsUniformAndCovered()
    {
        var generator = new Generator(11);
        var counts = new int[7];
        for (int i = 0; i < 70_000; i++)
        {
            counts[generator.NextInt(7)]++;
        }
        counts.ShouldAllBe(c => Math.Abs(c - 10_000) < 500);
    }

    [Fact]
    public void Shuffle_Sequence_IsAPermutation()
    {
        var items = Enumerable.Range(0, 100).ToArray();
        new Generator(1).Shuffle<int>(items);
        items.ShouldNotBe(Enumerable.Range(0, 100).ToArray());
        items.Order().ToArray().ShouldBe(Enumerable.Range(0, 100).ToArray());
    }

    private static double[] Draw(Generator generator)
    {
        var fill = new float[5];
        generator.FillNormal(fill);
        return [generator.NextDouble(), generator.NextInt(1000), generator.NextNormal(), .. fill.Select(v => (double)v), generator.NextUInt32()];
    }
}
