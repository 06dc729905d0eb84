// The weight doctor: what a file or folder of weights is, whether it is whole, and what to do.

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Hub;

namespace Kinora.Models.Checkpoints.Doctor;

/// <summary>Looks at weights without loading them.</summary>
public static partial class ModelDoctor
{
    private const string Config = "config.json";
    private static readonly string[] WeightExtensions = [".safetensors", ".gguf", ".bin", ".pth", ".pt", ".ckpt"];

    /// <summary>Describes a model folder, the folder of one network, or a file of weights.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="readsValues">Whether every element is read, to find those that are no finite numbers.</param>
    /// <exception cref="KinoraException">Nothing there can be read.</exception>
    public static ModelReport Inspect(string path, bool readsValues = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            return File.Exists(System.IO.Path.Combine(path, ModelFolder.IndexFile)) ? InspectModel(path, readsValues) : InspectNetworkFolder(path, readsValues);
        }
        return File.Exists(path) ? InspectFile(path, readsValues) : throw new ConfigException($"{path}: there is no such file or folder.");
    }

    private static ModelReport InspectModel(string path, bool readsValues)
    {
        string index = System.IO.Path.Combine(path, ModelFolder.IndexFile);
        string? pipeline = NetworkCatalog.ClassNameOf(ConfigText.OfFile(index));
        var components = new List<ComponentReport>();
        var advice = new List<string>();
        foreach (var (name, className) in ComponentsOf(index))
        {
            string folder = System.IO.Path.Combine(path, name);
            if (!Directory.Exists(folder))
            {
                advice.Add($"The folder {name} ({className}) is missing, which {ModelFolder.IndexFile} names: copy the model again, or pull it.");
                continue;
            }
            if (File.Exists(System.IO.Path.Combine(folder, Config)))
            {
                components.Add(InspectNetwork(folder, name, readsValues));
            }
        }
        if (advice.Count == 0 && components.All(c => !c.IsBroken))
        {
            advice.Add(ModelFolder.Readiness(path));
        }
        return Finish(new ModelReport(path, pipeline, "diffusers folder", components, [], HubManifest.Check(path), advice));
    }

    private static ModelReport InspectNetworkFolder(string path, bool readsValues)
    {
        if (File.Exists(System.IO.Path.Combine(path, Config)))
        {
            ComponentReport only = InspectNetwork(path, System.IO.Path.GetFileName(System.IO.Path.GetFullPath(path)), readsValues);
            return Finish(new ModelReport(path, only.System ?? only.ClassName, "folder of one network", [only], [], HubManifest.Check(path), []));
        }
        string[] files = [.. Directory.GetFiles(path).Where(f => WeightExtensions.Contains(System.IO.Path.GetExtension(f), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
        if (files.Length == 0)
        {
            throw new ConfigException($"{path}: no {ModelFolder.IndexFile}, no {Config} and no weights ({string.Join(", ", WeightExtensions)}).");
        }
        ModelReport[] reports = [.. files.Select(f => InspectFile(f, readsValues))];
        return reports[0] with
        {
            Path = path,
            Layout = $"{files.Length} files",
            Components = [.. reports.SelectMany(r => r.Components)],
            Strays = [.. reports.SelectMany(r => r.Strays)],
            Hashes = HubManifest.Check(path),
            Advice = [.. reports.SelectMany(r => r.Advice).Distinct()],
        };
    }

    private static ModelReport InspectFile(string path, bool readsValues)
    {
        using Checkpoint file = Checkpoint.Open(path);
        if (DialectRecognition.IsLora(file))
        {
            using Lora.LoraSet lora = Lora.LoraSet.Open([new Lora.LoraChoice(path)]);
            return new ModelReport(path, null, $"LoRA ({string.Join("; ", lora.Describe().Select(d => d[(path.Length + 2)..]))})", [], [], [], ["Use it on top of a model: kinora generate … --lora FILE:0.8"]);
        }
        var (found, strays) = DialectRecognition.Recognize(file);
        var components = new List<ComponentReport>();
        foreach (FoundComponent component in found)
        {
            IReadOnlyDictionary<string, long[]>? wanted = null;
            string state = "unchecked: no configuration is known for these shapes";
            ConfigText? config = found.Count == 1 && ConfigBeside(path) is { } beside && NetworkCatalog.ClassNameOf(beside) == component.ClassName ? beside
                : component.Config is { } text ? new ConfigText(path, System.Text.Encoding.UTF8.GetBytes(text)) : null;
            if (config is not null && NetworkCatalog.Find(component.ClassName ?? "") is { } kind && TryParametersOf(kind, config) is { } parameters)
            {
                wanted = parameters;
                state = "";
            }
            components.Add(Compare(component.Name, component.System, component.ClassName, component.Dialect, path, component.Weights, wanted, state, readsValues));
        }
        var advice = new List<string>();
        if (found.Count == 0)
        {
            advice.Add("None of the layouts that Kinora knows: CompVis and Stability (Stable Diffusion), Wan, LTX-Video, CogVideoX (SAT), AnimateDiff, ComfyUI's repackaged files, diffusers and transformers.");
        }
        else if (components.All(c => !c.IsBroken))
        {
            advice.AddRange(found.Where(f => f.Undecided is not null && ConfigBeside(path) is null && !found.Any(o => o.Name is "unet" or "transformer")).Select(f => $"The {f.Name} alone does not show {f.Undecided}: the network that it is used with decides."));
            advice.Add(ModelFolder.Readiness(path));
        }
        return Finish(new ModelReport(path, found.Count > 0 ? found[0].System : null, "single file", components, Grouped(found.Count > 0 ? strays : [.. file.Names]), HubManifest.Check(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!, System.IO.Path.GetFileName(path)), advice));
    }

    private static ConfigText? ConfigBeside(string path)
    {
        string config = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!, Config);
        return File.Exists(config) ? ConfigText.OfFile(config) : null;
    }

    private static ComponentReport InspectNetwork(string folder, string name, bool readsValues)
    {
        ConfigText config = ConfigText.OfFile(System.IO.Path.Combine(folder, Config));
        string? className = NetworkCatalog.ClassNameOf(config);
        using Checkpoint weights = Checkpoint.Open(folder);
        IReadOnlyDictionary<string, long[]>? wanted = null;
        string state = $"unchecked: Kinora has no network of the class {className ?? "(none named)"}";
        if (className is not null && NetworkCatalog.Find(className) is { } kind)
        {
            wanted = kind.Parameters(config);
            state = "";
        }
        // A folder may hold weights in their published layout beside a configuration in ours.
        IWeights own = weights;
        string dialect = "diffusers";
        if (wanted is not null && !weights.Names.Any(wanted.ContainsKey) && DialectRecognition.Recognize(weights).Components.FirstOrDefault(c => c.ClassName == className) is { } found)
        {
            own = found.Weights;
            dialect = found.Dialect;
        }
        return Compare(name, null, className, dialect, weights.Path, own, wanted, state, readsValues);
    }

    private static ComponentReport Compare(string name, string? system, string? className, string dialect, string source, IWeights weights, IReadOnlyDictionary<string, long[]>? wanted, string state, bool readsValues)
    {
        StoredTensor[] stored = [.. weights.Names.Select(n => weights.Find(n)!)];
        long elements = stored.Sum(s => s.NumElements);
        string types = string.Join(", ", stored.GroupBy(s => s.Type).OrderByDescending(g => g.Sum(s => s.NumElements)).Take(3)
            .Select(g => string.Create(CultureInfo.InvariantCulture, $"{TypeName(g.Key)} {100.0 * g.Sum(s => s.NumElements) / Math.Max(1, elements):0} %")));
        List<string> missing = [], unexpected = [], wrongShape = [];
        if (wanted is not null)
        {
            missing.AddRange(wanted.Keys.Where(k => weights.Find(k) is null));
            Func<string, bool>? isOmitted = NetworkCatalog.Find(className ?? "")?.IsOmitted;
            unexpected.AddRange(weights.Names.Where(n => !wanted.ContainsKey(n) && isOmitted?.Invoke(n) != true));
            wrongShape.AddRange(wanted.Where(w => weights.Find(w.Key) is { } s && !s.Shape.SequenceEqual(w.Value)).Select(w => $"{w.Key}: model expects [{string.Join(", ", w.Value)}], file has {weights.Find(w.Key)}"));
        }
        List<string>? notFinite = readsValues ? NotFinite(weights) : null;
        var report = new ComponentReport(name, system, className, dialect, source, types, elements, stored.Sum(s => s.NumBytes), Grouped(missing), Grouped(unexpected), wrongShape, notFinite, state);
        return state.Length > 0 ? report : report with { State = report.IsBroken ? "broken" : "whole" };
    }

    private static List<string> NotFinite(IWeights weights)
    {
        var found = new List<string>();
        foreach (string name in weights.Names.Order(StringComparer.Ordinal))
        {
            using var scope = TensorScope.Enter();
            Tensor value = weights.Read(name);
            if (!value.DType.IsFloatingPoint() || value.NumElements == 0)
            {
                continue;
            }
            // A sum of absolute values is finite exactly when every element is, in a type wide enough not to overflow.
            double sum = value.To(DType.Float64).Abs().Sum().Item();
            if (!double.IsFinite(sum))
            {
                found.Add($"`{name}`");
            }
        }
        return found;
    }

    /// <summary>Names that differ in their numbers only, as one line with how many there are.</summary>
    private static List<string> Grouped(IReadOnlyList<string> names) =>
        [.. names.GroupBy(n => Digits().Replace(n, ".*"), StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => g.Count() == 1 ? $"`{g.First()}`" : string.Create(CultureInfo.InvariantCulture, $"`{g.Key}` ({g.Count()} tensors)"))];

    private static ModelReport Finish(ModelReport report)
    {
        var advice = new List<string>(report.Advice);
        if (report.Components.Any(c => c.Missing.Count > 0))
        {
            advice.Add("Parameters are missing: the download is incomplete or the file belongs to another variant. Nothing of it will be loaded.");
        }
        if (report.Components.Any(c => c.WrongShape.Count > 0))
        {
            advice.Add("Shapes differ from config.json: configuration and weights belong to different variants.");
        }
        if (report.Components.Any(c => c.NotFinite is { Count: > 0 }))
        {
            advice.Add("Weights that are no finite numbers make black or noisy clips: download the file again or take another precision.");
        }
        return report with { Advice = advice };
    }

    /// <summary>What a configuration that was guessed from shapes asks for; null when no network has such a configuration.</summary>
    private static IReadOnlyDictionary<string, long[]>? TryParametersOf(NetworkKind kind, ConfigText config)
    {
        try
        {
            return kind.Parameters(config);
        }
        catch (ConfigException)
        {
            return null;
        }
    }

    private static List<(string Name, string Class)> ComponentsOf(string index)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(index));
        var found = new List<(string, string)>();
        foreach (JsonProperty entry in json.RootElement.EnumerateObject())
        {
            if (entry.Value.ValueKind == JsonValueKind.Array && entry.Value.GetArrayLength() == 2 && entry.Value[1].ValueKind == JsonValueKind.String
                && entry.Name == System.IO.Path.GetFileName(entry.Name) && entry.Name is not ("." or ".."))
            {
                found.Add((entry.Name, entry.Value[1].GetString()!));
            }
        }
        return found;
    }

    private static string TypeName(StorageType type) => type switch
    {
        StorageType.Float32 => "F32",
        StorageType.Float16 => "F16",
        StorageType.BFloat16 => "BF16",
        StorageType.Float8E4M3 => "F8_E4M3",
        StorageType.Float8E5M2 => "F8_E5M2",
        _ => type.ToString(),
    };

    [GeneratedRegex(@"\.\d+(?=\.|$)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Digits();
}
