using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models.Diffusion;

namespace Kinora.Models.Generation;

/// <summary>
/// The video generator of this library: one model, loaded at the first request and kept. Requests run one after the other on the engine's
/// thread; each clip is sampled by itself, so a seed gives the same clip alone or among others.
/// </summary>
public sealed class KinoraVideoGenerator : IVideoGenerator, IDisposable
{
    // The clips of a story draw noise of their own: the golden ratio of 2⁶⁴ keeps their seeds apart from those of other clips.
    private const ulong SeedStride = 0x9E3779B97F4A7C15;
    private readonly KinoraOptions _options;
    private readonly Lazy<ModelFolder> _folder;
    private Loaded? _loaded; // touched on the engine's thread only

    /// <summary>Finds the model when it is first needed.</summary>
    public KinoraVideoGenerator(KinoraOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _folder = new Lazy<ModelFolder>(() => ModelFolder.Find(options));
    }

    /// <summary>The model's folder.</summary>
    public ModelFolder Folder => _folder.Value;

    /// <inheritdoc/>
    public Task<IReadOnlyList<GeneratedVideo>> GenerateAsync(VideoGenerationRequest request, VideoGenerationOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        GenerationPlan plan = GenerationPlan.Create(Folder, request, options ?? new VideoGenerationOptions());
        return GenerateAsync(plan, progress, cancellationToken);
    }

    /// <summary>Carries out a plan that was made for this generator's model.</summary>
    public Task<IReadOnlyList<GeneratedVideo>> GenerateAsync(GenerationPlan plan, IProgress<GenerationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return EngineThread.Shared.RunAsync<IReadOnlyList<GeneratedVideo>>(() =>
        {
            Loaded model = Load(progress);
            var clock = new StepClock(plan);
            return [.. Enumerable.Range(0, plan.Count).Select(i => Make(model, plan, i, clock, progress, null, cancellationToken))];
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<VideoFrame> StreamAsync(VideoGenerationRequest request, VideoGenerationOptions? options = null, IProgress<GenerationProgress>? progress = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        GenerationPlan plan = GenerationPlan.Create(Folder, request, (options ?? new VideoGenerationOptions()) with { Count = 1 });
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var frames = Channel.CreateUnbounded<VideoFrame>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task work = EngineThread.Shared.RunAsync(() =>
        {
            Make(Load(progress), plan, 0, new StepClock(plan), progress, frame => frames.Writer.TryWrite(frame), abandoned.Token);
        }, abandoned.Token);
        _ = work.ContinueWith(t => frames.Writer.Complete(t.Exception?.InnerException ?? (t.IsCanceled ? new OperationCanceledException(abandoned.Token) : null)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (VideoFrame frame in frames.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return frame;
            }
        }
        finally
        {
            await abandoned.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Frees the model once running requests are done.</summary>
    public void Dispose() =>
        _ = EngineThread.Shared.RunAsync(() =>
        {
            _loaded?.Pipeline.Dispose();
            _loaded?.Networks.Dispose();
            _loaded = null;
        });

    private sealed record Loaded(IGenerationPipeline Pipeline, NetworkLoader Networks, string Sha256, IReadOnlyDictionary<string, string> PartsSha256);

    private Loaded Load(IProgress<GenerationProgress>? progress)
    {
        if (_loaded is { } ready)
        {
            return ready;
        }
        progress?.Report(new GenerationProgress { Stage = GenerationStage.Loading });
        using Activity? activity = KinoraTelemetry.Activities.StartActivity("kinora.model.load");
        long start = Stopwatch.GetTimestamp();
        var networks = new NetworkLoader(Folder, _options.ResolveLoad());
        try
        {
            IGenerationPipeline pipeline = GenerationSystems.Of(Folder).Load(networks);
            var (model, parts) = Folder.Hashes();
            _loaded = new Loaded(pipeline, networks, model, parts);
        }
        catch
        {
            networks.Dispose();
            throw;
        }
        KinoraTelemetry.LoadDuration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
        return _loaded;
    }

    private static GeneratedVideo Make(Loaded model, GenerationPlan plan, int index, StepClock clock, IProgress<GenerationProgress>? progress, Action<VideoFrame>? onFrame, CancellationToken cancellationToken)
    {
        using Activity? activity = KinoraTelemetry.Activities.StartActivity("kinora.generate");
        activity?.SetTag("kinora.model", plan.Folder.Name).SetTag("kinora.seed", plan.Seed + (ulong)index).SetTag("kinora.steps", plan.Steps);
        long start = Stopwatch.GetTimestamp();
        var frames = new List<VideoFrame>();
        ManifestCache? saved = null;
        IReadOnlyList<StoryClip> clips = plan.Clips.Count > 0 ? plan.Clips : [new StoryClip(plan, 0, int.MaxValue, Continues: false)];
        for (int i = 0; i < clips.Count; i++)
        {
            using var scope = TensorScope.Enter();
            var (one, part, before) = (clips[i], clips[i].Part, i * plan.Steps);
            using StepCache? cache = plan.Cache is { } threshold ? new StepCache(threshold) : null;
            GenerationPlan own = one.Continues ? one.Plan with { GivenFrames = [.. frames.TakeLast(one.Plan.HeldFrames)] } : one.Plan;
            int held = one.Continues ? own.HeldFrames : 0, end = one.Frames == int.MaxValue ? int.MaxValue : frames.Count + one.Frames;
            var run = new ClipRun(own, plan.Seed + (ulong)index + (ulong)i * SeedStride, cancellationToken)
            {
                Cache = cache,
                OnStep = (done, preview) =>
                {
                    clock.Step((long)index * plan.Steps * clips.Count + before + done);
                    Report(GenerationStage.Sampling, part, before + done, preview);
                },
                OnDecoding = () =>
                {
                    // Decoding works on other sizes than sampling did.
                    EngineRuntime.TrimHostMemory();
                    Report(GenerationStage.Decoding, part, before + plan.Steps, null);
                },
                OnFrame = frame =>
                {
                    if (held-- <= 0 && frames.Count < end)
                    {
                        frames.Add(frame);
                        onFrame?.Invoke(frame);
                    }
                },
            };
            Report(GenerationStage.Sampling, part, before, null);
            model.Pipeline.Generate(run);
            saved = cache is null ? null : new ManifestCache { Threshold = plan.Cache!.Value, Calls = cache.Calls + (saved?.Calls ?? 0), Skipped = cache.Skipped + (saved?.Skipped ?? 0) };
        }

        GenerationManifest manifest = Describe(model, plan, index, frames) with { Cache = saved };
        var clip = new Clip(frames, plan.FrameRate);
        clip.Metadata[MediaMetadata.ManifestKey] = manifest.ToJson();
        KinoraTelemetry.Clips.Add(1);
        KinoraTelemetry.ClipDuration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
        return new GeneratedVideo(clip, manifest);

        void Report(GenerationStage stage, int part, int step, VideoFrame? preview) => progress?.Report(new GenerationProgress
        {
            Stage = stage, Clip = index, Clips = plan.Count, Part = part, Parts = Math.Max(1, plan.Story.Count), Step = step, Steps = plan.Steps * clips.Count,
            Remaining = stage == GenerationStage.Sampling ? clock.Remaining : null, Preview = preview,
        });
    }

    private static GenerationManifest Describe(Loaded model, GenerationPlan plan, int index, IReadOnlyList<VideoFrame> frames) => new()
    {
        Format = GenerationManifest.CurrentFormat,
        Pipeline = plan.Folder.ClassName,
        Model = plan.Folder.Reference,
        ModelSha256 = model.Sha256,
        Prompt = plan.Prompt,
        NegativePrompt = plan.NegativePrompt,
        Seed = plan.Seed + (ulong)index,
        Sampler = plan.Sampler,
        Steps = plan.Steps,
        Shift = plan.Shift,
        Guidance = plan.Guidance,
        GuidanceRescale = plan.GuidanceRescale,
        Width = plan.Width,
        Height = plan.Height,
        Frames = plan.Frames,
        FrameRate = plan.FrameRate,
        Input = plan.Input,
        Parts = plan.Folder.Parts.IsEmpty ? null : plan.Folder.Parts,
        PartsSha256 = model.PartsSha256.Count == 0 ? null : model.PartsSha256,
        Loras = model.Networks.Options.Loras is { Count: > 0 } loras ? [.. loras.Select(l => new ManifestLora { Path = Path.GetFullPath(l.Path), Weight = l.Weight, Sha256 = Checkpoint.HashFile(l.Path) })] : null,
        LoraMode = model.Networks.Options.Loras.Count > 0 ? model.Networks.Options.LoraMode.ToString().ToLowerInvariant() : null,
        Control = plan.ControlInput is { } control ? control with { ControlNet = Path.GetFullPath(control.ControlNet), ControlNetSha256 = ModelFolder.Sha256Of(control.ControlNet) } : null,
        Story = plan.Story.Count == 0 ? null : plan.Story,
        Keyframes = plan.KeyframeInputs.Count == 0 ? null : plan.KeyframeInputs,
        Device = model.Networks.Device.ToString(),
        DType = model.Networks.Compute.ShortName(),
        Weights = model.Networks.Options.Storage == WeightStorage.Auto ? null : model.Networks.Options.Storage.ToString(),
        VaeTiling = plan.Tiling == VaeTiling.Auto ? null : plan.Tiling.ToString(),
        Threads = EngineRuntime.Threads,
        Processor = HostProcessor.Name,
        CpuLevel = CpuKernels.Level.ToString(),
        Engine = EngineRuntime.BuildInfo,
        Version = typeof(KinoraVideoGenerator).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
        FramesSha256 = GenerationManifest.HashFrames(frames),
    };

    // Time left from the mean of the steps so far.
    private sealed class StepClock(GenerationPlan plan)
    {
        private readonly Stopwatch _elapsed = Stopwatch.StartNew();
        private readonly long _total = (long)plan.Steps * plan.Count * Math.Max(1, plan.Clips.Count);
        private long _done;
        private TimeSpan _last;

        public TimeSpan? Remaining => _done == 0 ? null : _elapsed.Elapsed / _done * (_total - _done);

        // Methods of second order call the network twice a step, so that one call may not finish any.
        public void Step(long done)
        {
            _done = done;
            TimeSpan now = _elapsed.Elapsed;
            KinoraTelemetry.StepDuration.Record((now - _last).TotalSeconds);
            _last = now;
        }
    }
}
