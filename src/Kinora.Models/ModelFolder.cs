// A model on disk: the folder layout of huggingface/diffusers (model_index.json and one folder per component).

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Generation;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models;

/// <summary>A folder that holds everything one system needs. Opening reads the index alone; weights stay on disk.</summary>
public sealed class ModelFolder
{
    /// <summary>The file that makes a folder a model folder.</summary>
    public const string IndexFile = "model_index.json";

    private const string ModelsFolder = "models";
    private const string AnimateDiffClass = "AnimateDiffPipeline", MotionAdapterComponent = "motion_adapter";
    private const long MaxIndexBytes = 1 << 20;

    // Files of a component that decide what the model makes: configurations, weights, vocabularies.
    private static readonly string[] HashedExtensions = [".json", ".safetensors", ".txt", ".model"];

    // Pipelines of other systems: what they are, and what runs them.
    private static readonly (string Prefix, string System)[] Others =
    [
        ("Wan", "a Wan model"), ("LTX", "an LTX-Video model"), ("CogVideoX", "a CogVideoX model"), ("HunyuanVideo", "a HunyuanVideo model"),
        ("Mochi", "a Mochi model"), ("StableVideoDiffusion", "a Stable Video Diffusion model"), ("AnimateDiff", "an AnimateDiff model"),
        ("TextToVideoSD", "a ModelScope text-to-video model"), ("VideoToVideoSD", "a ModelScope video-to-video model"), ("Latte", "a Latte model"),
        ("Allegro", "an Allegro model"), ("StableDiffusion", "a Stable Diffusion image model"), ("Flux", "a FLUX image model"),
        ("PixArt", "a PixArt image model"), ("Sana", "a Sana model"), ("Kandinsky", "a Kandinsky model"), ("QwenImage", "a Qwen image model"),
    ];

    private readonly KinoraWorldIndex? _index;

    private ModelFolder(string path, string className, IReadOnlyDictionary<string, string> components, KinoraWorldIndex? index, string? motionAdapter = null)
    {
        MotionAdapter = motionAdapter;
        Path = path;
        ClassName = className;
        Components = components;
        _index = index;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The pipeline's class, <c>_class_name</c> of the index.</summary>
    public string ClassName { get; }

    /// <summary>The class of every component that the index names and does not leave empty.</summary>
    public IReadOnlyDictionary<string, string> Components { get; }

    /// <summary>Folder of the motion adapter that was put to the model from elsewhere; null for none.</summary>
    public string? MotionAdapter { get; }

    /// <summary>The model's name: its own where it states one, else the folder's.</summary>
    public string Name => _index?.Defaults.Model ?? System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(Path)));

    /// <summary>The index of a kinora-world model.</summary>
    /// <exception cref="ConfigException">It is a model of another system.</exception>
    public KinoraWorldIndex Index => _index ?? throw new ConfigException($"{Path} is a {ClassName} model; this needs a {KinoraWorldIndex.Name} model.");

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

    /// <summary>The model that options name, with their motion adapter.</summary>
    /// <exception cref="ConfigException">There is no such model or adapter, or they do not go together.</exception>
    public static ModelFolder Find(KinoraOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ModelFolder folder = Find(options.Model);
        return options.MotionAdapter is { } adapter ? folder.WithMotionAdapter(adapter) : folder;
    }

    /// <summary>This Stable Diffusion model with a motion adapter from elsewhere: an AnimateDiff model.</summary>
    /// <param name="path">A folder with the adapter's config.json and weights.</param>
    /// <exception cref="ConfigException">There is no such folder, or the model is of another kind.</exception>
    public ModelFolder WithMotionAdapter(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (ClassName is not ("StableDiffusionPipeline" or AnimateDiffClass))
        {
            throw new ConfigException($"{Path} is a {ClassName} model; a motion adapter goes with a StableDiffusionPipeline.");
        }
        if (!Directory.Exists(path))
        {
            throw new ConfigException($"{path}: there is no such folder; a motion adapter is a folder with config.json and weights.");
        }
        var components = new Dictionary<string, string>(Components, StringComparer.Ordinal) { [MotionAdapterComponent] = "MotionAdapter" };
        var folder = new ModelFolder(Path, AnimateDiffClass, components, null, System.IO.Path.GetFullPath(path));
        GenerationSystems.Of(folder).Check(folder);
        return folder;
    }

    /// <summary>Opens a model folder and checks its index and that its components are there.</summary>
    /// <exception cref="ConfigException">It is none, it belongs to another system, or something is missing.</exception>
    public static ModelFolder Open(string path)
    {
        ModelFolder folder = Read(path);
        GenerationSystems.Of(folder).Check(folder);
        return folder;
    }

    /// <summary>Opens a model folder by its index alone: components that a caller does not use may be missing.</summary>
    /// <exception cref="ConfigException">It is none, it belongs to another system, or its index is wrong.</exception>
    public static ModelFolder Read(string path)
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
        var (className, components) = ReadIndex(indexPath);
        if (GenerationSystems.Find(className) is null)
        {
            string kind = Others.FirstOrDefault(o => className.StartsWith(o.Prefix, StringComparison.Ordinal)).System ?? "a model of another system";
            throw new ConfigException($"{path} is {kind} ({className}). This version of Kinora runs {string.Join(", ", GenerationSystems.All.SelectMany(s => s.ClassNames))}; huggingface/diffusers and ComfyUI run that one.");
        }
        KinoraWorldIndex? index = className == KinoraWorldIndex.Name ? ModelConfigJson.ReadFile(indexPath, KinoraWorldJson.Default.KinoraWorldIndex) : null;
        return new ModelFolder(path, className, components, index);
    }

    /// <summary>Passes when every one of these components is named by the index and has its folder.</summary>
    /// <exception cref="ConfigException">One is missing.</exception>
    public void RequireComponents(params ReadOnlySpan<string> names)
    {
        foreach (string component in names)
        {
            if (!Components.ContainsKey(component))
            {
                throw new ConfigException($"{Path}: {IndexFile} names no {component}, which {ClassName} needs.");
            }
            if (!Directory.Exists(Component(component)))
            {
                throw new ConfigException($"{Path}: the folder {component} is missing, which {IndexFile} names. Copy the model again.");
            }
        }
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

    /// <summary>Whether the model has a component.</summary>
    public bool Has(string name) => Components.ContainsKey(name);

    /// <summary>The index: <c>model_index.json</c>.</summary>
    /// <exception cref="ConfigException">It cannot be read.</exception>
    public ConfigText IndexText() => ConfigText.OfFile(System.IO.Path.Combine(Path, IndexFile));

    /// <summary>The configuration of a component: a network's, a sampler's, or what is done to pictures before they are read.</summary>
    /// <exception cref="ConfigException">There is none, or it cannot be read.</exception>
    public ConfigText Config(string name) => ConfigText.OfFile(System.IO.Path.Combine(Component(name), name switch
    {
        "scheduler" => "scheduler_config.json",
        "feature_extractor" or "image_processor" => "preprocessor_config.json",
        _ => "config.json",
    }));

    /// <summary>The folder of a component.</summary>
    public string Component(string name) => name == MotionAdapterComponent && MotionAdapter is not null ? MotionAdapter : System.IO.Path.Combine(Path, name);

    /// <summary>Bytes of all weights on disk.</summary>
    public long WeightBytes() => Components.Keys.Sum(WeightBytes);

    /// <summary>Bytes of one component's weights on disk; 0 when it has none.</summary>
    public long WeightBytes(string component) =>
        Directory.Exists(Component(component)) ? Directory.GetFiles(Component(component), "*.safetensors").Sum(f => new FileInfo(f).Length) : 0;

    /// <summary>SHA-256, in lower-case hexadecimal, of every file that decides what the model makes: weights, configurations, vocabulary.</summary>
    public string Sha256()
    {
        var lines = new StringBuilder();
        foreach (var (name, file) in Files())
        {
            lines.Append(Checkpoint.HashFile(file)).Append("  ").Append(name).Append('\n');
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }

    // Names are those within the model, wherever a component stands.
    private IEnumerable<(string Name, string Path)> Files() =>
        Components.Keys.Where(component => Directory.Exists(Component(component)))
            .SelectMany(component => Directory.GetFiles(Component(component)).Select(file => (Name: $"{component}/{System.IO.Path.GetFileName(file)}", Path: file)))
            .Where(file => HashedExtensions.Contains(System.IO.Path.GetExtension(file.Path), StringComparer.Ordinal))
            .OrderBy(file => file.Name, StringComparer.Ordinal);

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

    private static (string ClassName, Dictionary<string, string> Components) ReadIndex(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxIndexBytes)
            {
                throw new ConfigException($"{path}: {file.Length} bytes; an index has at most {MaxIndexBytes}.");
            }
            using JsonDocument json = JsonDocument.Parse(file);
            string className = json.RootElement.GetProperty("_class_name").GetString() ?? "";
            // Components are [library, class]; diffusers leaves out a component by [null, null].
            var components = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty key in json.RootElement.EnumerateObject())
            {
                bool isComponent = key.Value.ValueKind == JsonValueKind.Array && key.Value.GetArrayLength() == 2 && key.Value[1].ValueKind == JsonValueKind.String;
                if (isComponent && key.Name == System.IO.Path.GetFileName(key.Name) && key.Name is not ("." or ".."))
                {
                    components[key.Name] = key.Value[1].GetString()!;
                }
            }
            return (className, components);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: expected an object with _class_name: {e.Message}", e);
        }
    }

    private static string DescribeWithoutIndex(string path)
    {
        string[] names = [.. Directory.GetFiles(path).Select(f => System.IO.Path.GetFileName(f))];
        string remedy = $"Kinora runs folders with {IndexFile} and one folder for each component.";
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
