// Who answers the prompts of `kinora bench systems`.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Generation;
using Kinora.World;

namespace Kinora.Evaluation.Systems;

/// <summary>What contestants are asked for.</summary>
/// <param name="Number">Place among all prompts of the bench, from 0.</param>
/// <param name="Prompt">The words.</param>
/// <param name="Scene">A scene that they describe, for a seed.</param>
internal sealed record AskedClip(int Number, string Prompt, Func<ulong, Scene> Scene);

/// <summary>Something that makes a clip for a prompt.</summary>
internal interface IContestant : IDisposable
{
    /// <summary>What stands in the ranking.</summary>
    string Name { get; }

    /// <summary>"generator", "retrieval" or "ceiling".</summary>
    string Kind { get; }

    /// <summary>SHA-256 over everything besides seed and prompt that decides its clips.</summary>
    string Sha256 { get; }

    /// <summary>Parameters; null for none.</summary>
    long? Parameters { get; }

    /// <summary>Bytes of weights on disk; null for none.</summary>
    long? WeightBytes { get; }

    /// <summary>Minutes of training by its card; null where the card does not say.</summary>
    double? TrainingMinutes { get; }

    /// <summary>Makes ready whatever the first clip should not pay for.</summary>
    void Prepare();

    /// <summary>Bytes [F, H, W, 3] of a clip.</summary>
    byte[] Make(AskedClip asked, ulong seed, CancellationToken cancellationToken);
}

/// <summary>A model folder of any system, with the model's own sampler, steps and guidance.</summary>
internal sealed class ModelContestant : IContestant
{
    private readonly ModelFolder _folder;
    private readonly Device _device;
    private readonly DType _compute;
    private readonly int _size, _frames;
    private NetworkLoader? _networks;
    private IGenerationPipeline? _pipeline;

    /// <exception cref="ConfigException">The model makes no clips of this size.</exception>
    public ModelContestant(ModelFolder folder, int size, int frames, Device device, DType compute)
    {
        (_folder, _size, _frames, _device, _compute) = (folder, size, frames, device, compute);
        _ = Plan(HeldOutPrompts.Take(1)[0].Prompt, 0);
        Sha256 = folder.Sha256();
        (Parameters, WeightBytes) = Weights(folder.Path);
        TrainingMinutes = TrainingCost.Minutes(Path.Combine(folder.Path, "README.md"));
    }

    public string Name => _folder.Name;

    public string Kind => SystemResult.Generator;

    public string Sha256 { get; }

    public long? Parameters { get; }

    public long? WeightBytes { get; }

    public double? TrainingMinutes { get; }

    public void Prepare()
    {
        _networks ??= new NetworkLoader(_folder, new LoadOptions { Device = _device, Compute = _compute });
        _pipeline ??= GenerationSystems.Of(_folder).Load(_networks);
    }

    public byte[] Make(AskedClip asked, ulong seed, CancellationToken cancellationToken)
    {
        Prepare();
        using var scope = TensorScope.Enter();
        var run = new ClipRun(Plan(asked.Prompt, seed), seed, cancellationToken);
        _pipeline!.Generate(run);
        if (run.Frames.Count != _frames || run.Frames[0].Width != _size || run.Frames[0].Height != _size)
            throw new EvaluationException($"{_folder.Path} made {run.Frames.Count} frames of {run.Frames[0].Width}×{run.Frames[0].Height}; {_frames} of {_size}×{_size} were asked for.");
        var rgb = new byte[_frames * _size * _size * 3];
        for (int f = 0; f < _frames; f++)
            run.Frames[f].Rgb.CopyTo(rgb, f * _size * _size * 3);
        return rgb;
    }

    public void Dispose()
    {
        _pipeline?.Dispose();
        _networks?.Dispose();
    }

    private GenerationPlan Plan(string prompt, ulong seed)
    {
        try
        {
            return GenerationPlan.Create(_folder, new VideoGenerationRequest(prompt), new VideoGenerationOptions { Seed = seed, Width = _size, Height = _size, Frames = _frames });
        }
        catch (GenerationRequestException e)
        {
            throw new ConfigException($"{_folder.Path} makes no clips of {_size}×{_size}, {_frames} frames, which the world's networks read: {e.Message}", e);
        }
    }

    private static (long? Parameters, long Bytes) Weights(string folder)
    {
        long parameters = 0, bytes = 0;
        foreach (string file in Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories))
        {
            using var weights = SafetensorsFile.Open(file);
            parameters += weights.Tensors.Values.Sum(t => t.NumElements);
            bytes += new FileInfo(file).Length;
        }
        return (parameters > 0 ? parameters : null, bytes);
    }
}

/// <summary>The training clip whose caption is nearest to the prompt.</summary>
internal sealed class RetrievalContestant(TrainingCorpus corpus, CaptionIndex index, int size, int frames) : IContestant
{
    public string Name => "retrieval";

    public string Kind => SystemResult.Retrieval;

    public string Sha256 { get; } = TextHash.Of(corpus.Name, index.Name, WorldFingerprint.Sha256());

    public long? Parameters => null;

    public long? WeightBytes => null;

    public double? TrainingMinutes => null;

    public void Prepare()
    {
        // The index was made when the contestant was.
    }

    public byte[] Make(AskedClip asked, ulong seed, CancellationToken cancellationToken) => corpus.Render(index.Nearest([asked.Prompt])[0].Index, size, frames);

    public void Dispose()
    {
        // The index belongs to whoever made it.
    }
}

/// <summary>Real clips that show what the prompts say: what no system can beat.</summary>
internal sealed class RealContestant(int size, int frames) : IContestant
{
    private const ulong FirstSeed = 0x5EED_2EA1_0000;

    public string Name => "real clips";

    public string Kind => SystemResult.Ceiling;

    public string Sha256 { get; } = TextHash.Of("real", WorldFingerprint.Sha256());

    public long? Parameters => null;

    public long? WeightBytes => null;

    public double? TrainingMinutes => null;

    public void Prepare()
    {
        // The world needs no preparation.
    }

    public byte[] Make(AskedClip asked, ulong seed, CancellationToken cancellationToken)
    {
        var rgb = new byte[frames * size * size * 3];
        Renderer.Render(asked.Scene(FirstSeed + seed), size, size, frames, rgb);
        return rgb;
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}

/// <summary>Real clips through a model's codec: what no generator over it can beat. Its clips are made by <see cref="SystemsBench"/>.</summary>
internal sealed class CodecContestant(ModelFolder folder) : IContestant
{
    public string Name => $"codec of {folder.Name}";

    public string Kind => SystemResult.Ceiling;

    public string Sha256 { get; } = folder.Sha256();

    public long? Parameters => null;

    public long? WeightBytes => null;

    public double? TrainingMinutes => null;

    public void Prepare()
    {
        // Its clips exist already.
    }

    public byte[] Make(AskedClip asked, ulong seed, CancellationToken cancellationToken) => throw new InvalidOperationException("clips of a codec are not made one by one.");

    public void Dispose()
    {
        // Nothing is held.
    }
}
