// kinora train: the stages in order. Each ends with a done.json; a finished stage is not run again, an unfinished one continues.

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Distributed;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;
using Kinora.Training.Reports;
using Kinora.Training.Stages;

namespace Kinora.Training;

/// <summary>Carries a recipe out.</summary>
public sealed class TrainingRun
{
    /// <summary>The stages in the order in which they run.</summary>
    public static IReadOnlyList<string> Stages { get; } = [CodecStage.StageName, TextStage.StageName, LatentsStage.StageName, GeneratorStage.StageName];

    private readonly Recipe _recipe;
    private readonly TrainingOptions _options;
    private readonly RunFolder _run;
    private readonly ProcessGroup _group;
    private readonly Device _device;
    private readonly IClipSource _source;
    private readonly IProgress<TrainingProgress> _progress;

    private TrainingRun(Recipe recipe, TrainingOptions options, IClipSource source, Device device, ProcessGroup group, IProgress<TrainingProgress> progress)
    {
        (_recipe, _options, _source, _group, _progress) = (recipe, options, source, group, progress);
        _run = new RunFolder(options.Folder ?? Path.Combine("runs", recipe.Name));
        _device = device;
    }

    /// <summary>Trains what <paramref name="recipe"/> describes, or continues; returns the model folder.</summary>
    /// <exception cref="OperationCanceledException">Stopped; a checkpoint was saved.</exception>
    public static string Execute(Recipe recipe, TrainingOptions options, IProgress<TrainingProgress> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        recipe.Validate();
        EngineRuntime.EnsureStarted();
        var device = Device.Parse(options.Device);
        using var group = ProcessGroup.FromEnvironment(device.Type == DeviceType.Cuda ? "nccl" : "gloo");
        CheckBatches(recipe, group);
        using var source = OpenSource(recipe, line => progress.Report(new TrainingProgress("dataset", 0, 0, Line: line)));
        var run = new TrainingRun(recipe, options, source, ProcessGroup.LocalDevice(device), group, progress);
        run.Execute(cancellationToken);
        return run._run.Model;
    }

    /// <summary>Opens what the recipe learns from and closes it again: throws when it cannot serve, says what it holds.</summary>
    /// <exception cref="ConfigException">The dataset has no clip that is long enough.</exception>
    /// <exception cref="FileNotFoundException">The recipe's dataset is not there or not complete.</exception>
    /// <exception cref="InvalidDataException">The recipe's dataset was changed since it was made.</exception>
    public static void CheckData(Recipe recipe, Action<string> report)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(report);
        OpenSource(recipe, report).Dispose();
    }

    /// <summary>Asks a run to begin the final decay of the stage it is in, now or when it is next started.</summary>
    public static void RequestDecay(Recipe recipe, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(options);
        var run = new RunFolder(options.Folder ?? Path.Combine("runs", recipe.Name));
        string[] stages = recipe.Codec.WholeClips is null
            ? [CodecStage.StageName, TextStage.StageName, GeneratorStage.StageName]
            : [CodecStage.StageName, CodecStage.WholeClipsName, TextStage.StageName, GeneratorStage.StageName];
        string stage = stages.FirstOrDefault(s => run.Result(s) is null)
            ?? throw new ConfigException($"{run.Root}: every stage is complete; there is nothing to decay.");
        File.WriteAllText(run.DecaySignal(stage), "");
    }

    private void Execute(CancellationToken cancellationToken)
    {
        CheckClips();
        if (_group.Rank == 0)
            File.WriteAllText(Path.Combine(_run.Root, "recipe.json"), JsonSerializer.Serialize(_recipe, RecipeJson.Default.Recipe) + "\n");
        if (_run.Result(CodecStage.StageName) is null)
            TrainCodec(cancellationToken);
        if (_recipe.Codec.WholeClips is { } wholeClips && _run.Result(CodecStage.WholeClipsName) is null)
            TrainCodecOnWholeClips(wholeClips, cancellationToken);
        if (Ends(CodecStage.StageName))
            return;
        var tokenizer = PrepareTokenizer();
        if (_run.Result(TextStage.StageName) is null)
            TrainText(tokenizer, cancellationToken);
        if (Ends(TextStage.StageName))
            return;
        EncodeLatents(cancellationToken);
        if (Ends(LatentsStage.StageName))
            return;
        if (_run.Result(GeneratorStage.StageName) is null)
            TrainGenerator(tokenizer, cancellationToken);
        if (_group.Rank == 0)
            TrainingReport.Write(_run, _recipe.Name, Stages);
    }

    private static IClipSource OpenSource(Recipe recipe, Action<string> report)
        => recipe.Dataset is { } dataset ? DatasetSource.Open(dataset, recipe.World, recipe.Seed, report) : new WorldSource(recipe.World, recipe.Seed);

    // Latents and batches are found by number: with other clips a number would mean another clip.
    private void CheckClips()
    {
        string path = Path.Combine(_run.Root, "clips.txt"), now = _source.Fingerprint ?? "";
        bool begun = File.Exists(Path.Combine(_run.Root, "recipe.json"));
        if (begun && (File.Exists(path) ? File.ReadAllText(path) : "") != now)
            throw new ConfigException($"{_run.Root}: this run began with other clips than the recipe names now. Name a new folder with --run.");
        if (!begun && _group.Rank == 0 && now.Length > 0)
            AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(now)));
        _group.Barrier();
    }

    private bool Ends(string stage) => _options.Until == stage;

    private void TrainCodec(CancellationToken cancellationToken)
    {
        using var stage = new CodecStage(_recipe, _source, Share(_recipe.Codec.Optimization), _device);
        Loop(stage, _recipe.Codec.Optimization).Run(Report, _ => ModelExport.WriteCodec(_run.Model, stage.Autoencoder), cancellationToken);
    }

    private void TrainCodecOnWholeClips(OptimizationRecipe optimization, CancellationToken cancellationToken)
    {
        using var stage = new CodecStage(_recipe, _source, Share(optimization), _device, wholeClips: true);
        ModelExport.ReadCodec(_run.Model, stage.Autoencoder);
        Loop(stage, optimization).Run(Report, _ => ModelExport.WriteCodec(_run.Model, stage.Autoencoder), cancellationToken);
    }

    private ByteLevelBpeTokenizer PrepareTokenizer()
    {
        if (ModelExport.FindTokenizer(_run.Model) is { } existing)
            return existing;
        if (_group.Rank == 0)
        {
            _progress.Report(new TrainingProgress(TextStage.StageName, 0, 0, Line: string.Create(CultureInfo.InvariantCulture, $"text: learning a tokenizer from {_recipe.Text.TokenizerCaptions} captions")));
            var tokenizer = CaptionTokenizer.Train(_source, _recipe.Seed, _recipe.Text.TokenizerCaptions, _recipe.Text.VocabSize);
            ModelExport.WriteTokenizer(_run.Model, tokenizer, _recipe.Text.Network.MaxPositionEmbeddings);
        }
        _group.Barrier();
        return ModelExport.FindTokenizer(_run.Model) ?? throw new CheckpointException($"{_run.Model}: the tokenizer was not written.");
    }

    private void TrainText(ByteLevelBpeTokenizer tokenizer, CancellationToken cancellationToken)
    {
        using var stage = new TextStage(_recipe, _source, tokenizer, Share(_recipe.Text.Optimization), _device);
        Loop(stage, _recipe.Text.Optimization).Run(Report, _ => ModelExport.WriteTextEncoder(_run.Model, stage.Encoder), cancellationToken);
    }

    private void EncodeLatents(CancellationToken cancellationToken)
    {
        if (_group.Rank == 0 && LatentCache.FindIndex(_run.Latents) is null)
        {
            var autoencoder = ModelExport.ReadCodec(_run.Model, _device);
            try
            {
                LatentsStage.Run(_recipe, _source, autoencoder, _device, _run.Latents, _progress, cancellationToken);
            }
            finally
            {
                autoencoder.Path.Store.Dispose();
            }
        }
        _group.Barrier();
    }

    private void TrainGenerator(ByteLevelBpeTokenizer tokenizer, CancellationToken cancellationToken)
    {
        using var cache = LatentCache.Open(_run.Latents);
        if (_group.Rank == 0)
            ModelExport.WriteLatentScale(_run.Model, cache.Index, _recipe.Latents.Whitening);
        _group.Barrier();
        var autoencoder = ModelExport.ReadCodec(_run.Model, _device);
        try
        {
            using var stage = new GeneratorStage(_recipe, _source, tokenizer, cache, autoencoder, Share(_recipe.Generator.Optimization), _device);
            ModelExport.ReadTextEncoder(_run.Model, stage.Encoder);
            Loop(stage, _recipe.Generator.Optimization).Run(Report, result => ExportGenerator(stage, result, cache.Index.Clips), cancellationToken);
        }
        finally
        {
            autoencoder.Path.Store.Dispose();
        }
    }

    private void ExportGenerator(GeneratorStage stage, StageResult result, int clips)
    {
        ModelExport.WriteTextEncoder(_run.Model, stage.Encoder);
        ModelExport.WriteTransformer(_run.Model, stage.Transformer);
        ModelExport.WriteScheduler(_run.Model, _recipe.Generator.Flow);
        ModelExport.WriteIndex(_run.Model, _recipe);
        ModelCard.Write(_run, _recipe, result, clips, _source.Fingerprint, _device);
    }

    private void Report(TrainingLog log) => TrainingReport.Write(_run, _recipe.Name, Stages);

    private TrainingLoop Loop(ITrainingStage stage, OptimizationRecipe optimization)
        => new(_run, stage, optimization, _recipe.Precision, Hash(stage.Name), _group, _progress, _options.ProfileSteps);

    private BatchShare Share(OptimizationRecipe optimization) => new(optimization.BatchSize, _group.Rank, _group.WorldSize, optimization.Accumulation);

    private string Hash(string stage)
    {
        var root = JsonSerializer.SerializeToNode(_recipe, RecipeJson.Default.Recipe)!;
        string text = $"{root["seed"]}{root["precision"]}{root["world"]}{root["dataset"]}{_source.Fingerprint}{root[stage] ?? root[CodecStage.StageName]}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private static void CheckBatches(Recipe recipe, ProcessGroup group)
    {
        foreach (var (stage, optimization) in new (string, OptimizationRecipe?)[] { ("codec", recipe.Codec.Optimization), ("codec", recipe.Codec.WholeClips), ("text", recipe.Text.Optimization), ("generator", recipe.Generator.Optimization) })
        {
            if (optimization is not null && optimization.BatchSize % (group.WorldSize * optimization.Accumulation) != 0)
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"`{stage}.optimization.batch_size` {optimization.BatchSize} is not a multiple of {group.WorldSize} processes × accumulation {optimization.Accumulation}."));
        }
    }
}
