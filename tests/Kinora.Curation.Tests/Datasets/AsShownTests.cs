// Footage as a player shows it: turned by the container, hidden in part by an edit list.
using System.Buffers.Binary;
using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Media;

namespace Kinora.Curation.Tests.Datasets;

public sealed class AsShownTests : IDisposable
{
    private const int Width = 96, Height = 160, Fps = 24, Frames = 48;
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-shown-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Run_OnATurnedFilm_MeasuresAndCutsItUpright()
    {
        // Content moves up by 2 of 160 rows a frame; turned clockwise it moves right: the camera pans left.
        string film = Path.Combine(_root, "film.mp4");
        new Clip([.. Enumerable.Range(0, Frames).Select(n => new VideoFrame(Width, Height, Texture(2 * n)))], Fps).Save(film);
        byte[] content = File.ReadAllBytes(film);
        int matrix = content.AsSpan().IndexOf("tkhd"u8) + 44;
        int[] quarterTurn = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30];
        for (int i = 0; i < quarterTurn.Length; i++) { BinaryPrimitives.WriteInt32BigEndian(content.AsSpan(matrix + (4 * i)), quarterTurn[i]); }
        File.WriteAllBytes(film, content);

        var result = Run(film);
        var clip = result.Sources[0].Measures.Clips.ShouldHaveSingleItem();
        result.Sources[0].Measures.Facts!.Rotation.ShouldBe(90);
        clip[ScoreNames.Pan]!.Value!.Value.ShouldBe(-100.0 * 2 * Fps / Height, 2);
        Math.Abs(clip[ScoreNames.Tilt]!.Value!.Value).ShouldBeLessThan(1);
        var thumbnail = ImageFile.Read(Convert.FromBase64String(clip.Thumbnail!), "thumbnail");
        thumbnail.Width.ShouldBeGreaterThan(thumbnail.Height);
        var written = Row().File;
        (written.Width, written.Height, written.Frames).ShouldBe((Height, Width, Frames));
    }

    [Fact]
    public void Run_OnAFileWithAnEditList_TakesTheFramesThatAreShown()
    {
        // Frames 17 to 47 are shown, luma 16 + 4 N; the five before them are there for decoding alone.
        Run(Path.Combine(AppContext.BaseDirectory, "Fixtures", "edited.mp4"));
        var row = Row();
        (row.Start, row.StartFrame, row.EndFrame, row.File.Frames).ShouldBe((0.0, 0L, 31L, 31));
        using var dataset = DatasetReader.Open(Path.Combine(_root, "dataset"));
        var frames = VideoReader.Open(dataset.ReadClip(0), row.Key).ReadAll().Frames;
        double[] numbers = [.. frames.Select(f => ((f.Rgb.Average(v => (double)v) * 219 / 255) / 4))];
        numbers[0].ShouldBe(17, 0.6);
        numbers[^1].ShouldBe(47, 0.6);
    }

    private ClipRow Row() => File.ReadLines(Path.Combine(_root, "dataset", Workspace.ManifestName)).Select(ClipRow.FromJson).ShouldHaveSingleItem();

    private CurationResult Run(string film) => new CurationRun(new CurationOptions
    {
        Output = Path.Combine(_root, "dataset"),
        Recipe = new Recipe { Measure = new MeasureOptions { Detector = "content", Threshold = 255 } },
    }).Run(film);

    private static byte[] Texture(int shift)
    {
        byte[] rgb = new byte[Width * Height * 3];
        for (int i = 0; i < Width * Height; i++)
        {
            double u = i % Width, v = (i / Width) + shift;
            rgb.AsSpan(3 * i, 3).Fill((byte)(128 + (60 * Math.Sin((0.33 * u) + (0.19 * v))) + (60 * Math.Sin((0.21 * u) - (0.37 * v) + 1))));
        }
        return rgb;
    }
}
