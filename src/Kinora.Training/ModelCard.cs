using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;
using Kinora.World;

namespace Kinora.Training;

/// <summary>README.md of a model folder: what it is, what it learned from, how it was made, how well it does.</summary>
internal static class ModelCard
{
    /// <summary>Where <c>kinora bench quality</c> writes its numbers.</summary>
    public const string ScoresHeading = "## Scores";

    private static readonly (string Folder, string File, string What)[] Components =
    [
        ("text_encoder", "model.safetensors", "transformer over byte-level BPE tokens"),
        ("transformer", "diffusion_pytorch_model.safetensors", "diffusion transformer, adaLN, 3-D RoPE, QK-norm, cross-attention"),
        ("vae", "diffusion_pytorch_model.safetensors", "causal video autoencoder"),
    ];

    public static void Write(RunFolder run, Recipe recipe, StageResult generator, int clips, string? fingerprint, Device device)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {recipe.Name}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"A text-to-video model trained from nothing on {(recipe.Dataset is null ? "Kinora's procedural world" : "a curated dataset")}. One set of weights makes clips from text, images from text, clips from a first frame, and continuations of clips.\n\n");
        text.Append("    kinora generate \"a red balloon rises over a night city\" -o balloon.mp4\n\n");

        text.Append("## Parts\n\n| folder | what | parameters | size |\n|---|---|---:|---:|\n");
        foreach (var (folder, file, what) in Components)
        {
            string path = Path.Combine(run.Model, folder, file);
            using var weights = SafetensorsFile.Open(path);
            text.Append(CultureInfo.InvariantCulture, $"| {folder} | {what} | {weights.Tensors.Values.Sum(t => t.NumElements) / 1e6:F2} M | {new FileInfo(path).Length / 1e6:F1} MB |\n");
        }

        var world = recipe.World;
        text.Append(CultureInfo.InvariantCulture, $"\nClips are {world.Width}×{world.Height}, {world.Frames} frames at {world.FrameRate:G} frames per second. Weights are exponential moving averages, stored in bfloat16.\n\n");

        text.Append("## Data\n\n");
        if (recipe.Dataset is null)
            text.Append(CultureInfo.InvariantCulture, $"Rendered from seeds: {Vocabulary.Nouns.Count} nouns, {Vocabulary.Colors.Count} colors, {Vocabulary.Motions.Count} motions, {Vocabulary.Settings.Count} settings, one or two actors, captions by grammar. The autoencoder saw a new clip at every step; the transformer saw {clips} clips, each with a new caption in every epoch. {HeldOut.All.Count} combinations of noun, color, motion and setting are held out: no training clip shows one.\n\n");
        else
            text.Append(CultureInfo.InvariantCulture, $"{clips} windows of a dataset that `kinora curate` made, with its captions. Root of the dataset and number of windows: `{fingerprint}`. {recipe.Dataset.HeldOut:P0} of its clips were held out.\n\n");

        text.Append("## Training\n\n| stage | steps | minutes | final loss |\n|---|---:|---:|---:|\n");
        foreach (string stage in TrainingRun.Stages)
        {
            var result = stage == generator.Stage ? generator : run.Result(stage);
            if (result is not null)
                text.Append(CultureInfo.InvariantCulture, $"| {stage} | {result.Steps} | {result.ElapsedSeconds / 60:F0} | {result.Loss:G4} |\n");
            else if (stage == Stages.LatentsStage.StageName && LatentCache.FindIndex(run.Latents) is { } index)
                text.Append(CultureInfo.InvariantCulture, $"| {stage} | {index.Clips} clips | {index.ElapsedSeconds / 60:F0} | |\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"\n`kinora train recipes/{recipe.Name}.yaml`, seed {recipe.Seed}, on {Machine(device)}, with Kinora {Version()}, {DateTime.UtcNow:yyyy-MM-dd}.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{ScoresHeading}\n\nNot measured yet: `kinora bench quality` measures them.\n\n");
        text.Append("## Limits\n\nIt knows what it was trained on and nothing else: words outside its captions are read as best they can be");
        text.Append(recipe.Dataset is null
            ? ", and pictures of real places or people do not come out of it.\n\n## License\n\nApache-2.0, like the code. Glyphs in the training clips are Noto Emoji (SIL Open Font License 1.1).\n"
            : ".\n\n## License\n\nThat of the dataset's footage decides.\n");
        File.WriteAllText(Path.Combine(run.Model, "README.md"), text.ToString());
    }

    private static string Machine(Device device) => device.Type == DeviceType.Cuda
        ? "a CUDA device"
        : string.Create(CultureInfo.InvariantCulture, $"{EngineRuntime.Threads} {RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()} CPU threads");

    // The SDK writes the commit behind the plus sign.
    private static string Version() => typeof(ModelCard).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
}
