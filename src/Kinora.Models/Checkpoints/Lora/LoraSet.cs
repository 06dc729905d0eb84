// LoRA files on top of a model's weights.

using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints.Lora;

/// <summary>A LoRA file and how strongly it counts.</summary>
/// <param name="Path">The file.</param>
/// <param name="Weight">1 is what it was trained for; 0 is nothing; negative values subtract.</param>
public sealed record LoraChoice(string Path, double Weight = 1)
{
    /// <summary>Reads <c>file</c> or <c>file:0.8</c>.</summary>
    /// <exception cref="ConfigException">What stands behind the colon is no weight, and there is no such file.</exception>
    public static LoraChoice Parse(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || File.Exists(text))
        {
            return new LoraChoice(text);
        }
        return double.TryParse(text.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double weight) && double.IsFinite(weight)
            ? new LoraChoice(text[..colon], weight)
            : throw new ConfigException($"{text}: '{text[(colon + 1)..]}' is no weight; write a number behind the colon, as in style.safetensors:0.8.");
    }

    /// <summary>Reads the same, of a file that must be there.</summary>
    /// <exception cref="ConfigException">There is no such file, or what stands behind the colon is no weight.</exception>
    public static LoraChoice Find(string text)
    {
        LoraChoice choice = Parse(text);
        return File.Exists(choice.Path) ? choice
            : throw new ConfigException($"LoRA {choice.Path}: {(Directory.Exists(choice.Path) ? "this is a folder; name the file of weights in it" : "there is no such file")}.");
    }
}

/// <summary>When changes are added to weights.</summary>
public enum LoraMode
{
    /// <summary>When weights are loaded; on use where a weight stays in fewer bits than the arithmetic has.</summary>
    Auto,

    /// <summary>When weights are loaded; quantized ones are then kept decoded.</summary>
    Fused,

    /// <summary>Each time a layer runs; weights stay as they are.</summary>
    Live,
}

/// <summary>
/// Several LoRA files, added to weights while they are read: networks are built from <see cref="Apply"/> as from the checkpoint itself.
/// Every change must find its weight; <see cref="ThrowUnlessUsed"/> says so after all components were built.
/// </summary>
public sealed class LoraSet : IDisposable
{
    private readonly List<(IWeights File, double Weight, List<LoraChange> Changes)> _files = [];
    private readonly HashSet<LoraChange> _used = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<LoraChange, string> _misfits = new(ReferenceEqualityComparer.Instance);

    private LoraSet()
    {
    }

    /// <summary>Opens the files and sorts their tensors into changes.</summary>
    /// <exception cref="CheckpointException">A file is damaged, is no LoRA, or has changes of an unsupported kind; the message lists them.</exception>
    public static LoraSet Open(IEnumerable<LoraChoice> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        var set = new LoraSet();
        try
        {
            foreach (LoraChoice choice in choices)
            {
                IWeightFile file = Checkpoint.OpenFile(choice.Path);
                set._files.Add((file, choice.Weight, []));
                set._files[^1].Changes.AddRange(ReadChanges(file));
            }
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>Whether changes can be for a component: denoisers and text encoders.</summary>
    public static bool Reaches(string component) => LoraTarget.Denoisers.Contains(component, StringComparer.Ordinal) || component is "text_encoder" or "text_encoder_2";

    /// <summary>Kinds and numbers of changes, for people.</summary>
    public IEnumerable<string> Describe() => _files.Select(f =>
        string.Create(CultureInfo.InvariantCulture, $"{f.File.Path}: {string.Join(", ", f.Changes.GroupBy(c => c.Kind).Select(g => $"{g.Count()} {g.Key}"))}"));

    /// <summary>The weights of a component with the changes that are for it.</summary>
    /// <param name="component">unet, transformer, text_encoder, text_encoder_2.</param>
    /// <param name="weights">The component's weights under our names; they must outlive the result.</param>
    /// <param name="published">The table of the system's published names, since many files use those; null where there is none.</param>
    /// <param name="mode">When the changes are added.</param>
    public IWeights Apply(string component, IWeights weights, KeyMap? published = null, LoraMode mode = LoraMode.Fused)
    {
        ArgumentException.ThrowIfNullOrEmpty(component);
        ArgumentNullException.ThrowIfNull(weights);
        Dictionary<string, string> layers = LayersOf(weights, published);
        var changes = new Dictionary<string, List<(IWeights File, double Weight, LoraChange Change)>>(StringComparer.Ordinal);
        foreach (var (file, weight, all) in _files)
        {
            foreach (LoraChange change in all)
            {
                var (name, components) = LoraNames.Place(change.Layer);
                if (!components.Contains(component, StringComparer.Ordinal) || !layers.TryGetValue(name, out string? layer))
                {
                    continue;
                }
                _used.Add(change);
                if (change.Elements(file) is { } elements && weights.Find(layer + ".weight")!.Shape is { } shape && elements != shape.Aggregate(1L, (n, s) => n * s))
                {
                    _misfits[change] = string.Create(CultureInfo.InvariantCulture, $"`{change.Layer}` changes {elements} elements, the model's has [{string.Join(", ", shape)}]");
                }
                if (!changes.TryGetValue(layer, out var list))
                {
                    changes.Add(layer, list = []);
                }
                list.Add((file, weight, change));
            }
        }
        return new ChangedWeights(weights, changes, mode);
    }

    /// <summary>Passes when every change found a weight of its size.</summary>
    /// <exception cref="CheckpointException">Some did not; the message lists them and says what the file seems to be for.</exception>
    public void ThrowUnlessUsed()
    {
        const int Shown = 20;
        string Listed(IReadOnlyList<string> lines) => string.Join("\n  ", lines.Take(Shown)) + (lines.Count > Shown ? string.Create(CultureInfo.InvariantCulture, $"\n  and {lines.Count - Shown} more") : "");
        foreach (var (file, _, changes) in _files)
        {
            string[] unused = [.. changes.Where(c => !_used.Contains(c)).Select(c => c.Layer).Order(StringComparer.Ordinal)];
            if (unused.Length > 0)
            {
                throw new CheckpointException(string.Create(CultureInfo.InvariantCulture, $"{file.Path}: {unused.Length} of {changes.Count} changes are for layers that this model does not have; the LoRA is for {LoraOrigin.Of(file, changes) ?? "another system"}:\n  {Listed([.. unused.Select(u => $"`{u}`")])}"));
            }
            string[] misfits = [.. changes.Where(_misfits.ContainsKey).Select(c => _misfits[c]).Order(StringComparer.Ordinal)];
            if (misfits.Length > 0)
            {
                throw new CheckpointException(string.Create(CultureInfo.InvariantCulture, $"{file.Path}: {misfits.Length} of {changes.Count} changes are of other sizes than this model's layers; the LoRA is for {LoraOrigin.Of(file, changes) ?? "another model"}:\n  {Listed(misfits)}"));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (file, _, _) in _files)
        {
            file.Dispose();
        }
    }

    private static List<LoraChange> ReadChanges(IWeightFile file)
    {
        var parts = new SortedDictionary<string, Dictionary<string, string>>(StringComparer.Ordinal);
        var strays = new List<string>();
        foreach (string name in file.Names)
        {
            if (LoraNames.Split(name) is not var (layer, part))
            {
                strays.Add(name);
                continue;
            }
            if (!parts.TryGetValue(layer, out var found))
            {
                parts.Add(layer, found = new Dictionary<string, string>(StringComparer.Ordinal));
            }
            if (!found.TryAdd(part, name))
            {
                throw new CheckpointException($"{file.Path}: `{name}` and `{found[part]}` are the same part of `{layer}`.");
            }
        }
        var changes = parts.Select(p => new LoraChange(p.Key, p.Value)).ToList();
        string[] wrong = [.. strays.Concat(changes.Where(c => c.Kind is null).Select(c => $"{c.Layer} ({string.Join(", ", c.Parts.Keys)})")).Order(StringComparer.Ordinal)];
        if (file.Names.FirstOrDefault(n => !IsFinite(file, n)) is { } wild)
        {
            throw new CheckpointException($"{file.Path}: `{wild}` has NaN or infinite values; download the file again.");
        }
        if (changes.Count == 0 || wrong.Length > 0)
        {
            throw new CheckpointException($"{file.Path}: {(changes.Count == 0 ? "not a LoRA" : "tensors that are no change of a supported kind (LoRA, LoCon, LoHa, LoKr, DoRA)")}: {string.Join(", ", wrong.Take(10).Select(w => $"`{w}`"))}.");
        }
        return changes;
    }

    // Files are small, and what is wrong with one would show in the clip alone.
    private static bool IsFinite(IWeights file, string name)
    {
        using var scope = TensorScope.Enter();
        return double.IsFinite(file.Read(name, DType.Float64).Abs().Sum().Item());
    }

    /// <summary>Our layer by every name it goes by: dotted or with underscores, ours or the published one.</summary>
    private static Dictionary<string, string> LayersOf(IWeights weights, KeyMap? published)
    {
        const string Weight = ".weight";
        var layers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in weights.Names.Where(n => n.EndsWith(Weight, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            string layer = name[..^Weight.Length];
            Add(layer);
            // Joint projections have one published name for several of our layers, so a change of them fits none of ours alone.
            if (published?.ToPublished(name) is var (original, step) && step is not KeyStep.PartsStep && original.EndsWith(Weight, StringComparison.Ordinal))
            {
                Add(original[..^Weight.Length]);
            }

            void Add(string alias)
            {
                layers.TryAdd(alias, layer);
                layers.TryAdd(alias.Replace('.', '_'), layer);
                // diffusers' processors leave the index of to_out out.
                if (alias.EndsWith(".to_out.0", StringComparison.Ordinal))
                {
                    layers.TryAdd(alias[..^2], layer);
                }
            }
        }
        return layers;
    }

    private sealed class ChangedWeights(IWeights weights, Dictionary<string, List<(IWeights File, double Weight, LoraChange Change)>> changes, LoraMode mode) : ILayeredWeights
    {
        public string Path => weights.Path;

        public IReadOnlyCollection<string> Names => weights.Names;

        public IWeights Base => weights;

        public StoredTensor? Find(string name) => weights.Find(name);

        public Tensor Read(string name, DType? dtype = null, Device? device = null)
        {
            if (ChangesOf(name) is not { } list)
            {
                return weights.Read(name, dtype, device);
            }
            using var scope = TensorScope.Enter();
            // A copy of its own, to add to: what is read may be a view of the file.
            Tensor value = weights.ReadStored(name)?.ToTensor(DType.Float32, copy: true) ?? weights.Read(name, DType.Float32).Clone();
            Change(value, list, name.EndsWith(".bias", StringComparison.Ordinal));
            value = dtype is { } wanted ? value.To(wanted) : value;
            return scope.Keep(device is { } place && place != Device.Cpu ? value.To(place) : value);
        }

        public StoredElements? ReadStored(string name) => ChangesOf(name) is null ? weights.ReadStored(name) : null;

        public bool IsLayered(string name, bool staysStored) => ChangesOf(name) is not null && (mode == LoraMode.Live || (mode == LoraMode.Auto && staysStored));

        public Weight Over(string name, Weight weight) => new LayeredWeight(weight, ChangesOf(name)!);

        public void Dispose()
        {
        }

        private List<(IWeights File, double Weight, LoraChange Change)>? ChangesOf(string name)
        {
            int dot = name.LastIndexOf('.');
            return dot >= 0 && name[dot..] is ".weight" or ".bias" ? changes.GetValueOrDefault(name[..dot]) : null;
        }
    }

    private static void Change(Tensor value, List<(IWeights File, double Weight, LoraChange Change)> changes, bool isBias)
    {
        foreach (var (file, strength, change) in changes)
        {
            change.ApplyInPlace(file, value, strength, isBias);
        }
    }

    // Changes are read when the layer runs, from the file that stays open: plain LoRA as its two small matrices, whose products with what the
    // layer reads are added to the layer's; other kinds, and rows of a table, through the whole changed weight.
    private sealed class LayeredWeight : Weight
    {
        private readonly Weight _base;
        private readonly List<(IWeights File, double Weight, LoraChange Change)> _changes;

        public LayeredWeight(Weight weight, List<(IWeights File, double Weight, LoraChange Change)> changes)
        {
            (_base, _changes) = (weight, changes);
            (weight as ResidentWeight)?.Value.Own();
        }

        public override DType DType => _base.DType;

        public override IReadOnlyList<long> Shape => _base.Shape;

        public override long NumBytes => _base.NumBytes;

        public override Tensor Use(DType dtype)
        {
            using var scope = TensorScope.Enter();
            Tensor value = _base.Use(DType.Float32).Clone();
            Change(value, _changes, isBias: false);
            return scope.Keep(value.To(dtype));
        }

        public override Tensor Apply(DType dtype, Tensor? bias, Func<Tensor, Tensor?, Tensor> product, int channels)
        {
            if (!_changes.TrueForAll(c => c.Weight == 0 || c.Change.IsLowRank || c.Change.IsOfBias))
            {
                return base.Apply(dtype, bias, product, channels);
            }
            using var scope = TensorScope.Enter();
            Tensor weight = _base.Use(dtype), y = product(weight, bias);
            (Tensor Up, Tensor Down)[] factors = [.. _changes.Where(c => c.Weight != 0 && c.Change.IsLowRank).Select(c => c.Change.Factors(c.File, Shape, c.Weight))];
            if (factors.Length == 0)
            {
                return scope.Keep(y);
            }
            // Several changes side by side are one of the sum of their ranks.
            Tensor up = Side(factors, f => f.Up, 1).To(weight.Device).To(dtype), down = Side(factors, f => f.Down, 0).To(weight.Device).To(dtype);
            Tensor low = product(down, null);
            Tensor wide = channels < 0 ? F.Linear(low, up) : low.Dim == 4 ? F.Conv2d(low, up.View(up.Size(0), -1, 1, 1), null) : F.Conv3d(low, up.View(up.Size(0), -1, 1, 1, 1), null);
            return scope.Keep(y + wide);
        }

        private static Tensor Side((Tensor Up, Tensor Down)[] factors, Func<(Tensor Up, Tensor Down), Tensor> side, int dimension) =>
            factors.Length == 1 ? side(factors[0]) : Tensor.Cat([.. factors.Select(side)], dimension);

        public override Tensor Rows(Tensor ids)
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(F.Embedding(ids, Use(DType)));
        }

        public override void Dispose() => _base.Dispose();
    }
}
