// Where one component of a model stands when that is not its folder in the model, and what its weights are.

using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints;

namespace Kinora.Models;

/// <summary>A component's place.</summary>
/// <param name="Path">A folder, or a file of weights that holds it alone or beside others.</param>
internal sealed record ComponentSource(string Path)
{
    public const string NetworkConfig = "config.json", ShardIndex = ".index.json";

    public static readonly string[] WeightExtensions = [".safetensors", ".gguf", ".ckpt", ".pt", ".pth", ".bin"];

    // Every name that a component of some system has.
    private static readonly string[] Names =
    [
        "unet", "transformer", "transformer_2", "vae", "text_encoder", "text_encoder_2", "image_encoder", "controlnet", "motion_adapter",
        "tokenizer", "tokenizer_2", "scheduler", "feature_extractor", "image_processor",
    ];

    /// <summary>Folders of components whose configuration is taken when it fits the weights.</summary>
    public IReadOnlyList<string> ConfigFolders { get; init; } = [];

    /// <summary>The name of a component's configuration in its folder.</summary>
    public static string ConfigFile(string component) => component switch
    {
        "scheduler" => "scheduler_config.json",
        "feature_extractor" or "image_processor" => "preprocessor_config.json",
        "tokenizer" or "tokenizer_2" => "tokenizer_config.json",
        _ => NetworkConfig,
    };

    /// <summary>Whether a name is that of a file of weights or of an index of shards.</summary>
    public static bool IsWeights(string path) => WeightExtensions.Contains(System.IO.Path.GetExtension(path), StringComparer.OrdinalIgnoreCase) || path.EndsWith(ShardIndex, StringComparison.Ordinal);

    /// <summary>Whether there are weights at a path.</summary>
    public static bool HasWeights(string path) => Directory.Exists(path) ? Directory.GetFiles(path).Any(IsWeights) : File.Exists(path) && IsWeights(path);

    /// <summary>The class of a component that is taken from somewhere.</summary>
    /// <param name="component">Its name.</param>
    /// <param name="path">The file or folder.</param>
    /// <param name="usual">The class that the model names; null where it names none.</param>
    /// <exception cref="ConfigException">There is no such component or path, or the path holds something else.</exception>
    public static string ClassOf(string component, string path, string? usual)
    {
        if (!Names.Contains(component, StringComparer.Ordinal))
        {
            throw new ConfigException($"--component {component}={path}: there is no component of this name; there is {string.Join(", ", Names)}.");
        }
        if (!System.IO.Path.Exists(path))
        {
            throw new ConfigException($"--component {component}={path}: there is no such file or folder.");
        }
        string file = ConfigFile(component), config = System.IO.Path.Combine(path, file);
        if (file != NetworkConfig)
        {
            bool isThere = Directory.Exists(path) ? File.Exists(config) || component.StartsWith("tokenizer", StringComparison.Ordinal) : path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && !component.StartsWith("tokenizer", StringComparison.Ordinal);
            return isThere ? usual ?? component : throw new ConfigException($"--component {component}={path}: expected a folder with {file}.");
        }
        if (File.Exists(config) && NetworkCatalog.ClassNameOf(ConfigText.OfFile(config)) is { } named)
        {
            return usual is null || NetworkCatalog.Find(named) is not null ? named : usual;
        }
        if (!HasWeights(path))
        {
            throw new ConfigException($"--component {component}={path}: expected weights ({string.Join(", ", WeightExtensions)}) or a folder with {file} and weights.");
        }
        using Checkpoint weights = Checkpoint.Open(path);
        IReadOnlyList<FoundComponent> found = DialectRecognition.Recognize(weights).Components;
        FoundComponent? match = DialectRecognition.Match(found, component);
        return match?.ClassName ?? (found.Count == 0 ? usual : null)
            ?? throw new ConfigException($"--component {component}={path}: {(found.Count == 0 ? "none of the layouts that Kinora knows" : $"this holds {string.Join(", ", found.Select(f => f.Name))}")}. Look at it with: kinora models inspect {path}");
    }

    /// <summary>The configuration of weights that stand without one: the model's own where it fits them, else what their shapes tell.</summary>
    /// <param name="component">The component's name.</param>
    /// <param name="className">Its class.</param>
    /// <param name="sibling">The configuration of another component of the model; null where it has none.</param>
    /// <exception cref="ConfigException">Nothing fits; the message says what was seen.</exception>
    public ConfigText ConfigOf(string component, string className, Func<string, ConfigText?> sibling)
    {
        using Checkpoint file = Checkpoint.Open(Path);
        FoundComponent? found = DialectRecognition.Match(DialectRecognition.Recognize(file).Components, component);
        IWeights weights = DialectRecognition.FindPublished(file, component)?.Weights ?? file;
        string?[] beside = [.. ConfigFolders, Directory.Exists(Path) ? null : System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))];
        foreach (string config in beside.OfType<string>().Select(folder => System.IO.Path.Combine(folder, NetworkConfig)).Where(File.Exists))
        {
            ConfigText text = ConfigText.OfFile(config);
            if (NetworkCatalog.ClassNameOf(text) is { } name && NetworkCatalog.Find(name) is { } kind && kind.Fits(text, weights))
            {
                return text;
            }
        }
        const string Remedy = "Give a folder with " + NetworkConfig + " and weights (--component {0}=FOLDER), or a diffusers folder of such a model (--component FOLDER).";
        string remedy = Remedy.Replace("{0}", component, StringComparison.Ordinal);
        if (found?.Config is null)
        {
            throw new ConfigException($"{Path}: no configuration of a {className} is known for the shapes of its {component}: {Seen(weights)}. {remedy}");
        }
        if (found.ConfigBeside(sibling) is not { } decided)
        {
            throw new ConfigException($"{Path}: its {component} does not show {found.Undecided}, and no published network beside it tells. {remedy}");
        }
        var derived = new ConfigText($"{Path} (configuration of its {component}, worked out from shapes)", Encoding.UTF8.GetBytes(decided));
        if (DifferencesOf(found, derived) is { Count: > 0 } differences)
        {
            const int Shown = 6;
            throw new ConfigException($"{Path}: its {component} looks like a {className}, but for {string.Join("; ", differences.Take(Shown))}{(differences.Count > Shown ? FormattableString.Invariant($"; and {differences.Count - Shown} more") : "")}. {remedy}");
        }
        return derived;
    }

    // A configuration that its own network refuses is told by the system that reads it.
    private static IReadOnlyList<string> DifferencesOf(FoundComponent found, ConfigText config)
    {
        try
        {
            return NetworkCatalog.Find(found.ClassName!)?.Differences(config, found.Weights) ?? [];
        }
        catch (ConfigException)
        {
            return [];
        }
    }

    // The largest tensor, and the first and last by name.
    private static string Seen(IWeights weights)
    {
        string[] names = [.. weights.Names.Order(StringComparer.Ordinal)];
        string? largest = names.MaxBy(n => weights.Find(n)!.NumElements);
        return names.Length == 0 ? "there are none" : string.Join(", ", new[] { names[0], largest!, names[^1] }.Distinct(StringComparer.Ordinal).Select(n => $"`{n}` [{string.Join(", ", weights.Find(n)!.Shape)}]"));
    }
}
