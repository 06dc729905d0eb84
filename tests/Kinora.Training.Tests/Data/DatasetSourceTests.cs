// Footage to model: clips of the world are joined into long films, curated back, compared with what is known of them, and trained on.

using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;
using Kinora.Training.Tests.Runs;
using Kinora.World;
using CurationRecipe = Kinora.Curation.Decisions.Recipe;

namespace Kinora.Training.Tests.Data;

public sealed class DatasetSourceTests(DatasetSourceTests.Footage footage) : IClassFixture<DatasetSourceTests.Footage>
{
    private const int Side = 128, Frames = 24, Fps = 12, Films = 2, ScenesPerFilm = 6;

    [Fact]
    public void Curate_FilmsJoinedFromTheWorld_GivesBackItsClips()
    {
        var rows = footage.Rows;
        rows.Select(r => (r.Source, r.StartFrame, r.EndFrame)).ShouldBe(Enumerable.Range(0, Films * ScenesPerFilm).Select(n => ($"film-{n / ScenesPerFilm}.mp4", (long)(n % ScenesPerFilm) * Frames, (long)((n % ScenesPerFilm) + 1) * Frames)));
        int cameras = 0;
        foreach (var (film, i) in Enumerable.Range(0, Films).SelectMany(f => Enumerable.Range(0, ScenesPerFilm).Select(i => (f, i))))
        {
            var row = rows.Single(r => r.Source == $"film-{film}.mp4" && r.StartFrame == i * Frames);
            (row.File.Frames, row.File.ResidualCuts).ShouldBe((Frames, 0));
            // Coded twice, the clip still shows its own scene from the first frame to the last.
            using var dataset = DatasetReader.Open(footage.Dataset);
            var clip = VideoReader.Open(dataset.ReadClip(rows.IndexOf(row)), row.Key).ReadAll();
            var scene = footage.Scene(film, i);
            byte[] truth = new byte[Frames * Side * Side * 3];
            Renderer.Render(scene, Side, Side, Frames, truth);
            foreach (int frame in new[] { 0, Frames - 1 })
                Psnr(clip.Frames[frame].Rgb, truth.AsSpan(frame * Side * Side * 3, Side * Side * 3)).ShouldBeGreaterThan(24, $"{row.Source} scene {i} frame {frame}");
            cameras += CameraAgrees(row, scene);
        }
        // Plain settings hide the camera; where it can be followed, it moves as the scene says.
        cameras.ShouldBeGreaterThanOrEqualTo(3);
    }

    [Fact]
    public void Execute_OnTheDataset_LearnsAndContinuesBitIdentically()
    {
        using var whole = new TemporaryFolder();
        using var broken = new TemporaryFolder();
        var recipe = footage.Recipe();
        Tiny.Train(recipe, whole.Path);
        foreach (string stage in new[] { "codec", "text", "generator" })
        {
            double[] losses = [.. TrainingLog.Read(whole[Path.Combine(stage, "log.jsonl")]).Select(e => e.Metrics["loss"])];
            losses.ShouldAllBe(loss => double.IsFinite(loss));
            if (stage != "generator")
                losses.TakeLast(2).Average().ShouldBeLessThan(losses.Take(2).Average(), stage);
        }
        File.ReadAllText(whole[Path.Combine("model", "README.md")]).ShouldContain("curated dataset");
        LatentCache.FindIndex(whole["latents"])!.Clips.ShouldBe((Films * ScenesPerFilm - 1) * 3);

        foreach (string stage in new[] { "codec", "text", "generator" })
        {
            using var cancellation = new CancellationTokenSource();
            Should.Throw<OperationCanceledException>(() => Tiny.Train(recipe, broken.Path, new CancelIn(stage, 5, cancellation), cancellationToken: cancellation.Token));
        }
        Tiny.Train(recipe, broken.Path);
        foreach (string stage in new[] { "codec", "text", "generator" })
            Tiny.Curve(broken.Path, stage).ShouldBe(Tiny.Curve(whole.Path, stage), stage);
        Tiny.ModelFiles(broken.Path).ShouldAllBe(file => file.Value.SequenceEqual(Tiny.ModelFiles(whole.Path)[file.Key]));

        // Numbers of samples mean these clips: another dataset wants another run.
        Should.Throw<ConfigException>(() => Tiny.Train(Tiny.Recipe(), whole.Path)).Message.ShouldContain("other clips");
    }

    [Fact]
    public void Render_EveryWindow_IsTheScenesPictureAtTheRecipesSizeAndRate()
    {
        // 17 of 24 frames: one window a clip; half the rate: none; wide windows: the middle of the picture.
        var size = new WorldRecipe { Width = 64, Height = 32, Frames = 5, FrameRate = 6 };
        using var source = Open(size);
        source.Clips.ShouldBe((Films * ScenesPerFilm - 1) * 2);
        byte[] window = new byte[5 * 64 * 32 * 3], again = new byte[window.Length];
        source.Render(Purpose.CodecScene, 3, window);
        source.Render(Purpose.CodecScene, 40, again);
        source.Render(Purpose.CodecScene, 3, again);
        again.ShouldBe(window);
        // Every second frame of some scene from its first or its tenth on, halved, rows 16 to 47 of 64.
        double best = Enumerable.Range(0, Films).SelectMany(f => Enumerable.Range(0, ScenesPerFilm).SelectMany(i => new[] { 0, 10 }.Select(first => Enumerable.Range(0, 5).Min(k => Psnr(Expected(footage.Scene(f, i), first + (2 * k)), window.AsSpan(k * 64 * 32 * 3, 64 * 32 * 3)))))).Max();
        best.ShouldBeGreaterThan(24);
    }

    [Fact]
    public void Captions_LongOnes_LoseWordsAtTheEnd()
    {
        using var source = Open(new WorldRecipe { Frames = 5 });
        string[] captions = [.. source.Captions(Purpose.TextScene, 0, 1)];
        captions[0].ShouldBe(footage.Rows.First(r => r.Caption == captions[0]).Caption);
        captions[1].ShouldBe(captions[0][..captions[0].LastIndexOf(' ')]);
        captions[^1].ShouldBe("");
        long[] labels = source.Labels(Purpose.TextScene, 0, captions[0]);
        labels.Length.ShouldBe(source.Attributes.Count);
        for (int i = 0; i < labels.Length; i++)
            (labels[i] == 1).ShouldBe(captions[0].Split(' ', ',', ';', '.').Contains(source.Attributes[i].Name["has_".Length..], StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void Open_WhatCannotServe_SaysWhatToDo()
    {
        using var empty = new TemporaryFolder();
        Should.Throw<FileNotFoundException>(() => DatasetSource.Open(new DatasetRecipe { Folder = empty.Path }, new WorldRecipe(), 1, _ => { })).Message.ShouldContain("kinora curate");
        Should.Throw<ConfigException>(() => Open(new WorldRecipe { Frames = 257, FrameRate = 12 })).Message.ShouldContain("the longest of 12 clips has 2 s");

        using var changed = new TemporaryFolder();
        foreach (string file in Directory.EnumerateFiles(footage.Dataset))
            File.Copy(file, changed[Path.GetFileName(file)]);
        Directory.CreateDirectory(changed["shards"]);
        string shard = Directory.EnumerateFiles(Path.Combine(footage.Dataset, "shards")).Single(), copy = changed[Path.Combine("shards", Path.GetFileName(shard))];
        byte[] content = File.ReadAllBytes(shard);
        File.WriteAllBytes(copy, content[..^512]);
        Should.Throw<InvalidDataException>(() => DatasetReader.Open(changed.Path)).Message.ShouldContain("kinora curate verify");
        content[3000] ^= 1;
        File.WriteAllBytes(copy, content);
        using var reader = DatasetReader.Open(changed.Path);
        Should.Throw<InvalidDataException>(() => reader.ReadClip(0)).Message.ShouldContain("other bytes");
    }

    private DatasetSource Open(WorldRecipe size) => DatasetSource.Open(new DatasetRecipe { Folder = footage.Dataset }, size, 7, _ => { });

    // 1 where the measured camera agrees with a moving one, 0 where it cannot be told; a wrong direction fails.
    private static int CameraAgrees(ClipRow row, Scene scene)
    {
        var (score, sign) = scene.Camera switch
        {
            CameraMove.PanLeft => (ScoreNames.Pan, -1),
            CameraMove.PanRight => (ScoreNames.Pan, 1),
            CameraMove.ZoomIn => (ScoreNames.Zoom, 1),
            CameraMove.ZoomOut => (ScoreNames.Zoom, -1),
            _ => ("", 0),
        };
        if (sign == 0 || !row.Scores.TryGetValue(score, out double value) || Math.Abs(value) < 1)
            return 0;
        (value * sign).ShouldBeGreaterThan(0, $"{row.Source} {row.Start} s: {scene.Camera} in {scene.Setting}, {score} {value}");
        return 1;
    }

    private static byte[] Expected(Scene scene, int frame)
    {
        byte[] clip = new byte[Frames * Side * Side * 3];
        Renderer.Render(scene, Side, Side, Frames, clip);
        var small = ImageResize.Resize(new VideoFrame(Side, Side, clip.AsSpan(frame * Side * Side * 3, Side * Side * 3).ToArray()), 64, 64);
        return ImageResize.Crop(small, 0, 16, 64, 32).Rgb;
    }

    private static double Psnr(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        double squares = 0;
        for (int i = 0; i < a.Length; i++)
            squares += (a[i] - b[i]) * (a[i] - b[i]);
        return 10 * Math.Log10(255.0 * 255 * a.Length / Math.Max(squares, 1e-9));
    }

    private sealed class CancelIn(string stage, long step, CancellationTokenSource cancellation) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Stage == stage && value.Done >= step)
                cancellation.Cancel();
        }
    }

    /// <summary>Two films of six scenes each, curated once.</summary>
    public sealed class Footage : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public Footage()
        {
            string corpus = _folder["corpus"];
            Directory.CreateDirectory(corpus);
            for (int film = 0; film < Films; film++)
            {
                var frames = new List<VideoFrame>();
                for (int i = 0; i < ScenesPerFilm; i++)
                {
                    byte[] rgb = new byte[Frames * Side * Side * 3];
                    Renderer.Render(Scene(film, i), Side, Side, Frames, rgb);
                    frames.AddRange(rgb.Chunk(Side * Side * 3).Select(frame => new VideoFrame(Side, Side, frame)));
                }
                new Clip(frames, Fps).Save(Path.Combine(corpus, $"film-{film}.mp4"));
            }
            var recipe = CurationRecipe.Default with { Measure = new MeasureOptions { TrimFrames = 0 }, Rules = [new Rule { Score = ScoreNames.Seconds, Min = 1 }], DuplicateBits = -1 };
            new CurationRun(new CurationOptions { Output = Dataset, Recipe = recipe }).Run(corpus);
            Rows = [.. File.ReadLines(Path.Combine(Dataset, Workspace.ManifestName)).Select(ClipRow.FromJson)];
        }

        public string Dataset => _folder["dataset"];

        public List<ClipRow> Rows { get; }

        // Half of the scenes have a moving camera.
        public Scene Scene(int film, int i)
        {
            ulong number = (ulong)((film * ScenesPerFilm) + i);
            return Enumerable.Range(0, 1000).Select(k => SceneSampler.Sample((number * 1000) + (ulong)k)).First(s => number % 2 == 0 || s.Camera != CameraMove.Static);
        }

        public Kinora.Training.Recipes.Recipe Recipe()
        {
            var recipe = Tiny.Recipe();
            recipe.Dataset = new DatasetRecipe { Folder = Dataset };
            return recipe with { Latents = recipe.Latents with { Clips = 100 } };
        }

        public void Dispose() => _folder.Dispose();
    }
}
