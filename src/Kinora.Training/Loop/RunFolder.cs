// Layout of a run:
//   recipe.yaml                      the recipe as it was read
//   report.html                      curves and samples
//   <stage>/log.jsonl                the training log
//   <stage>/checkpoints/step-N.safetensors
//   <stage>/samples/step-N.*         validation pictures and clips
//   <stage>/done.json                written last: the stage is complete
//   latents/                         the cache
//   model/                           the model folder, filled stage by stage

using System.Globalization;
using System.Text.Json;

namespace Kinora.Training.Loop;

/// <summary>Where one run keeps its files.</summary>
internal sealed class RunFolder
{
    public RunFolder(string root)
    {
        Root = Path.GetFullPath(root);
        Directory.CreateDirectory(Root);
    }

    public string Root { get; }

    public string Model => Path.Combine(Root, "model");

    public string Latents => Path.Combine(Root, "latents");

    public string Report => Path.Combine(Root, "report.html");

    public string Stage(string stage)
    {
        string path = Path.Combine(Root, stage);
        Directory.CreateDirectory(path);
        return path;
    }

    public string Log(string stage) => Path.Combine(Stage(stage), "log.jsonl");

    /// <summary>While this file exists, the stage decays its learning rate and ends.</summary>
    public string DecaySignal(string stage) => Path.Combine(Stage(stage), "decay-now");

    public string Samples(string stage)
    {
        string path = Path.Combine(Stage(stage), "samples");
        Directory.CreateDirectory(path);
        return path;
    }

    public StageResult? Result(string stage)
    {
        string path = Path.Combine(Root, stage, "done.json");
        return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllText(path), RunJson.Default.StageResult) : null;
    }

    public void Complete(StageResult result)
    {
        string path = Path.Combine(Stage(result.Stage), "done.json");
        File.WriteAllText(path + ".tmp", JsonSerializer.Serialize(result, RunJson.Default.StageResult) + "\n");
        File.Move(path + ".tmp", path, overwrite: true);
    }

    public string Checkpoint(string stage, long step)
    {
        string folder = Path.Combine(Stage(stage), "checkpoints");
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}.safetensors"));
    }

    /// <summary>Complete checkpoints of a stage, newest first.</summary>
    public IReadOnlyList<string> Checkpoints(string stage)
    {
        string folder = Path.Combine(Root, stage, "checkpoints");
        return Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "step-*.safetensors").OrderDescending(StringComparer.Ordinal)] : [];
    }
}
