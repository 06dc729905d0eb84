// A checkpoint is one safetensors file: model.*, adamw.*, ema.*, and the loop's own state as JSON in the header's metadata.
// It is written beside its place, flushed to the device and renamed, so that a crash leaves the previous one.

using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Optimization;

namespace Kinora.Training.Loop;

/// <summary>Saves and restores everything that a stage needs to continue with the same bits.</summary>
internal static class TrainingCheckpoint
{
    private const string StateKey = "kinora.training_state";

    public static void Save(string path, IReadOnlyList<(string Name, Tensor Value)> parameters, IOptimizer optimizer, ExponentialMovingAverage ema, TrainingState state)
    {
        var tensors = Named("model.", parameters).Concat(Named("adamw.", optimizer.State())).Concat(Named("ema.", ema.State()));
        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string>(StringComparer.Ordinal) { [StateKey] = JsonSerializer.Serialize(state, RunJson.Default.TrainingState) });
    }

    public static TrainingState Load(string path, IReadOnlyList<(string Name, Tensor Value)> parameters, IOptimizer optimizer, ExponentialMovingAverage ema)
    {
        using var file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue(StateKey, out string? json))
            throw new CheckpointException($"{path}: not a training checkpoint: the metadata key `{StateKey}` is absent.");
        var state = JsonSerializer.Deserialize(json, RunJson.Default.TrainingState) ?? throw new CheckpointException($"{path}: the training state is empty.");
        Check(path, file, Named("model.", parameters));
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var (name, value) in parameters)
            value.CopyInPlace(file.Read("model." + name));
        optimizer.LoadState(name => file.Read("adamw." + name), state.OptimizerSteps);
        ema.LoadState(name => file.Read("ema." + name), state.EmaUpdates);
        return state;
    }

    private static void Check(string path, SafetensorsFile file, IEnumerable<KeyValuePair<string, Tensor>> expected)
    {
        foreach (var (name, tensor) in expected)
        {
            if (!file.Tensors.TryGetValue(name, out var stored))
                throw new CheckpointException($"{path}: `{name}` is missing. The recipe's network changed since; start a new run folder.");
            if (!stored.Shape.SequenceEqual(tensor.Shape))
                throw new CheckpointException($"{path}: `{name}` has shape [{string.Join(", ", stored.Shape)}], the recipe's network expects [{string.Join(", ", tensor.Shape)}]. Start a new run folder.");
        }
    }

    private static IEnumerable<KeyValuePair<string, Tensor>> Named(string prefix, IEnumerable<(string Name, Tensor Value)> tensors)
        => tensors.Select(t => KeyValuePair.Create(prefix + t.Name, t.Value));
}
