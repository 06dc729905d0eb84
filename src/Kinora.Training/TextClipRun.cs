// kinora train with a text-clip recipe: one stage on the loop that all stages share.

using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Distributed;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.Models.Text;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;
using Kinora.Training.Reports;
using Kinora.Training.Stages;
using Kinora.World;

namespace Kinora.Training;

/// <summary>Carries a <see cref="TextClipRecipe"/> out.</summary>
public static class TextClipRun
{
    private const string CardFile = "README.md";

    /// <summary>Trains what <paramref name="recipe"/> describes, or continues; returns the model folder.</summary>
    /// <exception cref="OperationCanceledException">Stopped; a checkpoint was saved.</exception>
    public static string Execute(TextClipRecipe recipe, TrainingOptions options, IProgress<TrainingProgress> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        recipe.Validate();
        EngineRuntime.EnsureStarted();
        var device = Device.Parse(options.Device);
        using var group = ProcessGroup.FromEnvironment(device.Type == DeviceType.Cuda ? "nccl" : "gloo");
        if (recipe.Optimization.BatchSize % (2 * group.WorldSize) != 0)
            throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"`optimization.batch_size` {recipe.Optimization.BatchSize} is not a multiple of twice {group.WorldSize} processes."));
        device = ProcessGroup.LocalDevice(device);
        var run = Folder(recipe, options);
        string json = JsonSerializer.Serialize(recipe, RecipeJson.Default.TextClipRecipe);
        if (group.Rank == 0)
            File.WriteAllText(Path.Combine(run.Root, "recipe.json"), json + "\n");
        if (run.Result(TextClipStage.StageName) is not null)
            return run.Model;
        // Every process learns the same tokenizer from the same seed.
        var tokenizer = CaptionTokenizer.Train(new WorldSource(recipe.World, recipe.Seed), recipe.Seed, recipe.Text.TokenizerCaptions, recipe.Text.VocabSize);
        using var stage = new TextClipStage(recipe, tokenizer, new BatchShare(recipe.Optimization.BatchSize, group.Rank, group.WorldSize, 1), device);
        if (recipe.Clip.ColumnsFrom is { } columns && run.Checkpoints(TextClipStage.StageName).Count == 0)
            stage.ReadColumns(columns);
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json)));
        new TrainingLoop(run, stage, recipe.Optimization, recipe.Precision, hash, group, progress, options.ProfileSteps)
            .Run(_ => TrainingReport.Write(run, recipe.Name, [TextClipStage.StageName]), result => Export(run, recipe, stage.Model, tokenizer, result, device), cancellationToken);
        return run.Model;
    }

    /// <summary>Asks a run to begin its final decay, now or when it is next started.</summary>
    public static void RequestDecay(TextClipRecipe recipe, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(options);
        var run = Folder(recipe, options);
        if (run.Result(TextClipStage.StageName) is not null)
            throw new ConfigException($"{run.Root}: every stage is complete; there is nothing to decay.");
        File.WriteAllText(run.DecaySignal(TextClipStage.StageName), "");
    }

    private static RunFolder Folder(TextClipRecipe recipe, TrainingOptions options) => new(options.Folder ?? Path.Combine("runs", recipe.Name));

    private static void Export(RunFolder run, TextClipRecipe recipe, TextClipModel model, ByteLevelBpeTokenizer tokenizer, StageResult result, Device device)
    {
        TextClipFolder.Save(run.Model, model, tokenizer);
        string machine = device.Type == DeviceType.Cuda ? "a CUDA device" : string.Create(CultureInfo.InvariantCulture, $"{EngineRuntime.Threads} {RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()} CPU threads");
        string version = typeof(TextClipRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {recipe.Name}\n\nA text–clip model of the procedural world: a caption and a clip become points of one sphere, and their cosine says how well they go together. `kinora bench quality` and `kinora evaluate` call that number world CLIPSIM.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{model.ParameterCount} parameters, moving averages in bfloat16. Clips of {recipe.World.Width}×{recipe.World.Height}, {recipe.World.Frames} frames; captions of at most {recipe.Text.CaptionTokens} tokens.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"## Training\n\n{result.Steps} steps of {recipe.Optimization.BatchSize} freshly rendered clips of the training split and their captions, {result.ElapsedSeconds / 60:F0} minutes on {machine}; final loss {result.Loss:G4}. Symmetric InfoNCE with learned temperature; {100 * recipe.Clip.Twins:0.#} % of the scenes stood beside a twin that differs in one word; {(recipe.Clip.ColumnsFrom is { } from ? $"the clip encoder's columns began with the weights of `{from}`; " : "")}both embeddings were asked for the scene's attributes by common linear heads (weight {recipe.Clip.AttributeWeight:0.###}), which were thrown away. Clips were disturbed as a codec and a generator disturb them. None of the {HeldOut.All.Count} held-out combinations was shown.\n\n`kinora train recipes/{recipe.Name}.yaml`, seed {recipe.Seed}, with Kinora {version}.\n\n");
        text.Append("## Scores\n\nNot measured yet: `kinora bench retrieval --update-card` measures them.\n\n## Limits\n\nIt knows the procedural world and nothing else; a cosine of other clips or prompts means nothing. Absolute cosines compare systems only under the same weights.\n\n## License\n\nApache-2.0, like the code. Glyphs in the training clips are Noto Emoji (SIL Open Font License 1.1).\n");
        AtomicFile.Write(Path.Combine(run.Model, CardFile), file => file.Write(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
