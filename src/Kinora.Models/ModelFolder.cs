// A model on disk: the folder layout of huggingface/diffusers (model_index.json and one folder per component).

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models;

/// <summary>A folder that holds everything one system needs. Opening reads the index alone; weights stay on disk.</summary>
public sealed class ModelFolder
{
    /// <summary>The file that makes a folder a model folder.</summary>
    public const string IndexFile = "model_index.json";

    private const string ModelsFolder = "models";
    private const long MaxIndexBytes = 1 << 20;

    // Pipelines of other systems: what they are, and what runs them.
    private static readonly (string Prefix, string System)[] Others =
    [
        ("Wan", "a Wan model"), ("LTX", "an LTX-Video model"), ("CogVideoX", "a CogVideoX model"), ("HunyuanVideo", "a HunyuanVideo model"),
        ("Mochi", "a Mochi model"), ("StableVideoDiffusion", "a Stable Video Diffusion model"), ("AnimateDiff", "an AnimateDiff model"),
        ("TextToVideoSD", "a ModelScope text-to-video model"), ("VideoToVideoSD", "a ModelScope video-to-video model"), ("Latte", "a Latte model"),
        ("Allegro", "an Allegro model"), ("StableDiffusion", "a Stable Diffusion image model"), ("Flux", "a FLUX image model"),
        ("PixArt", "a PixArt image model"), ("Sana", "a Sana model"), ("Kandinsky", "a Kandinsky model"), ("QwenImage", "a Qwen image model"),
    ];

    private ModelFolder(string path, KinoraWorldIndex index)
    {
        Path = path;
        Index = index;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Its index.</summary>
    public KinoraWorldIndex Index { get; }

    /// <summary>Opens a model by the path of its folder, or by its name in a <c>models</c> folder.</summary>
    /// <remarks>
    /// A name is looked for in <c>$KINORA_MODELS</c>, then in <c>models</c> of <c>$KINORA_HOME</c>, of the current folder, of the program's
    /// folder and of each folder above the program's.
    /// </remarks>
    /// <exception cref="ConfigException">There is no such model, it belongs to another system, or its index is wrong.</exception>
    public static ModelFolder Find(string nameOrPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        if (nameOrPath.Contains(System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal) || File.Exists(System.IO.Path.Combine(nameOrPath, IndexFile)))
        {
            return Open(nameOrPath);
        }
        string[] tried = [.. SearchFolders().Distinct(StringComparer.Ordinal)];
        string? found = tried.Select(f => System.IO.Path.Combine(f, nameOrPath)).FirstOrDefault(f => File.Exists(System.IO.Path.Combine(f, IndexFile)));
        if (found is not null)
        {
            return Open(found);
        }
        if (System.IO.Path.Exists(nameOrPath))
        {
            return Open(nameOrPath);
        }
        string[] present = [.. tried.Where(Directory.Exists).SelectMany(Directory.GetDirectories).Where(f => File.Exists(System.IO.Path.Combine(f, IndexFile))).Select(f => System.IO.Path.GetFileName(f)).Distinct().Order(StringComparer.Ordinal)];
        throw new ConfigException($"model '{nameOrPath}' was not found{(present.Length > 0 ? $"; there is {string.Join(", ", present)}" : "")}. Give the path of a model folder, or train one with: kinora train recipes/kinora-world.yaml");
    }

    /// <summary>Opens a model folder and checks its index.</summary>
    /// <exception cref="ConfigException">It is none, it belongs to another system, or its index is wrong.</exception>
    public static ModelFolder Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Directory.Exists(path))
        {
            throw new ConfigException(File.Exists(path)
                ? $"{path} is a file; a model is a folder with {IndexFile} and one folder for each component."
                : $"{path}: there is no such folder.");
        }
        string indexPath = System.IO.Path.Combine(path, IndexFile);
        if (!File.Exists(indexPath))
        {
            throw new ConfigException($"{path}: {DescribeWithoutIndex(path)}");
        }
        string className = ReadClassName(indexPath);
        if (className != KinoraWorldIndex.Name)
        {
            string system = Others.FirstOrDefault(o => className.StartsWith(o.Prefix, StringComparison.Ordinal)).System ?? "a model of another system";
            throw new ConfigException($"{path} is {system} ({className}). This version of Kinora runs {KinoraWorldIndex.Name} folders; huggingface/diffusers and ComfyUI run that one.");
        }
        KinoraWorldIndex index = ModelConfigJson.ReadFile(indexPath, KinoraWorldJson.Default.KinoraWorldIndex);
        index.Validate();
        var folder = new ModelFolder(path, index);
        foreach (string component in (ReadOnlySpan<string>)["transformer", "vae", "text_encoder", "tokenizer", "scheduler"])
        {
            if (!Directory.Exists(folder.Component(component)))
            {
                throw new ConfigException($"{path}: the folder {component} is missing, which {IndexFile} names. Copy the model again.");
            }
        }
        return folder;
    }

    /// <summary>Writes <c>model_index.json</c>, which makes a folder with components a model folder.</summary>
    public static void WriteIndex(string path, KinoraWorldIndex index)
    {
        ArgumentNullException.ThrowIfNull(index);
        index.Validate();
        Directory.CreateDirectory(path);
        byte[] json = Encoding.UTF8.GetBytes(ModelConfigJson.Write(index, KinoraWorldJson.Default.KinoraWorldIndex));
        AtomicFile.Write(System.IO.Path.Combine(path, IndexFile), file => file.Write(json));
    }

    /// <summary>The folder of a component.</summary>
    public string Component(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Bytes of all weights on disk.</summary>
    public long WeightBytes() => Files().Where(f => f.EndsWith(".safetensors", StringComparison.Ordinal)).Sum(f => new FileInfo(f).Length);

    /// <summary>SHA-256, in lower-case hexadecimal, of every file that decides what the model makes: weights, configurations, vocabulary.</summary>
    public string Sha256()
    {
        var lines = new StringBuilder();
        foreach (string file in Files())
        {
            string name = System.IO.Path.GetRelativePath(Path, file).Replace('\\', '/');
            lines.Append(Checkpoint.HashFile(file)).Append("  ").Append(name).Append('\n');
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }

    private IEnumerable<string> Files()
    {
        string[] components = ["scheduler", "text_encoder", "tokenizer", "transformer", "vae"];
        return components.Select(Component)
            .SelectMany(Directory.GetFiles)
            .Where(f => f.EndsWith(".json", StringComparison.Ordinal) || f.EndsWith(".safetensors", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
    }

    private static IEnumerable<string> SearchFolders()
    {
        if (Environment.GetEnvironmentVariable("KINORA_MODELS") is { Length: > 0 } named)
        {
            yield return named;
        }
        if (Environment.GetEnvironmentVariable("KINORA_HOME") is { Length: > 0 } home)
        {
            yield return System.IO.Path.Combine(home, ModelsFolder);
        }
        yield return System.IO.Path.GetFullPath(ModelsFolder);
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            yield return System.IO.Path.Combine(folder.FullName, ModelsFolder);
        }
    }

    private static string ReadClassName(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxIndexBytes)
            {
                throw new ConfigException($"{path}: {file.Length} bytes; an index has at most {MaxIndexBytes}.");
            }
            using JsonDocument json = JsonDocument.Parse(file);
            return json.RootElement.GetProperty("_class_name").GetString() ?? "";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: expected an object with _class_name: {e.Message}", e);
        }
    }

    private static string DescribeWithoutIndex(string path)
    {
        string[] names = [.. Directory.GetFiles(path).Select(f => System.IO.Path.GetFileName(f))];
        string remedy = $"Kinora runs folders with {IndexFile} of {KinoraWorldIndex.Name}.";
        if (names.Any(n => n.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)))
        {
            return $"this holds GGUF weights, which llama.cpp and ComfyUI run. {remedy}";
        }
        if (names.Any(n => n.EndsWith(".ckpt", StringComparison.OrdinalIgnoreCase) || n.EndsWith(".pt", StringComparison.OrdinalIgnoreCase) || n.EndsWith(".pth", StringComparison.OrdinalIgnoreCase)))
        {
            return $"this holds pickled PyTorch weights, which can run code and are never loaded. {remedy}";
        }
        if (names.Contains("config.json", StringComparer.Ordinal))
        {
            return $"this is a single network, not a whole model: {IndexFile} is missing. {remedy}";
        }
        return $"{IndexFile} is missing. {remedy}";
    }
}
