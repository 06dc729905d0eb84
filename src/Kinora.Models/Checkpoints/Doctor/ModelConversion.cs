// From any layout that the doctor knows to another: a diffusers folder, the published single file, or plain safetensors.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Checkpoints.Lora;

namespace Kinora.Models.Checkpoints.Doctor;

/// <summary>What a conversion writes.</summary>
public enum ModelLayout
{
    /// <summary>A folder with one folder for each network: config.json and safetensors under our names.</summary>
    Diffusers,

    /// <summary>One safetensors file under the names that the authors published.</summary>
    Original,

    /// <summary>One safetensors file under the names that the input has.</summary>
    Safetensors,
}

/// <summary>Writes weights in another layout. Tensors pass one at a time.</summary>
public static class ModelConversion
{
    private const string Config = "config.json";

    /// <summary>Converts.</summary>
    /// <param name="input">A file, the folder of a network, or a model folder.</param>
    /// <param name="output">The folder (diffusers) or file (otherwise) to make; it must not exist.</param>
    /// <param name="layout">What to write.</param>
    /// <param name="floatsAs">The type of floating-point tensors; by default as they are, quantized ones as float16.</param>
    /// <param name="loras">LoRA files to add to the weights; only with <see cref="ModelLayout.Diffusers"/>.</param>
    /// <returns>The files that were written.</returns>
    /// <exception cref="KinoraException">The input is not known, is broken, or has no such layout.</exception>
    public static IReadOnlyList<string> Convert(string input, string output, ModelLayout layout, DType? floatsAs = null, IReadOnlyList<LoraChoice>? loras = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(input);
        ArgumentException.ThrowIfNullOrEmpty(output);
        if (System.IO.Path.Exists(output))
        {
            throw new ConfigException($"{output} exists already; give a name that does not.");
        }
        if (loras is { Count: > 0 } && layout != ModelLayout.Diffusers)
        {
            throw new ConfigException("LoRA files are added to diffusers folders; write one first.");
        }
        using LoraSet changes = LoraSet.Open(loras ?? []);
        return layout switch
        {
            ModelLayout.Diffusers when File.Exists(System.IO.Path.Combine(input, ModelFolder.IndexFile)) => CopyModel(input, output, floatsAs, changes),
            ModelLayout.Diffusers => ToFolder(input, output, floatsAs, changes),
            ModelLayout.Original => ToOriginal(input, output, floatsAs),
            _ => ToSafetensors(input, output, floatsAs),
        };
    }

    private static List<string> ToSafetensors(string input, string output, DType? floatsAs)
    {
        using Checkpoint file = Checkpoint.Open(input);
        Write(output, file.Names.Select(n => (n, file.Find(n)!, (Func<Tensor>)(() => file.Read(n)))), floatsAs);
        return [output];
    }

    /// <summary>A whole model: networks through the changes, everything else as it is.</summary>
    private static List<string> CopyModel(string input, string output, DType? floatsAs, LoraSet changes)
    {
        ModelReport report = ModelDoctor.Inspect(input);
        if (report.IsBroken)
        {
            throw new CheckpointException($"{report}\nNothing was written.");
        }
        var networks = new List<(string Name, string Config, Checkpoint Weights, IWeights Changed)>();
        try
        {
            foreach (string folder in Directory.GetDirectories(input).Where(f => File.Exists(System.IO.Path.Combine(f, Config)) && HasWeights(f)).Order(StringComparer.Ordinal))
            {
                string config = System.IO.Path.Combine(folder, Config), name = System.IO.Path.GetFileName(folder);
                Checkpoint weights = Checkpoint.Open(folder);
                networks.Add((name, config, weights, weights));
                networks[^1] = (name, config, weights, changes.Apply(name, weights, PublishedLayouts.Find(NetworkCatalog.ClassNameOf(ConfigText.OfFile(config)), weights)?.Map));
            }
            // Nothing is written before every change has found its weight.
            changes.ThrowUnlessUsed();
            var written = new List<string>();
            foreach (var (name, config, _, changed) in networks)
            {
                string folder = Directory.CreateDirectory(System.IO.Path.Combine(output, name)).FullName;
                string path = System.IO.Path.Combine(folder, WeightsName(name));
                Write(path, changed.Names.Select(n => (n, changed.Find(n)!, (Func<Tensor>)(() => changed.Read(n)))), floatsAs);
                File.Copy(config, System.IO.Path.Combine(folder, Config));
                written.Add(path);
            }
            foreach (string file in Directory.GetFiles(input, "*", SearchOption.AllDirectories))
            {
                string relative = System.IO.Path.GetRelativePath(input, file);
                bool isOfNetwork = networks.Exists(n => relative.StartsWith(n.Name + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal));
                if (!isOfNetwork && System.IO.Path.GetExtension(file) is ".json" or ".txt" or ".model" && relative != Hub.HubManifest.FileName)
                {
                    string target = System.IO.Path.Combine(output, relative);
                    Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
                    File.Copy(file, target);
                    written.Add(target);
                }
            }
            return written;
        }
        finally
        {
            networks.ForEach(n => n.Weights.Dispose());
        }
    }

    private static bool HasWeights(string folder) => Directory.GetFiles(folder).Any(f => System.IO.Path.GetExtension(f) is ".safetensors" or ".bin" or ".gguf" or ".pth" or ".pt" or ".ckpt");

    private static string WeightsName(string component) =>
        (component.StartsWith("text_encoder", StringComparison.Ordinal) || component.StartsWith("image_encoder", StringComparison.Ordinal) ? "model" : "diffusion_pytorch_model") + ".safetensors";

    private static List<string> ToFolder(string input, string output, DType? floatsAs, LoraSet changes)
    {
        ModelReport report = ModelDoctor.Inspect(input);
        if (report.IsBroken)
        {
            throw new CheckpointException($"{report}\nNothing was written.");
        }
        using Checkpoint file = Checkpoint.Open(input);
        var (found, _) = DialectRecognition.Recognize(file);
        if (found.Count == 0)
        {
            throw new ConfigException($"{input}: {string.Join(' ', report.Advice)}");
        }
        if (found.FirstOrDefault(f => f.Weights is MappedWeights { Unknown.Count: > 0 }) is { Weights: MappedWeights unknown } part)
        {
            throw new ConfigException($"{input}: {part.Name} has {unknown.Unknown.Count} tensors that the layout '{part.Dialect}' does not have, such as `{unknown.Unknown[0]}`.");
        }
        var changed = found.Select(f => (Component: f, Weights: changes.Apply(f.Name, f.Weights, f.Map ?? PublishedLayouts.Find(f.ClassName, f.Weights)?.Map))).ToList();
        changes.ThrowUnlessUsed();
        var written = new List<string>();
        foreach (var (component, weights) in changed)
        {
            string folder = System.IO.Path.Combine(output, component.Name);
            Directory.CreateDirectory(folder);
            string path = System.IO.Path.Combine(folder, WeightsName(component.Name));
            Write(path, weights.Names.Select(n => (n, weights.Find(n)!, (Func<Tensor>)(() => weights.Read(n)))), floatsAs);
            written.Add(path);
            if (component.ConfigBeside(Sibling) is { } config)
            {
                string configPath = System.IO.Path.Combine(folder, Config);
                File.WriteAllText(configPath, config);
                written.Add(configPath);
            }
        }
        return written;

        ConfigText? Sibling(string name) => found.FirstOrDefault(f => f.Name == name && f.Config is not null && f.Undecided is null) is { } other ? new ConfigText(input, System.Text.Encoding.UTF8.GetBytes(other.Config!)) : null;
    }

    private static List<string> ToOriginal(string input, string output, DType? floatsAs)
    {
        var parts = new List<(string ClassName, string Prefix, KeyMap Map, Checkpoint Weights)>();
        try
        {
            foreach (string folder in FoldersOf(input))
            {
                Checkpoint weights = Checkpoint.Open(folder);
                parts.Add(("", "", new KeyMap([]), weights));
                var (className, prefix, map) = OriginalOf(folder, weights);
                parts[^1] = (className, prefix, map, weights);
            }
            if (parts.Count > 1 && parts.Any(p => p.Prefix.Length == 0))
            {
                throw new ConfigException($"{input}: the authors of this system published its networks as separate files; convert the folders one by one.");
            }
            var tensors = new Dictionary<string, (StoredTensor, Func<Tensor>)>(StringComparer.Ordinal);
            string[] classes = [.. parts.Select(p => p.ClassName)];
            foreach (var (className, prefix, map, weights) in parts)
            {
                AddOriginal(PublishedLayouts.PrefixBeside(className, prefix, classes), map, weights, tensors);
            }
            Write(output, tensors.Select(t => (t.Key, t.Value.Item1, t.Value.Item2)), floatsAs);
            return [output];
        }
        finally
        {
            foreach (var (_, _, _, weights) in parts)
            {
                weights.Dispose();
            }
        }
    }

    private static void AddOriginal(string prefix, KeyMap map, Checkpoint weights, Dictionary<string, (StoredTensor, Func<Tensor>)> tensors)
    {
        var joined = new Dictionary<string, List<(string Own, KeyStep.PartsStep Step)>>(StringComparer.Ordinal);
        foreach (string own in weights.Names.Order(StringComparer.Ordinal))
        {
            if (map.ToPublished(own) is not var (published, step))
            {
                throw new ConfigException($"{weights.Path}: `{own}` has no name in the published layout.");
            }
            StoredTensor stored = weights.Find(own)!;
            if (step is KeyStep.PartsStep parts)
            {
                if (!joined.TryGetValue(published, out var list))
                {
                    joined.Add(published, list = []);
                }
                list.Add((own, parts));
                continue;
            }
            tensors.Add(prefix + published, (stored with { Shape = step.PublishedShape(stored.Shape) }, () => step.Revert(weights.Read(own))));
        }
        foreach (var (published, list) in joined)
        {
            int count = list[0].Step.Count;
            StoredTensor first = weights.Find(list[0].Own)!;
            long rows = first.Shape[0] / list[0].Step.Taken.Length;
            if (list.Sum(l => l.Step.Taken.Length) != count || list.Any(l => weights.Find(l.Own)!.Shape[0] != rows * l.Step.Taken.Length))
            {
                throw new ConfigException($"{weights.Path}: `{published}` joins {count} parts of equal size; {string.Join(", ", list.Select(l => $"`{l.Own}`"))} do not make them.");
            }
            tensors.Add(prefix + published, (first with { Shape = [rows * count, .. first.Shape.Skip(1)] }, () => Join(weights, list, rows, count)));
        }
    }

    private static Tensor Join(Checkpoint weights, List<(string Own, KeyStep.PartsStep Step)> list, long rows, int count)
    {
        using var scope = TensorScope.Enter();
        var parts = new Tensor[count];
        foreach (var (own, step) in list)
        {
            Tensor value = weights.Read(own);
            for (int i = 0; i < step.Taken.Length; i++)
            {
                parts[step.Taken[i]] = value.Narrow(0, i * rows, rows);
            }
        }
        return scope.Keep(Tensor.Cat(parts, 0));
    }

    private static IEnumerable<string> FoldersOf(string input)
    {
        if (!Directory.Exists(input))
        {
            throw new ConfigException($"{input}: the published layout is made from a model folder or the folder of one network.");
        }
        if (File.Exists(System.IO.Path.Combine(input, Config)))
        {
            return [input];
        }
        string[] names = ["unet", "transformer", "vae", "text_encoder", "text_encoder_2", "image_encoder"];
        // T5 is what its own authors published, so files of models leave it out.
        string[] present = [.. names.Select(n => System.IO.Path.Combine(input, n)).Where(f => File.Exists(System.IO.Path.Combine(f, Config)) && NetworkCatalog.ClassNameOf(ConfigText.OfFile(System.IO.Path.Combine(f, Config))) is not "T5EncoderModel")];
        return present.Length > 0 ? present : throw new ConfigException($"{input}: no folder of a network with a config.json ({string.Join(", ", names)}).");
    }

    private static (string ClassName, string Prefix, KeyMap Map) OriginalOf(string folder, Checkpoint weights)
    {
        string? name = NetworkCatalog.ClassNameOf(ConfigText.OfFile(System.IO.Path.Combine(folder, Config)));
        return PublishedLayouts.Find(name, weights) is var (prefix, map) ? (name!, prefix, map) : throw new ConfigException($"{folder}: no published layout is known for the class {name ?? "(none named)"}.");
    }

    private static void Write(string path, IEnumerable<(string Name, StoredTensor Stored, Func<Tensor> Read)> tensors, DType? floatsAs)
    {
        SafetensorsWriter.WriteOneByOne(path, tensors.Select(t =>
        {
            // In memory a quantized or 8-bit tensor is float32; half of that loses nothing that it had.
            bool isSmall = t.Stored.Type is StorageType.Float8E4M3 or StorageType.Float8E5M2 or >= StorageType.Q4_0;
            DType own = isSmall ? DType.Float16 : DTypeOf(t.Stored.Type);
            return new TensorToWrite(t.Name, [.. t.Stored.Shape], floatsAs is { } wanted && own.IsFloatingPoint() ? wanted : own, t.Read);
        }), new Dictionary<string, string> { ["format"] = "pt" });
    }

    private static DType DTypeOf(StorageType type) => type switch
    {
        StorageType.Bool => DType.Bool,
        StorageType.UInt8 => DType.UInt8,
        StorageType.Int8 => DType.Int8,
        StorageType.Int16 => DType.Int16,
        StorageType.UInt16 or StorageType.Int32 => DType.Int32,
        StorageType.UInt32 or StorageType.Int64 or StorageType.UInt64 => DType.Int64,
        StorageType.Float16 => DType.Float16,
        StorageType.BFloat16 => DType.BFloat16,
        StorageType.Float64 => DType.Float64,
        _ => DType.Float32,
    };
}
