// A text–clip model on disk: config.json, model.safetensors, tokenizer.json; README.md with its retrieval on unseen scenes.

using System.Security.Cryptography;
using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.KinoraWorldClip;

/// <summary>Reads and writes the folder of a text–clip model.</summary>
public static class TextClipFolder
{
    /// <summary>The folder's name among the models that ship.</summary>
    public const string DefaultName = "kinora-world-clip";

    private const string ConfigFile = "config.json", WeightsFile = "model.safetensors", TokenizerFile = "tokenizer.json";

    /// <summary>Whether the folder holds a text–clip model.</summary>
    public static bool Exists(string folder) => File.Exists(Path.Combine(folder, ConfigFile)) && File.Exists(Path.Combine(folder, WeightsFile)) && File.Exists(Path.Combine(folder, TokenizerFile));

    /// <summary>Loads a model in float32. The caller frees its parameter store.</summary>
    /// <exception cref="ConfigException">The configuration is wrong, or tokenizer and encoder do not go together.</exception>
    /// <exception cref="CheckpointException">The weights are damaged or belong to another network.</exception>
    public static (TextClipModel Model, ByteLevelBpeTokenizer Tokenizer) Load(string folder, Device device)
    {
        var config = ModelConfigJson.ReadFile(Path.Combine(folder, ConfigFile), TextClipJson.Default.TextClipConfig);
        var tokenizer = ByteLevelBpeTokenizer.Load(folder);
        if (tokenizer.VocabularySize > config.TextEncoder.VocabSize)
            throw new ConfigException($"{folder}: the tokenizer has {tokenizer.VocabularySize} ids, the text encoder {config.TextEncoder.VocabSize}.");
        return (Checkpoint.Load(Path.Combine(folder, WeightsFile), path => new TextClipModel(path, config), device: device), tokenizer);
    }

    /// <summary>Writes weights in bfloat16, configuration and tokenizer.</summary>
    public static void Save(string folder, TextClipModel model, ByteLevelBpeTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        Directory.CreateDirectory(folder);
        tokenizer.Save(folder, model.Config.CaptionTokens);
        string prefix = model.Path.Prefix.Length == 0 ? "" : model.Path.Prefix + ".";
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), model.Parameters().Select(p => KeyValuePair.Create(p.Name[prefix.Length..], p.Value)), new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" }, DType.BFloat16);
        ModelConfigJson.WriteFile(Path.Combine(folder, ConfigFile), model.Config, TextClipJson.Default.TextClipConfig);
    }

    /// <summary>SHA-256 over configuration, weights and tokenizer, in lower-case hexadecimal.</summary>
    public static string Sha256(string folder)
    {
        string all = string.Concat(new[] { ConfigFile, WeightsFile, TokenizerFile }.Select(f => Checkpoint.HashFile(Path.Combine(folder, f))));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(all)));
    }
}
