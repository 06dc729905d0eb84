// Footage as a player shows it: turned by the container, hidden in part by an edit list, at a variable rate, beginning late, with pixels that are not square.
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

    // Frame 3 k + 1 is missing: what is shown there is frame 3 k, and the clip written at a constant rate shows it.
    [Fact]
    public void Run_OnAVariableFrameRate_NumbersAndCutsByTimeAndHoldsWhatIsShown()
    {
        var measures = Run(Fixture.Path("vfr.mp4"), TwoShots).Sources[0].Measures;
        measures.Facts!.ShouldSatisfyAllConditions(f => f.Variable.ShouldBeTrue(), f => f.FrameRate.ShouldBe("24"), f => f.Frames.ShouldBe(48), f => f.Seconds.ShouldBe(3, 1e-6));
        measures.Clips.Select(c => (c.StartFrame, c.EndFrame, c.Frames)).ShouldBe([(0L, 36L, 24L), (36L, 72L, 24L)]);
        int[] shown = [.. Enumerable.Range(0, 36).Select(n => n % 3 == 1 ? n - 1 : n)];
        CheckShots([0, 1.5], shown);
    }

    [Fact]
    public void Run_OnAFileWhosePictureBeginsLate_KeepsTheClockOfTheContainer()
    {
        var measures = Run(Fixture.Path("late.mp4"), TwoShots).Sources[0].Measures;
        measures.Facts!.ShouldSatisfyAllConditions(f => f.Variable.ShouldBeFalse(), f => f.Frames.ShouldBe(72), f => f.Seconds.ShouldBe(3, 1e-6));
        CheckShots([1.5, 3], [.. Enumerable.Range(0, 36)]);
    }

    [Fact]
    public void Run_OnWidePixels_MeasuresAndCutsWithSquareOnes()
    {
        var measures = Run(Fixture.Path("wide.mp4"), TwoShots).Sources[0].Measures;
        var thumbnail = ImageFile.Read(Convert.FromBase64String(measures.Clips[0].Thumbnail!), "thumbnail");
        ((double)thumbnail.Width / thumbnail.Height).ShouldBe(128.0 / 48, 0.05);
        CheckShots([0, 1.5], [.. Enumerable.Range(0, 36)], width: 128);
    }

    private static MeasureOptions TwoShots => new() { Detector = "content", Threshold = 5, TrimFrames = 0 };

    // Both shots of a film of the fixtures: where they begin on the container's clock, and which frame each frame of their clips shows.
    private void CheckShots(double[] starts, int[] shown, int width = 64)
    {
        ClipRow[] rows = [.. File.ReadLines(Path.Combine(_root, "dataset", Workspace.ManifestName)).Select(ClipRow.FromJson)];
        rows.Select(row => (row.Start, row.End)).ShouldBe(starts.Select(start => (start, start + 1.5)));
        using var dataset = DatasetReader.Open(Path.Combine(_root, "dataset"));
        for (int shot = 0; shot < rows.Length; shot++)
        {
            rows[shot].File.ShouldSatisfyAllConditions(f => f.FrameRate.ShouldBe("24"), f => (f.Width, f.Height).ShouldBe((width, 48)), f => f.Failure.ShouldBeNull());
            var frames = VideoReader.Open(dataset.ReadClip(shot), rows[shot].Key).ReadAll().Frames;
            frames.Count.ShouldBe(shown.Length);
            for (int n = 0; n < shown.Length; n++) { NumberOf(frames[n], shot).ShouldBe(shown[n], 0.4, $"shot {shot}, frame {n}"); }
            // The seam of the halves lies in the middle of the picture as it is shown.
            (Luma(frames[0], (width / 2) + 4) - Luma(frames[0], (width / 2) - 5)).ShouldBe(20, 2);
        }
    }

    private static double NumberOf(VideoFrame frame, int shot) => (Luma(frame, frame.Width / 4) - 16 - (96 * shot)) / 2;

    private static double Luma(VideoFrame frame, int x) => 16 + (Enumerable.Range(0, frame.Height).Average(y => (double)frame.Rgb[3 * ((y * frame.Width) + x)]) * 219 / 255);

    private ClipRow Row() => File.ReadLines(Path.Combine(_root, "dataset", Workspace.ManifestName)).Select(ClipRow.FromJson).ShouldHaveSingleItem();

    private CurationResult Run(string film, MeasureOptions? measure = null) => new CurationRun(new CurationOptions
    {
        Output = Path.Combine(_root, "dataset"),
        Recipe = new Recipe { Measure = measure ?? new MeasureOptions { Detector = "content", Threshold = 255 }, DuplicateBits = -1 },
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
