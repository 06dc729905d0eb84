// A model on disk: the folder layout of huggingface/diffusers (model_index.json and one folder per component), or files of weights in the
// layouts that their authors published, with what they lack from elsewhere.

using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints;
using Kinora.Models.Generation;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models;

/// <summary>
/// Everything that one system needs: a folder, or files of weights and what they lack from elsewhere. Opening reads indexes and headers
/// alone; weights stay on disk.
/// </summary>
public sealed class ModelFolder
{
    /// <summary>The file that makes a folder a model folder.</summary>
    public const string IndexFile = "model_index.json";

    private const string ModelsFolder = "models";

    // Files of a component that decide what the model makes: configurations, weights, vocabularies.
    private static readonly string[] HashedExtensions = [".json", ".safetensors", ".txt", ".model"];

    // Classes of transformers' checkpoints that hold more than the encoder that is used.
    private static readonly Dictionary<string, string> EncoderOf = new(StringComparer.Ordinal) { ["T5ForConditionalGeneration"] = "T5EncoderModel", ["UMT5ForConditionalGeneration"] = "UMT5EncoderModel" };

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
    private readonly ConfigText _text;
    private readonly Dictionary<string, ComponentSource> _sources;
    private readonly ConcurrentDictionary<string, ConfigText> _configs = new(StringComparer.Ordinal);

    private ModelFolder(string path, string className, IReadOnlyDictionary<string, string> components, ConfigText text, Dictionary<string, ComponentSource> sources)
    {
        Path = path;
        ClassName = className;
        Components = components;
        _text = text;
        _sources = sources;
        if (className == KinoraWorldIndex.Name)
        {
            _index = ModelConfigJson.Read(text, KinoraWorldJson.Default.KinoraWorldIndex);
            _index.Validate();
        }
    }

    /// <summary>The folder or file that was named.</summary>
    public string Path { get; }

    /// <summary>The pipeline's class, <c>_class_name</c> of the index.</summary>
    public string ClassName { get; }

    /// <summary>The class of every component that the model has.</summary>
    public IReadOnlyDictionary<string, string> Components { get; }

    /// <summary>Whether a motion adapter from elsewhere makes clips of a model of pictures, whose schedule is one for pictures.</summary>
    public bool MotionIsAdded { get; private init; }

    /// <summary>Components that are not in the model's own folder or file, and where they stand.</summary>
    public ModelParts Parts { get; private init; } = new();

    /// <summary>The model's name: its own where it states one, else the folder's.</summary>
    public string Name => _index?.Defaults.Model ?? (File.Exists(Path) ? System.IO.Path.GetFileNameWithoutExtension(Path) : System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(Path))));

    /// <summary>What <see cref="Find(string, ModelParts?)"/> finds the model by: its name, or the path of a file.</summary>
    public string Reference => File.Exists(Path) ? System.IO.Path.GetFullPath(Path) : Name;

    /// <summary>The index of a kinora-world model.</summary>
    /// <exception cref="ConfigException">It is a model of another system.</exception>
    public KinoraWorldIndex Index => _index ?? throw new ConfigException($"{Path} is a {ClassName} model; this needs a {KinoraWorldIndex.Name} model.");

    /// <summary>Opens a model by the path of its folder or file, or by its name in a <c>models</c> folder.</summary>
    /// <remarks>
    /// A name is looked for in <c>$KINORA_MODELS</c>, then in <c>models</c> of <c>$KINORA_HOME</c>, of the current folder, of the program's
    /// folder and of each folder above the program's.
    /// </remarks>
    /// <exception cref="ConfigException">There is no such model, it belongs to another system, or its index is wrong.</exception>
    /// <param name="nameOrPath">The name or path.</param>
    /// <param name="parts">Components from elsewhere; null for none.</param>
    public static ModelFolder Find(string nameOrPath, ModelParts? parts = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        if (nameOrPath.Contains(System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal) || File.Exists(System.IO.Path.Combine(nameOrPath, IndexFile)))
        {
            return Open(nameOrPath, parts);
        }
        string[] tried = [.. SearchFolders().Distinct(StringComparer.Ordinal)];
        string? found = tried.Select(f => System.IO.Path.Combine(f, nameOrPath)).FirstOrDefault(f => File.Exists(System.IO.Path.Combine(f, IndexFile)));
        if (found is not null)
        {
            return Open(found, parts);
        }
        if (System.IO.Path.Exists(nameOrPath))
        {
            return Open(nameOrPath, parts);
        }
        string[] present = [.. tried.Where(Directory.Exists).SelectMany(Directory.GetDirectories).Where(f => File.Exists(System.IO.Path.Combine(f, IndexFile))).Select(f => System.IO.Path.GetFileName(f)).Distinct().Order(StringComparer.Ordinal)];
        throw new ConfigException($"model '{nameOrPath}' was not found{(present.Length > 0 ? $"; there is {string.Join(", ", present)}" : "")}. Give the path of a model folder, or train one with: kinora train recipes/kinora-world.yaml");
    }

    /// <summary>The model that options name, with the parts that they take from elsewhere.</summary>
    /// <exception cref="ConfigException">There is no such model or part, or they do not go together.</exception>
    public static ModelFolder Find(KinoraOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Find(options.Model, options.Parts);
    }

    /// <summary>Opens a model and checks that it has what its system needs.</summary>
    /// <param name="path">A folder with <c>model_index.json</c>; or a file of weights, or a folder of such files, in a layout that Kinora knows.</param>
    /// <param name="parts">Components from elsewhere: those that the model lacks, or others in the place of its own; null for none.</param>
    /// <exception cref="ConfigException">It is no model, it belongs to another system, or something is missing.</exception>
    /// <exception cref="CheckpointException">A file of weights is damaged.</exception>
    public static ModelFolder Open(string path, ModelParts? parts = null)
    {
        ModelFolder folder = Assemble(path, parts ?? new ModelParts());
        IReadOnlyList<string> missing = folder.MissingComponents();
        return missing.Count == 0 ? folder : throw new ConfigException(folder.Describe(missing));
    }

    /// <summary>What <c>kinora generate</c> makes of a model: that it runs it, or what it lacks.</summary>
    /// <param name="path">As for <see cref="Open"/>.</param>
    public static string Readiness(string path)
    {
        try
        {
            ModelFolder folder = Assemble(path, new ModelParts());
            return folder.MissingComponents() is { Count: > 0 } missing ? $"kinora generate --model {folder.Describe(missing)}" : $"kinora generate --model {path} runs it, as a {folder.ClassName}{Estimate(folder)}.";
        }
        catch (ConfigException e)
        {
            return $"kinora generate does not run it by itself: {e.Message}";
        }
    }

    // What a clip of the model's own size takes; nothing where the model's files do not say.
    private static string Estimate(ModelFolder folder)
    {
        const int Side = 64;
        try
        {
            GenerationPlan plan;
            try
            {
                plan = GenerationPlan.Create(folder, new VideoGenerationRequest { Prompt = "a" }, new VideoGenerationOptions());
            }
            catch (GenerationRequestException)
            {
                // Image-to-video models want a picture, and most of them no words.
                var picture = new Media.VideoFrame(Side, Side, new byte[3 * Side * Side]);
                plan = GenerationPlan.Create(folder, new VideoGenerationRequest { Prompt = folder.Has("tokenizer") ? "a" : "", FirstFrame = picture }, new VideoGenerationOptions());
            }
            LoadOptions load = new KinoraOptions().ResolveLoad();
            double minutes = plan.EstimateTime(EngineRuntime.Threads, load.Compute, load.Device).TotalMinutes;
            string time = minutes < 1 ? FormattableString.Invariant($"{60 * minutes:0.#} s") : minutes < 120 ? FormattableString.Invariant($"{minutes:0} minutes") : FormattableString.Invariant($"{minutes / 60:0} hours");
            return FormattableString.Invariant($": {plan.Width}x{plan.Height}, {plan.Frames} frame{(plan.Frames == 1 ? "" : "s")}, {plan.Steps} steps take about {time} and {plan.PeakBytes(load) / 1e9:0.0} GB here ({load.Device}, {load.Compute.ShortName()}; generate --dry-run tells it for other options)");
        }
        catch (KinoraException)
        {
            return "";
        }
    }

    private static ModelFolder Assemble(string path, ModelParts parts)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return (Directory.Exists(path) && File.Exists(System.IO.Path.Combine(path, IndexFile)) ? Read(path) : ReadFiles(path, parts)).With(parts);
    }

    private IReadOnlyList<string> MissingComponents() => Missing(GenerationSystems.Of(this).RequiredComponents(this));

    /// <summary>Opens a model folder by its index alone: components that a caller does not use may be missing.</summary>
    /// <exception cref="ConfigException">It is none, it belongs to another system, or its index is wrong.</exception>
    public static ModelFolder Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ConfigText text = ConfigText.OfFile(System.IO.Path.Combine(path, IndexFile));
        var (className, components) = ReadIndex(text);
        if (GenerationSystems.Find(className) is null)
        {
            string kind = Others.FirstOrDefault(o => className.StartsWith(o.Prefix, StringComparison.Ordinal)).System ?? "a model of another system";
            throw new ConfigException($"{path} is {kind} ({className}). This version of Kinora runs {string.Join(", ", GenerationSystems.All.SelectMany(s => s.ClassNames))}; huggingface/diffusers and ComfyUI run that one.");
        }
        return new ModelFolder(path, className, components, text, new(StringComparer.Ordinal));
    }

    /// <summary>The components that the model lacks or that are not where they should be.</summary>
    /// <param name="names">Those that are needed.</param>
    public IReadOnlyList<string> Missing(IEnumerable<string> names) => [.. names.Where(name => !Has(name) || !System.IO.Path.Exists(Component(name)))];

    // What is missing, and how to give it.
    private string Describe(IReadOnlyList<string> missing)
    {
        string options = string.Join(' ', missing.Select(name => $"--component {name}=PATH"));
        string remedy = $"Give {(missing.Count == 1 ? "it" : "them")} with {options}, or all that is missing from a diffusers folder of such a model with --component FOLDER.";
        if (!File.Exists(System.IO.Path.Combine(Path, IndexFile)))
        {
            return $"{Path} holds {string.Join(", ", _sources.Keys.Order(StringComparer.Ordinal))}. A {ClassName} needs {string.Join(", ", missing)} besides. {remedy}";
        }
        return missing.FirstOrDefault(name => !Has(name)) is { } unnamed
            ? $"{Path}: {IndexFile} names no {unnamed}, which {ClassName} needs. {remedy}"
            : $"{Path}: the folder {missing[0]} is missing, which {IndexFile} names. Copy the model again. {remedy}";
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

    /// <summary>The index: <c>model_index.json</c>, or what it would be for files without one.</summary>
    public ConfigText IndexText() => _text;

    /// <summary>The configuration of a component: a network's, a sampler's, or what is done to pictures before they are read.</summary>
    /// <exception cref="ConfigException">There is none, or it cannot be read.</exception>
    public ConfigText Config(string name)
    {
        string path = Component(name), file = ComponentSource.ConfigFile(name), inFolder = System.IO.Path.Combine(path, file);
        bool derives = _sources.TryGetValue(name, out ComponentSource? source) && file == ComponentSource.NetworkConfig && !File.Exists(inFolder);
        return derives ? _configs.GetOrAdd(name, _ => source!.ConfigOf(name, Components[name], other => other != name && Has(other) ? Config(other) : null))
            : ConfigText.OfFile(File.Exists(path) && path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? path : inFolder);
    }

    /// <summary>Where a component stands: its folder, or a file of weights.</summary>
    public string Component(string name) => _sources.TryGetValue(name, out ComponentSource? source) ? source.Path : System.IO.Path.Combine(Path, name);

    /// <summary>Bytes of all weights on disk.</summary>
    public long WeightBytes() => Components.Keys.Sum(WeightBytes);

    /// <summary>Bytes of one component's weights on disk; 0 when it has none.</summary>
    public long WeightBytes(string component)
    {
        string path = Component(component);
        if (File.Exists(path) && ComponentSource.IsWeights(path))
        {
            using Checkpoint file = Checkpoint.Open(path);
            IWeights weights = DialectRecognition.FindPublished(file, component)?.Weights ?? file;
            return weights.Names.Sum(name => weights.Find(name)!.NumBytes);
        }
        return Directory.Exists(path) ? WeightFiles(path).Sum(f => new FileInfo(f).Length) : 0;
    }

    /// <summary>SHA-256, in lower-case hexadecimal, of every file that decides what the model makes: weights, configurations, vocabulary.</summary>
    public string Sha256() => Hashes().Model;

    /// <summary>What decides what the model makes, as SHA-256 in lower-case hexadecimal: of all of it, and of each component that stands elsewhere.</summary>
    public (string Model, IReadOnlyDictionary<string, string> Parts) Hashes()
    {
        var known = new Dictionary<string, string>(StringComparer.Ordinal); // several components may be one file
        string HashOf(string path) => known.TryGetValue(path, out string? hash) ? hash : known[path] = Checkpoint.HashFile(path);
        (string Name, string Hash)[] all = [.. Files().Select(f => (f.Name, HashOf(f.Path))).Concat(WorkedOut()).OrderBy(f => f.Name, StringComparer.Ordinal)];
        Dictionary<string, string> parts = Components.Keys.Where(IsElsewhere).ToDictionary(c => c, c => Together(all.Where(f => f.Name.StartsWith(c + '/', StringComparison.Ordinal))), StringComparer.Ordinal);
        return (Together(all), parts);
    }

    /// <summary>SHA-256, in lower-case hexadecimal, of a network that stands alone: its weights and configuration, whatever a single file is called.</summary>
    /// <param name="place">A folder, a file of weights, or an index of shards.</param>
    public static string Sha256Of(string place)
    {
        ArgumentException.ThrowIfNullOrEmpty(place);
        return Together(FilesAt(place).Select(f => (f.Name, Checkpoint.HashFile(f.Path))).OrderBy(f => f.Name, StringComparer.Ordinal));
    }

    private static string Together(IEnumerable<(string Name, string Hash)> files)
    {
        var lines = new StringBuilder();
        foreach (var (name, hash) in files)
        {
            lines.Append(hash).Append("  ").Append(name).Append('\n');
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }

    private bool IsElsewhere(string component) =>
        Parts.Components.ContainsKey(component) || (Parts.Folder is { } folder && Component(component) == System.IO.Path.Combine(folder, component));

    // Names are those within the model, wherever a component stands.
    private IEnumerable<(string Name, string Path)> Files() => Components.Keys.SelectMany(component => FilesAt(Component(component)).Select(f => ($"{component}/{f.Name}", f.Path)));

    // The files of a network and their names within it.
    private static IEnumerable<(string Name, string Path)> FilesAt(string path)
    {
        string[] files = File.Exists(path) ? FilesOf(path) : Directory.Exists(path) ? [.. Directory.GetFiles(path).Where(f => HashedExtensions.Contains(System.IO.Path.GetExtension(f), StringComparer.Ordinal)).Union(WeightFiles(path))] : [];
        // A file given as a component may be called anything.
        return files.Select(file => (files is [var only] && only == path ? "file" + System.IO.Path.GetExtension(path) : System.IO.Path.GetFileName(file), file));
    }

    // A file, or an index with its shards.
    private static string[] FilesOf(string path)
    {
        if (!path.EndsWith(ComponentSource.ShardIndex, StringComparison.Ordinal))
        {
            return [path];
        }
        using Checkpoint all = Checkpoint.Open(path);
        return [path, .. all.Files];
    }

    // What stands in no file of the model: the configurations of weights that came without one.
    private IEnumerable<(string Name, string Hash)> WorkedOut() =>
        from component in Components.Keys
        where _sources.ContainsKey(component) && ComponentSource.ConfigFile(component) == ComponentSource.NetworkConfig && ComponentSource.HasWeights(Component(component)) && !File.Exists(System.IO.Path.Combine(Component(component), ComponentSource.NetworkConfig))
        select ($"{component}/{ComponentSource.NetworkConfig}", Convert.ToHexStringLower(SHA256.HashData(Config(component).Utf8.Span)));

    // The safetensors of a folder; where it has none, other weights.
    private static string[] WeightFiles(string folder) =>
        Directory.GetFiles(folder, "*.safetensors") is { Length: > 0 } usual ? usual : [.. Directory.GetFiles(folder).Where(ComponentSource.IsWeights)];

    // The networks that files of weights hold. What a file lacks is in the parts; what nobody has is told later.
    private static ModelFolder ReadFiles(string path, ModelParts parts)
    {
        string[] files = FilesOfWeights(path);
        var sources = new Dictionary<string, ComponentSource>(StringComparer.Ordinal);
        var components = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in files)
        {
            using Checkpoint weights = Checkpoint.Open(file);
            if (DialectRecognition.IsLora(weights))
            {
                throw new ConfigException($"{file} is a LoRA: changes for a model. Give the model with --model and this with --lora.");
            }
            var (found, strays) = DialectRecognition.Recognize(weights);
            if (found.Count > 0 && strays.Count > 0)
            {
                throw new ConfigException($"{file}: {strays.Count} tensors belong to no network that Kinora knows, such as `{strays[0]}`. Look at it with: kinora models inspect {file}");
            }
            foreach (FoundComponent component in found.Where(c => c.ClassName is not null && !parts.Components.ContainsKey(c.Name)))
            {
                if (!sources.TryAdd(component.Name, new ComponentSource(file)))
                {
                    throw new ConfigException($"{sources[component.Name].Path} and {file} both hold a {component.Name}; say which with --component {component.Name}=FILE.");
                }
                components.Add(component.Name, component.ClassName!);
            }
        }
        if (sources.Count == 0)
        {
            throw new ConfigException($"{path}: none of the layouts that Kinora knows. Look at it with: kinora models inspect {path}");
        }
        return new ModelFolder(path, "", components, new ConfigText($"{path} ({IndexFile} worked out)", "{}"u8.ToArray()), sources);
    }

    private static string[] FilesOfWeights(string path)
    {
        if (File.Exists(path))
        {
            return ComponentSource.IsWeights(path) ? [path] : throw new ConfigException($"{path} is a file of no kind of weights ({string.Join(", ", ComponentSource.WeightExtensions)}); a model is a folder with {IndexFile}, or weights.");
        }
        if (!Directory.Exists(path))
        {
            throw new ConfigException($"{path}: there is no such file or folder.");
        }
        string[] files = [.. Directory.GetFiles(path).Where(ComponentSource.IsWeights).Order(StringComparer.Ordinal)];
        // Shards are read through their index.
        string[] sharded = [.. files.Where(f => f.EndsWith(ComponentSource.ShardIndex, StringComparison.Ordinal))];
        HashSet<string> inIndex = [.. sharded.SelectMany(index => { using Checkpoint all = Checkpoint.Open(index); return all.Files.ToArray(); }).Select(System.IO.Path.GetFullPath)];
        files = [.. files.Where(f => !inIndex.Contains(System.IO.Path.GetFullPath(f)))];
        if (files.Length == 0)
        {
            string what = File.Exists(System.IO.Path.Combine(path, ComponentSource.NetworkConfig)) ? "this is the configuration of a single network" : "this holds no weights";
            throw new ConfigException($"{path}: {what}, and {IndexFile} is missing. Kinora runs folders with {IndexFile} and one folder for each component, and files of weights in the layouts that it knows.");
        }
        return files;
    }

    // This model with components from elsewhere.
    private ModelFolder With(ModelParts parts)
    {
        bool isWhole = ClassName.Length > 0;
        parts = parts with
        {
            Components = parts.Components.ToDictionary(p => p.Key, p => System.IO.Path.GetFullPath(p.Value), StringComparer.Ordinal),
            Folder = parts.Folder is null ? null : System.IO.Path.GetFullPath(parts.Folder),
        };
        if (isWhole && parts.Components.Count == 0 && parts.Folder is null)
        {
            return this;
        }
        var sources = new Dictionary<string, ComponentSource>(_sources, StringComparer.Ordinal);
        var components = new Dictionary<string, string>(Components, StringComparer.Ordinal);
        ModelFolder? rest = parts.Folder is { } folder ? Read(folder) : null;
        bool hasDenoiser = Has("unet") || Has("transformer");
        foreach (var (name, component) in rest?.Components ?? new Dictionary<string, string>())
        {
            if (sources.ContainsKey(name) || (hasDenoiser && name is "unet" or "transformer") || (isWhole && System.IO.Path.Exists(Component(name))))
            {
                continue;
            }
            sources.Add(name, new ComponentSource(rest!.Component(name)));
            components[name] = component;
        }
        foreach (var (name, path) in parts.Components)
        {
            components[name] = ComponentSource.ClassOf(name, path, Components.GetValueOrDefault(name) ?? rest?.Components.GetValueOrDefault(name));
            sources[name] = new ComponentSource(path);
        }
        foreach (string name in components.Keys)
        {
            components[name] = EncoderOf.GetValueOrDefault(components[name], components[name]);
        }
        // A component's own configuration is the model's where that fits its weights.
        foreach (string name in sources.Keys)
        {
            string?[] beside = [isWhole ? System.IO.Path.Combine(Path, name) : null, rest is null ? null : System.IO.Path.Combine(rest.Path, name)];
            sources[name] = sources[name] with { ConfigFolders = [.. beside.OfType<string>()] };
        }
        var parted = new ModelFolder(Path, "", components, _text, sources);
        ModelFolder? published = isWhole ? this : rest;
        ConfigText index = PipelineIndex.Of(parted, published, isWhole);
        string className = NetworkCatalog.ClassNameOf(index)!;
        return new ModelFolder(Path, className, components, index, sources) { Parts = parts, MotionIsAdded = className == PipelineIndex.AnimateDiff && published?.ClassName != PipelineIndex.AnimateDiff };
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

    private static (string ClassName, Dictionary<string, string> Components) ReadIndex(ConfigText text)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(text.Utf8);
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
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ConfigException($"{text.Source}: expected an object with _class_name: {e.Message}", e);
        }
    }
}
