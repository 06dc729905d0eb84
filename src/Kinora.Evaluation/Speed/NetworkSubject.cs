using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Speed;

/// <summary>A network with random weights and its inputs, ready to run and to be written for another implementation.</summary>
/// <param name="root">Where its parameters stand; freed with the subject.</param>
/// <param name="inputs">By the name of their place; freed with the subject.</param>
/// <param name="run">One call of the network, under the gradient mode and types of the case.</param>
public sealed class NetworkSubject(ParameterPath root, IReadOnlyList<(string Name, Tensor Value)> inputs, Func<Tensor> run) : SpeedSubject(run, () => Free(root, inputs))
{
    /// <summary>Names of the files of <see cref="Write"/>.</summary>
    public const string WeightsFile = "weights.safetensors", InputsFile = "inputs.safetensors", ResultFile = "result.safetensors";

    /// <summary>Writes weights, inputs and the result of one run to a folder, all in float32.</summary>
    public void Write(string folder)
    {
        using var scope = TensorScope.Enter();
        Directory.CreateDirectory(folder);
        WriteFile(Path.Combine(folder, WeightsFile), root.Store.All);
        WriteFile(Path.Combine(folder, InputsFile), inputs);
        WriteFile(Path.Combine(folder, ResultFile), [("result", Once()!)]);
    }

    private static void WriteFile(string path, IEnumerable<(string Name, Tensor Value)> tensors) =>
        SafetensorsWriter.Write(path, tensors.Select(t => KeyValuePair.Create(t.Name, t.Value.Detach())), floatsAs: DType.Float32);

    private static void Free(ParameterPath root, IReadOnlyList<(string Name, Tensor Value)> inputs)
    {
        foreach (var (_, value) in inputs)
            value.Dispose();
        root.Store.Dispose();
    }
}
