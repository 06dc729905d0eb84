using System.Diagnostics;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Generation;
using Microsoft.Extensions.DependencyInjection;

namespace Kinora.Models.Tests.Generation;

public sealed class VideoGeneratorTests
{
    private sealed class Collected : IProgress<GenerationProgress>
    {
        public List<GenerationProgress> All { get; } = [];

        public Action<GenerationProgress>? On { get; init; }

        public void Report(GenerationProgress value)
        {
            All.Add(value);
            On?.Invoke(value);
        }
    }

    private static KinoraOptions Options(TinyModel model) => new() { Model = model.Folder, Device = "cpu", DType = "fp32" };

    private static VideoFrame Frame(int width, int height, byte value) => new(width, height, [.. Enumerable.Repeat(value, width * height * 3)]);

    [Fact]
    public async Task GenerateAsync_Words_GivesTheClipItsManifestDescribes()
    {
        long live = Tensor.LiveCount;
        using (var model = new TinyModel())
        {
            var generator = new KinoraVideoGenerator(Options(model));
            var progress = new Collected();
            IReadOnlyList<GeneratedVideo> videos = await generator.GenerateAsync(new VideoGenerationRequest("a red balloon 🎈"), new VideoGenerationOptions { Seed = 5, Count = 2, PreviewEverySteps = 2 }, progress);
            videos.Count.ShouldBe(2);
            GeneratedVideo video = videos[0];
            video.Clip.Frames.Count.ShouldBe(9);
            (video.Clip.Width, video.Clip.Height, video.Clip.Fps).ShouldBe((32, 32, 8.0));
            video.Manifest.FramesSha256.ShouldBe(GenerationManifest.HashFrames(video.Clip.Frames));
            video.Manifest.ModelSha256.ShouldBe(generator.Folder.Sha256());
            (video.Manifest.Sampler, video.Manifest.Steps, video.Manifest.Guidance, video.Manifest.Shift).ShouldBe(("unipc", 3, 2.0, 2.0));
            GenerationManifest.FromJson(video.Clip.Metadata[MediaMetadata.ManifestKey]).ShouldBe(video.Manifest);
            videos[1].Manifest.Seed.ShouldBe(6UL);

            progress.All[0].Stage.ShouldBe(GenerationStage.Loading);
            progress.All.Where(p => p.Stage == GenerationStage.Sampling).Select(p => (p.Clip, p.Step)).ShouldBe([(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]);
            progress.All.Where(p => p.Preview is not null).Select(p => p.Step).ShouldBe([2, 2]);
            progress.All[^1].Stage.ShouldBe(GenerationStage.Decoding);

            // The second of two is the first of its own seed.
            IReadOnlyList<GeneratedVideo> alone = await generator.GenerateAsync(new VideoGenerationRequest("a red balloon 🎈"), new VideoGenerationOptions { Seed = 6 });
            alone[0].Manifest.FramesSha256.ShouldBe(videos[1].Manifest.FramesSha256);
            alone[0].Manifest.FramesSha256.ShouldNotBe(videos[0].Manifest.FramesSha256);
            generator.Dispose();
            await EngineThread.Shared.RunAsync(() => { });
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public async Task GenerateAsync_Image_StartsFromItWhateverItsSize()
    {
        using var model = new TinyModel();
        using var generator = new KinoraVideoGenerator(Options(model));
        var options = new VideoGenerationOptions { Seed = 5, Steps = 2 };
        GeneratedVideo dark = (await generator.GenerateAsync(new VideoGenerationRequest("a balloon") { FirstFrame = Frame(50, 40, 0) }, options))[0];
        GeneratedVideo light = (await generator.GenerateAsync(new VideoGenerationRequest("a balloon") { FirstFrame = Frame(32, 32, 255) }, options))[0];
        dark.Manifest.Input.ShouldBe(new ManifestInput { Kind = "image", HeldFrames = 1, Sha256 = GenerationManifest.HashFrames([Frame(50, 40, 0)]) });
        dark.Clip.Frames.Count.ShouldBe(9);
        dark.Clip.Frames[0].Rgb.ShouldNotBe(light.Clip.Frames[0].Rgb);
    }

    [Fact]
    public async Task GenerateAsync_Continue_KeepsTheClipAndAddsNewFrames()
    {
        using var model = new TinyModel();
        using var generator = new KinoraVideoGenerator(Options(model));
        var source = new Clip([.. Enumerable.Range(0, 7).Select(i => Frame(32, 32, (byte)(20 * i)))], 12);
        GeneratedVideo video = (await generator.GenerateAsync(new VideoGenerationRequest("a balloon") { Continue = source }, new VideoGenerationOptions { Seed = 5, Steps = 2 }))[0];
        // Of 9 frames 5 are held, so 4 are new.
        video.Manifest.Input!.HeldFrames.ShouldBe(5);
        video.Clip.Frames.Count.ShouldBe(7 + 4);
        video.Clip.Fps.ShouldBe(12);
        for (int i = 0; i < 7; i++)
        {
            video.Clip.Frames[i].Rgb.ShouldBe(source.Frames[i].Rgb);
        }
    }

    [Fact]
    public async Task StreamAsync_GivesTheFramesOfGenerateAsync()
    {
        using var model = new TinyModel();
        using var generator = new KinoraVideoGenerator(Options(model));
        var options = new VideoGenerationOptions { Seed = 9, Steps = 2 };
        var streamed = new List<VideoFrame>();
        await foreach (VideoFrame frame in generator.StreamAsync(new VideoGenerationRequest("a balloon"), options))
        {
            streamed.Add(frame);
        }
        GeneratedVideo whole = (await generator.GenerateAsync(new VideoGenerationRequest("a balloon"), options))[0];
        GenerationManifest.HashFrames(streamed).ShouldBe(whole.Manifest.FramesSha256);
    }

    [Fact]
    public async Task GenerateAsync_Canceled_ThrowsAndTheGeneratorGoesOn()
    {
        using var model = new TinyModel();
        using var generator = new KinoraVideoGenerator(Options(model));
        using var cancellation = new CancellationTokenSource();
        var progress = new Collected { On = p => { if (p.Step == 1) { cancellation.Cancel(); } } };
        await Should.ThrowAsync<OperationCanceledException>(() => generator.GenerateAsync(new VideoGenerationRequest("a balloon"), null, progress, cancellation.Token));
        progress.All.Max(p => p.Step).ShouldBe(1);
        (await generator.GenerateAsync(new VideoGenerationRequest("a balloon"), new VideoGenerationOptions { Steps = 1 })).Count.ShouldBe(1);
    }

    [Fact]
    public async Task GenerateAsync_WithListener_IsTracedAndCounted()
    {
        using var model = new TinyModel();
        using var generator = new KinoraVideoGenerator(Options(model));
        var names = new List<string>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = s => s.Name == KinoraTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = a => names.Add(a.OperationName),
        };
        ActivitySource.AddActivityListener(activities);
        using var meters = new System.Diagnostics.Metrics.MeterListener { InstrumentPublished = (i, l) => { if (i.Meter.Name == KinoraTelemetry.Name) { l.EnableMeasurementEvents(i); } } };
        long clips = 0;
        meters.SetMeasurementEventCallback<long>((i, n, _, _) => clips += i.Name == "kinora.generation.clips" ? n : 0);
        meters.Start();
        await generator.GenerateAsync(new VideoGenerationRequest("a balloon"), new VideoGenerationOptions { Steps = 1 });
        names.ShouldBe(["kinora.model.load", "kinora.generate"]);
        clips.ShouldBe(1);
    }

    [Fact]
    public async Task AddKinora_ResolvesAGeneratorOfTheConfiguredModel()
    {
        using var model = new TinyModel();
        var services = new ServiceCollection();
        services.AddKinora(o => { o.Model = model.Folder; o.Device = "cpu"; });
        await using ServiceProvider provider = services.BuildServiceProvider();
        IVideoGenerator generator = provider.GetRequiredService<IVideoGenerator>();
        generator.ShouldBeSameAs(provider.GetRequiredService<IVideoGenerator>());
        GeneratedVideo image = (await generator.GenerateAsync(new VideoGenerationRequest("a balloon"), new VideoGenerationOptions { Frames = 1, Steps = 1 }))[0];
        image.Clip.Frames.Count.ShouldBe(1);
    }
}
