// A probe on disk: config.json, model.safetensors in bfloat16, README.md with its accuracy on real clips.

using System.Security.Cryptography;
using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;

namespace Kinora.Evaluation.Probes;

/// <summary>Reads and writes the folder of a probe.</summary>
public static class ProbeFolder
{
    /// <summary>The folder's name among the models that ship.</summary>
    public const string DefaultName = "kinora-world-probes";

    private const string ConfigFile = "config.json", WeightsFile = "model.safetensors", CardFile = "README.md";

    /// <summary>Loads a probe in float32. The caller frees its parameter store.</summary>
    /// <exception cref="ConfigException">The configuration is wrong or belongs to another world.</exception>
    /// <exception cref="CheckpointException">The weights are damaged or belong to another network.</exception>
    public static WorldProbe Load(string folder, Device device)
    {
        var config = ModelConfigJson.ReadFile(Path.Combine(folder, ConfigFile), WorldProbeJson.Default.WorldProbeConfig);
        return Checkpoint.Load(Path.Combine(folder, WeightsFile), path => new WorldProbe(path, config), device: device);
    }

    /// <summary>Writes configuration and weights.</summary>
    public static void Save(string folder, WorldProbe probe)
    {
        ArgumentNullException.ThrowIfNull(probe);
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), probe.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)), new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" }, DType.BFloat16);
        ModelConfigJson.WriteFile(Path.Combine(folder, ConfigFile), probe.Config, WorldProbeJson.Default.WorldProbeConfig);
    }

    /// <summary>The card; empty without one.</summary>
    public static string ReadCard(string folder) => File.Exists(Path.Combine(folder, CardFile)) ? File.ReadAllText(Path.Combine(folder, CardFile)) : "";

    /// <summary>Writes the card.</summary>
    public static void WriteCard(string folder, string markdown) => AtomicFile.Write(Path.Combine(folder, CardFile), file => file.Write(Encoding.UTF8.GetBytes(markdown)));

    /// <summary>SHA-256 over configuration and weights, in lower-case hexadecimal.</summary>
    public static string Sha256(string folder)
    {
        string both = Checkpoint.HashFile(Path.Combine(folder, ConfigFile)) + Checkpoint.HashFile(Path.Combine(folder, WeightsFile));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(both)));
    }

    /// <summary>The probe's folder: beside the model, in <c>$KINORA_MODELS</c>, or in a <c>models</c> folder of <c>$KINORA_HOME</c>, of the current folder or of a folder above the program.</summary>
    public static string Find(string modelFolder)
    {
        string[] candidates = [.. Candidates(modelFolder).Select(f => Path.Combine(f, DefaultName))];
        return candidates.FirstOrDefault(Exists)
            ?? throw new ConfigException($"no probe was found: {DefaultName} is neither beside {modelFolder} nor in a models folder. Train one with: kinora bench quality --retrain --probes models/{DefaultName}");
    }

    internal static IEnumerable<string> Candidates(string modelFolder)
    {
        if (Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(modelFolder))) is { } beside)
            yield return beside;
        if (Environment.GetEnvironmentVariable("KINORA_MODELS") is { Length: > 0 } named)
            yield return named;
        if (Environment.GetEnvironmentVariable("KINORA_HOME") is { Length: > 0 } home)
            yield return Path.Combine(home, "models");
        yield return Path.GetFullPath("models");
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            yield return Path.Combine(folder.FullName, "models");
    }

    /// <summary>The file of a probe's weights.</summary>
    public static string Weights(string folder) => Path.Combine(folder, WeightsFile);

    /// <summary>Whether the folder holds a probe.</summary>
    public static bool Exists(string folder) => File.Exists(Path.Combine(folder, WeightsFile)) && File.Exists(Path.Combine(folder, ConfigFile));
}
