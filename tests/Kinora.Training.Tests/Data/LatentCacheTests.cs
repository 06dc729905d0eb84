using Kinora.Engine;
using Kinora.Training.Data;

namespace Kinora.Training.Tests.Data;

public sealed class LatentCacheTests
{
    [Fact]
    public void Statistics_TwoChannels_EqualTheDefinition()
    {
        using var folder = new TemporaryFolder();
        // Two clips of shape [2, 1, 1, 2]: channel 0 holds 1 2 | 3 4, channel 1 holds −8 −8 | 8 8.
        Write(folder.Path, [1, 2, -8, -8, 3, 4, 8, 8]);
        var (mean, std) = LatentCache.Statistics(folder.Path, 2, [2, 1, 1, 2]);
        mean.ShouldBe([2.5, 0]);
        std[0].ShouldBe(Math.Sqrt(1.25), 1e-12);
        std[1].ShouldBe(8, 1e-12);
    }

    [Theory]
    [InlineData(1.0, 4.0, 0.25)]
    [InlineData(0.5, 4.0, 1.0)]
    [InlineData(0.0, 4.0, 4.0)]
    public void Scales_ByWhitening_MoveFromTheStrongestChannelToEachItsOwn(double whitening, double strong, double weak)
        => new LatentIndex(1, [2, 1, 1, 1], [0, 0], [4, 0.25], 0).Scales(whitening).ShouldBe([strong, weak]);

    [Fact]
    public void Open_CompleteCache_GivesEachClip()
    {
        using var folder = new TemporaryFolder();
        Write(folder.Path, [1, 2, 3, 4]);
        LatentCache.WriteIndex(folder.Path, new LatentIndex(2, [1, 1, 1, 2], [0], [1], 0));
        using var cache = LatentCache.Open(folder.Path);
        cache.Clip(1).ToArray().ShouldBe([(Half)3, (Half)4]);
        Should.Throw<ArgumentOutOfRangeException>(() => cache.Clip(2).Length);
    }

    [Fact]
    public void Open_FileShorterThanItsIndex_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Write(folder.Path, [1, 2, 3]);
        LatentCache.WriteIndex(folder.Path, new LatentIndex(2, [1, 1, 1, 2], [0], [1], 0));
        Should.Throw<CheckpointException>(() => LatentCache.Open(folder.Path)).Message.ShouldContain("8 bytes");
    }

    [Fact]
    public void Open_WithoutIndex_SaysThatTheStageIsUnfinished()
    {
        using var folder = new TemporaryFolder();
        Should.Throw<CheckpointException>(() => LatentCache.Open(folder.Path)).Message.ShouldContain("has not finished");
    }

    private static void Write(string folder, float[] values)
        => File.WriteAllBytes(LatentCache.DataPath(folder), [.. values.SelectMany(v => BitConverter.GetBytes((Half)v))]);
}
