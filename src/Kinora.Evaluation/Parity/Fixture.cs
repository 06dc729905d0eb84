// One fixture: a folder with the inputs and outputs of a reference implementation.
//
//   meta.json             class, arguments, procedure, tolerances, notes, gradient summary
//   config.json           the network's configuration in the publisher's layout
//   weights.safetensors   parameters under the publisher's names; or weights.recipe.json, which says how to generate them
//   io.safetensors        in.*, out.*, mid.*, grad.*
//
// Whole pipelines hold model_index.json and one folder per component instead of config and weights.

using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;

namespace Kinora.Evaluation.Parity;

/// <summary>A fixture that is open: its facts, inputs, weights and expected outputs. It owns the parameters of the networks it built.</summary>
public sealed class Fixture : IDisposable
{
    /// <summary>The file that makes a folder a fixture.</summary>
    public const string MetaFile = "meta.json";

    private const string WeightsRecipe = "weights.recipe.json";
    private const double DefaultRelative = 1e-4, DefaultAbsolute = 1e-5, DefaultGradient = 1e-3;

    private readonly JsonDocument _meta;
    private readonly JsonDocument? _config;
    private readonly SafetensorsFile? _io;
    private readonly List<ParameterStore> _stores = [];

    private Fixture(string folder, JsonDocument meta, JsonDocument? config, SafetensorsFile? io)
    {
        Folder = folder;
        _meta = meta;
        _config = config;
        _io = io;
        ClassName = Text("class");
        Area = Text("area");
        Name = Text("name");
        Expected = io is null ? [] : [.. io.Tensors.Keys.Where(IsExpected).Order(StringComparer.Ordinal)];
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>The part of the product it belongs to: core, dit, schedulers, …</summary>
    public string Area { get; }

    /// <summary>Its name within the area.</summary>
    public string Name { get; }

    /// <summary>The reference's class, which decides the runner.</summary>
    public string ClassName { get; }

    /// <summary>The whole of meta.json.</summary>
    public JsonElement Meta => _meta.RootElement;

    /// <summary>meta.json's "args": an empty object when there are none.</summary>
    public JsonElement Arguments => Meta.TryGetProperty("args", out JsonElement args) ? args : default;

    /// <summary>config.json as JSON; null when the fixture has none.</summary>
    public JsonElement? Config => _config?.RootElement;

    /// <summary>Where config.json stands; networks bind it strictly through <see cref="ModelConfigJson"/>.</summary>
    public string ConfigPath => Path.Combine(Folder, "config.json");

    /// <summary>Names of the tensors that the reference produced: out.*, mid.*, grad.*.</summary>
    public IReadOnlyList<string> Expected { get; }

    /// <summary>Whether gradients of mean(out²) are expected.</summary>
    public bool WantsGradients => Meta.TryGetProperty("grad_check", out _);

    /// <summary>The gradient summary: loss, named parameters, norm over all parameters; undefined without gradients.</summary>
    public JsonElement GradientCheck => Meta.TryGetProperty("grad_check", out JsonElement check) ? check : default;

    /// <summary>Opens a fixture.</summary>
    /// <exception cref="ConfigException">meta.json or config.json is missing or not JSON, or lacks class, area or name.</exception>
    /// <exception cref="CheckpointException">io.safetensors is damaged.</exception>
    public static Fixture Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        JsonDocument? meta = null, config = null;
        SafetensorsFile? io = null;
        try
        {
            meta = ReadJson(Path.Combine(folder, MetaFile));
            string configPath = Path.Combine(folder, "config.json"), ioPath = Path.Combine(folder, "io.safetensors");
            config = File.Exists(configPath) ? ReadJson(configPath) : null;
            io = File.Exists(ioPath) ? SafetensorsFile.Open(ioPath) : null;
            return new Fixture(folder, meta, config, io);
        }
        catch
        {
            meta?.Dispose();
            config?.Dispose();
            io?.Dispose();
            throw;
        }
    }

    /// <summary>An input; <paramref name="name"/> without "in.". Generated where meta.json gives a recipe for it.</summary>
    /// <exception cref="CheckpointException">The fixture has no such input.</exception>
    public Tensor Input(string name) => TryInput(name) ?? throw new CheckpointException($"{Folder}: the fixture has no input `in.{name}`.");

    /// <summary>An input, or null when the fixture has none of that name.</summary>
    public Tensor? TryInput(string name)
    {
        if (_io is not null && _io.Tensors.ContainsKey("in." + name))
        {
            return _io.Read("in." + name);
        }
        return Meta.TryGetProperty("recipe_inputs", out JsonElement recipes) && recipes.TryGetProperty(name, out JsonElement recipe)
            ? RecipeTensor.Generate(recipe.GetProperty("stream_name").GetString()!, recipe.GetProperty("seed").GetUInt64(), recipe, $"{Folder}: in.{name}")
            : null;
    }

    /// <summary>Names of all inputs, without "in.".</summary>
    public IEnumerable<string> InputNames => _io?.Tensors.Keys.Where(k => k.StartsWith("in.", StringComparison.Ordinal)).Select(k => k[3..]) ?? [];

    /// <summary>What the reference computed, by its full name.</summary>
    public Tensor ExpectedTensor(string name) => (_io ?? throw new CheckpointException($"{Folder}: the fixture has no io.safetensors.")).Read(name);

    /// <summary>Whether the reference computed a tensor of this full name.</summary>
    public bool Expects(string name) => _io is not null && IsExpected(name) && _io.Tensors.ContainsKey(name);

    /// <summary>The tolerance that meta.json states for a tensor. Integers and booleans are exact; gradients are measured by the tensor's largest magnitude.</summary>
    /// <param name="name">The full name.</param>
    /// <param name="expected">The reference's tensor.</param>
    public Tolerance ToleranceOf(string name, Tensor expected)
    {
        ArgumentNullException.ThrowIfNull(expected);
        if (!expected.DType.IsFloatingPoint())
        {
            return Tolerance.Exact;
        }
        JsonElement advice = Meta.TryGetProperty("tolerance_advice", out JsonElement stated) && stated.ValueKind == JsonValueKind.Object ? stated : default;
        double largest = Magnitude(expected);
        if (name.StartsWith("grad.", StringComparison.Ordinal))
        {
            return new Tolerance(Number(advice, "grad_rtol", DefaultGradient) * largest);
        }
        double absolute = DefaultAbsolute * Math.Max(1, largest);
        if (advice.ValueKind == JsonValueKind.Object && advice.TryGetProperty("atol", out JsonElement atol))
        {
            absolute = atol.ValueKind == JsonValueKind.Number ? atol.GetDouble() : Number(atol, name, Number(atol, name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..], absolute));
        }
        return new Tolerance(absolute, Number(advice, "rtol", DefaultRelative));
    }

    /// <summary>
    /// Builds a network from the fixture's weights in float32: every parameter present, none left over, every shape right.
    /// The parameters live as long as the fixture and take part in gradients when it wants them.
    /// </summary>
    /// <param name="build">Makes the network from the root of its parameter names.</param>
    /// <param name="component">The folder of the component in a pipeline; empty for a network's own fixture.</param>
    /// <param name="isOmitted">Tensors of the file that the network leaves out on purpose.</param>
    /// <exception cref="CheckpointException">The weights are not exactly those of the network.</exception>
    public TModule Load<TModule>(Func<ParameterPath, TModule> build, string component = "", Func<string, bool>? isOmitted = null)
    {
        ArgumentNullException.ThrowIfNull(build);
        string folder = Path.Combine(Folder, component), recipe = Path.Combine(folder, WeightsRecipe);
        if (File.Exists(recipe))
        {
            var generated = new RecipeParameters(recipe, WantsGradients, isOmitted);
            TModule module = build(Root(generated));
            generated.ThrowUnlessComplete();
            return module;
        }
        using Checkpoint checkpoint = Checkpoint.Open(component.Length == 0 ? Path.Combine(folder, "weights.safetensors") : folder);
        var source = new CheckpointParameters(checkpoint, WantsGradients, isOmitted);
        TModule loaded = build(Root(source));
        source.Report.ThrowUnlessEmpty();
        return loaded;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ParameterStore store in _stores)
        {
            store.Dispose();
        }
        _meta.Dispose();
        _config?.Dispose();
        _io?.Dispose();
    }

    internal static double Magnitude(Tensor tensor)
    {
        using var scope = TensorScope.Enter();
        return tensor.NumElements == 0 ? 0 : tensor.Detach().To(DType.Float64).Abs().Max().Item();
    }

    private ParameterPath Root(IParameterSource source)
    {
        ParameterPath root = ParameterPath.Root(source);
        _stores.Add(root.Store);
        return root;
    }

    private static bool IsExpected(string name) =>
        name.StartsWith("out.", StringComparison.Ordinal) || name.StartsWith("mid.", StringComparison.Ordinal) || name.StartsWith("grad.", StringComparison.Ordinal);

    private static double Number(JsonElement from, string name, double otherwise) =>
        from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : otherwise;

    private string Text(string key) =>
        Meta.ValueKind == JsonValueKind.Object && Meta.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new ConfigException($"{Path.Combine(Folder, MetaFile)}: `{key}` is missing or not a string.");

    private static JsonDocument ReadJson(string path)
    {
        try
        {
            return JsonDocument.Parse(PythonJson.QuoteNonFinite(File.ReadAllBytes(path)));
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: {e.Message}", e);
        }
    }
}
