using Kinora.Models.Systems.T5;

namespace Kinora.Models.Tests.Systems.T5;

public sealed class T5PositionBucketsTests
{
    // Distance = key − query, 32 buckets, largest distance 128: the table of the published checkpoints.
    [Theory]
    [InlineData(-200, 15), InlineData(-64, 14), InlineData(-20, 10), InlineData(-8, 8), InlineData(-1, 1), InlineData(0, 0)]
    [InlineData(1, 17), InlineData(7, 23), InlineData(8, 24), InlineData(16, 26), InlineData(64, 30), InlineData(128, 31)]
    public void Bucket_OfADistance_IsThatOfTheReference(int distance, int bucket) => T5PositionBuckets.Of(distance, 32, 128).ShouldBe(bucket);
}
