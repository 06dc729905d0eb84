using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Media;

namespace Kinora.Curation.Tests.Datasets;

public sealed class BucketTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-bucket-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(1280, 720, 0, 1280, 720)]
    [InlineData(1280, 720, 480, 848, 480)]
    [InlineData(854, 480, 0, 848, 480)]
    [InlineData(800, 332, 0, 560, 240)]
    [InlineData(744, 480, 0, 640, 360)]
    [InlineData(1080, 1920, 0, 1080, 1920)]
    [InlineData(640, 640, 0, 480, 480)]
    public void SizeWithin_APicture_IsTheLargestOfItsClassThatNeedsNoEnlarging(int width, int height, int most, int bucketWidth, int bucketHeight)
    {
        var size = Bucket.SizeWithin(width, height, most).ShouldNotBeNull();
        size.ShouldBe((bucketWidth, bucketHeight));
        // The class of the picture that is written is the one that it was made for.
        Bucket.SizeWithin(size.Width, size.Height, 0).ShouldBe(size);
    }

    [Fact]
    public void SizeWithin_LessThanTheSmallestClass_IsNone() => Bucket.SizeWithin(200, 120, 0).ShouldBeNull();

    // Red, green and blue thirds of 360 columns; shrunk to 144 rows there are 288, and the middle 256 are written.
    [Fact]
    public void Run_ToBuckets_ShrinksAndCutsOutTheMiddle()
    {
        const int width = 360, height = 180, frames = 24;
        byte[] rgb = new byte[width * height * 3];
        for (int i = 0; i < width * height; i++) { rgb[(3 * i) + (3 * (i % width) / width)] = 200; }
        string film = Path.Combine(_root, "film.mp4");
        new Clip([.. Enumerable.Range(0, frames).Select(_ => new VideoFrame(width, height, rgb))], 24).Save(film);
        var result = new CurationRun(new CurationOptions
        {
            Output = Path.Combine(_root, "dataset"),
            Recipe = new Recipe { Measure = new MeasureOptions { Detector = "content", Threshold = 255 }, Output = new OutputOptions { Fit = ClipFit.Bucket, Buckets = true } },
        }).Run(film);
        result.Index!.ClipFailures.ShouldBeEmpty();
        using var dataset = DatasetReader.Open(Path.Combine(_root, "dataset"));
        var row = dataset.Rows.ShouldHaveSingleItem();
        (row.Bucket, row.File.Width, row.File.Height, row.File.Frames).ShouldBe(("144p-16x9-1s", 256, 144, frames));
        byte[] picture = VideoReader.Open(dataset.ReadClip(0), row.Key).ReadAll().Frames[0].Rgb;
        int[] columns = [4, 72, 88, 168, 184, 252], colors = [0, 0, 1, 1, 2, 2];
        columns.Select(x => Enumerable.Range(0, 3).MaxBy(c => picture[(3 * ((72 * 256) + x)) + c])).ShouldBe(colors);
    }

    [Fact]
    public void Recipe_WithBucketsAndCopiedPackets_IsRefused() =>
        new Recipe { Output = new OutputOptions { Fit = ClipFit.Bucket, Split = SplitMode.KeyFrame } }.Problem().ShouldNotBeNull().ShouldContain("output.fit");
}
