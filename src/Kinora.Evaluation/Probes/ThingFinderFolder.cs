// A finder on disk, in the folder "things" of the probes' folder: config.json, model.safetensors in bfloat16, training.json.

using System.Security.Cryptography;
using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;

namespace Kinora.Evaluation.Probes;

/// <summary>Reads and writes the folder of a finder.</summary>
public static class ThingFinderFolder
{
    private const string Name = "things", ConfigFile = "config.json", WeightsFile = "model.safetensors", TrainingFile = "training.json", CheckpointFile = "checkpoint.safetensors";

    /// <summary>Whether a probes' folder holds a finder.</summary>
    public static bool Exists(string probeFolder) => File.Exists(Of(probeFolder, ConfigFile)) && File.Exists(Of(probeFolder, WeightsFile));

    /// <summary>Loads the finder of a probes' folder in float32. The caller frees its parameter store.</summary>
    /// <exception cref="ConfigException">The configuration is wrong or belongs to another world.</exception>
    /// <exception cref="CheckpointException">The weights are damaged or belong to another network.</exception>
    public static ThingFinder Load(string probeFolder, Device device)
    {
        var config = ModelConfigJson.ReadFile(Of(probeFolder, ConfigFile), ThingFinderJson.Default.ThingFinderConfig);
        return Checkpoint.Load(Of(probeFolder, WeightsFile), path => new ThingFinder(path, config), device: device);
    }

    /// <summary>Writes configuration, weights and how they were trained.</summary>
    public static void Save(string probeFolder, ThingFinder finder, ThingTrainingOptions training)
    {
        ArgumentNullException.ThrowIfNull(finder);
        Directory.CreateDirectory(Path.Combine(probeFolder, Name));
        SafetensorsWriter.Write(Of(probeFolder, WeightsFile), finder.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" }, DType.BFloat16);
        ModelConfigJson.WriteFile(Of(probeFolder, ConfigFile), finder.Config, ThingFinderJson.Default.ThingFinderConfig);
        ModelConfigJson.WriteFile(Of(probeFolder, TrainingFile), training, ThingFinderJson.Default.ThingTrainingOptions);
    }

    /// <summary>SHA-256 over configuration and weights, in lower-case hexadecimal.</summary>
    public static string Sha256(string probeFolder)
    {
        string both = Checkpoint.HashFile(Of(probeFolder, ConfigFile)) + Checkpoint.HashFile(Of(probeFolder, WeightsFile));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(both)));
    }

    /// <summary>Where a training that was stopped goes on from.</summary>
    public static string CheckpointOf(string probeFolder)
    {
        Directory.CreateDirectory(Path.Combine(probeFolder, Name));
        return Of(probeFolder, CheckpointFile);
    }

    private static string Of(string probeFolder, string file) => Path.Combine(probeFolder, Name, file);
}
