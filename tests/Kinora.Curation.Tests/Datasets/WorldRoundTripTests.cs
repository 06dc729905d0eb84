// Clips of the world, of which everything is known, joined into one raw film and curated back: cuts, camera, text and pictures against the truth.
using Kinora.Curation.Bench;
using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Curation.Tests.Vision;
using Kinora.Media;
using Kinora.World;

namespace Kinora.Curation.Tests.Datasets;

public sealed class WorldRoundTripTests : IDisposable
{
    private const int Width = 512, Height = 288, Frames = 18;
    private const double Fps = 9;
    private static readonly (byte B, byte G, byte R) White = (250, 250, 250);
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-world-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [NeedsTextFact]
    public void Curate_OnAFilmOfWorldClips_RecoversTheirCutsCameraTextAndPictures()
    {
        // A subtitle over a pan, a sign that the camera pans past, and two clips without letters.
        Shot[] shots =
        [
            Shot.Of(Setting.Forest, CameraMove.PanRight, "Station North", Lettered.OverTheFilm),
            Shot.Of(Setting.Meadow, CameraMove.PanLeft, "OCTOBER MARKET", Lettered.InTheScene),
            Shot.Of(Setting.Snow, CameraMove.ZoomIn, "", Lettered.No),
            Shot.Of(Setting.NightCity, CameraMove.Static, "", Lettered.No),
        ];
        string film = Path.Combine(_root, "raw.mp4"), output = Path.Combine(_root, "dataset");
        new Clip([.. shots.SelectMany(shot => shot.Pictures)], Fps).Save(film);
        var scorers = LocalScorers.Create(new MeasureOptions());
        var result = new CurationRun(new CurationOptions
        {
            Output = output, Scorers = scorers,
            Recipe = new Recipe { Measure = new MeasureOptions { TrimFrames = 0 }, DuplicateBits = -1 },
        }).Run(film);
        foreach (var scorer in scorers) { scorer.Dispose(); }

        var clips = result.Sources.ShouldHaveSingleItem().Measures.Clips;
        clips.Select(clip => (clip.StartFrame, clip.EndFrame)).ShouldBe(shots.Select((_, i) => ((long)i * Frames, (long)(i + 1) * Frames)));
        using var dataset = DatasetReader.Open(output);
        for (int i = 0; i < shots.Length; i++)
        {
            var (shot, clip) = (shots[i], clips[i]);
            double Value(string name) => clip[name].ShouldNotBeNull(name).Value.ShouldNotBeNull($"{name} of {shot.Scene.Setting}");
            // Percent of the width per second and percent per second; where the true camera does not pan or zoom, neither does the found one.
            Value(ScoreNames.Pan).ShouldBe(shot.Pan, 0.5, $"{shot.Scene.Setting}");
            Value(ScoreNames.Zoom).ShouldBe(shot.Zoom, 0.5, $"{shot.Scene.Setting}");
            Value(ScoreNames.Tilt).ShouldBe(0, 0.5, $"{shot.Scene.Setting}");

            string.Join(' ', clip.Text).ShouldBe(shot.Text, StringCompareShould.IgnoreCase);
            Value(ScoreNames.TextWords).ShouldBe(shot.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
            // The reader's boxes leave out the blank between the words, and are a pixel or two wider than the ink.
            Value(ScoreNames.TextArea).ShouldBe(shot.TextArea, (0.3 * shot.TextArea) + 1e-9, $"{shot.Scene.Setting}");
            Value(ScoreNames.TextOverlay).ShouldBe(shot.Kind == Lettered.OverTheFilm ? Value(ScoreNames.TextArea) : 0);
            Value(ScoreNames.TextScene).ShouldBe(shot.Kind == Lettered.InTheScene ? Value(ScoreNames.TextArea) : 0);

            var row = dataset.Rows[i];
            if (shot.Text.Length > 0) { row.Measured.ShouldContain(clip.Text[0]); }
            else { row.Measured.ShouldNotContain("reads"); }
            var frames = VideoReader.Open(dataset.ReadClip(i), row.Key).ReadAll().Frames;
            frames.Count.ShouldBe(Frames);
            foreach (int f in new[] { 0, Frames / 2, Frames - 1 }) { Difference(frames[f], shot.Pictures[f]).ShouldBeLessThan(4, $"{shot.Scene.Setting}, frame {f}"); }
        }
    }

    private static double Difference(VideoFrame a, VideoFrame b)
    {
        double sum = 0;
        for (int i = 0; i < a.Rgb.Length; i++) { sum += Math.Abs(a.Rgb[i] - b.Rgb[i]); }
        return sum / a.Rgb.Length;
    }

    private enum Lettered { No, OverTheFilm, InTheScene }

    /// <summary>A clip with its truth.</summary>
    private sealed record Shot(Scene Scene, string Text, Lettered Kind, double Pan, double Zoom, double TextArea, IReadOnlyList<VideoFrame> Pictures)
    {
        public static Shot Of(Setting setting, CameraMove camera, string text, Lettered kind)
        {
            var actor = new Actor(Noun.Balloon, ActorColor.Red, Motion.Up, 0.25, 0.85, 0.8, 0.05, 1);
            var scene = new Scene(1, [actor], null, setting, camera, 3);
            byte[] rgb = new byte[Frames * Width * Height * 3];
            Renderer.Render(scene, Width, Height, Frames, rgb);
            var truth = GroundTruth.Describe(scene, Width, Height, Frames, Fps).Camera.Frames;
            var lettering = Lettering.Load();
            var pictures = new List<VideoFrame>();
            double area = 0;
            for (int f = 0; f < Frames; f++)
            {
                byte[] picture = rgb.AsSpan(f * Width * Height * 3, Width * Height * 3).ToArray();
                if (text.Length > 0)
                {
                    // What hangs in the scene goes left when the camera looks right.
                    double x = 70 - (kind == Lettered.InTheScene ? truth[f].OffsetX : 0);
                    var ink = lettering.Draw(picture, Width, text, 0, x, 152, 24, White);
                    area += (double)ink.Width * ink.Height / (Width * Height) / Frames;
                }
                pictures.Add(new VideoFrame(Width, Height, picture));
            }
            double seconds = (Frames - 1) / Fps;
            return new Shot(scene, text, kind, 100 * (truth[^1].OffsetX - truth[0].OffsetX) / Width / seconds, 100 * Math.Log(truth[^1].Magnification / truth[0].Magnification) / seconds, area, pictures);
        }
    }
}
