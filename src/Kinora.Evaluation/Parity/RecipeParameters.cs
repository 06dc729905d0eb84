using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Parity;

/// <summary>Parameters generated from a fixture's weights.recipe.json: the same names and shapes as a checkpoint, nothing stored.</summary>
internal sealed class RecipeParameters : IParameterSource
{
    private readonly string _path;
    private readonly ulong _seed;
    private readonly Func<string, bool>? _isOmitted;
    private readonly Dictionary<string, JsonElement> _recipes = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];

    public RecipeParameters(string path, bool trainable, Func<string, bool>? isOmitted)
    {
        _path = path;
        _isOmitted = isOmitted;
        Trainable = trainable;
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
        _seed = json.RootElement.GetProperty("seed").GetUInt64();
        foreach (JsonElement recipe in json.RootElement.GetProperty("tensors").EnumerateArray())
        {
            _recipes.Add(recipe.GetProperty("name").GetString()!, recipe.Clone());
        }
    }

    public bool Trainable { get; }

    public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device)
    {
        _used.Add(fullName);
        if (!_recipes.TryGetValue(fullName, out JsonElement recipe))
        {
            _problems.Add($"missing: `{fullName}`");
            return Tensor.Empty(shape, dtype, Device.Meta);
        }
        if (!shape.SequenceEqual(RecipeTensor.Shape(recipe)))
        {
            _problems.Add($"wrong shape: `{fullName}`: model expects [{string.Join(", ", shape.ToArray())}], recipe has [{string.Join(", ", RecipeTensor.Shape(recipe))}]");
            return Tensor.Empty(shape, dtype, Device.Meta);
        }
        using var scope = TensorScope.Enter();
        return scope.Keep(RecipeTensor.Generate(fullName, _seed, recipe, $"{_path}: `{fullName}`").To(dtype).To(device));
    }

    /// <summary>Passes when the network declared exactly the recipe's tensors.</summary>
    public void ThrowUnlessComplete()
    {
        _problems.AddRange(_recipes.Keys.Where(n => !_used.Contains(n) && _isOmitted?.Invoke(n) != true).Select(n => $"unexpected: `{n}`"));
        if (_problems.Count > 0)
        {
            throw new CheckpointException($"{_path} does not describe the weights of this network:\n  {string.Join("\n  ", _problems.Take(20))}{(_problems.Count > 20 ? $"\n  and {_problems.Count - 20} more" : "")}");
        }
    }
}
