namespace Kinora.Engine.Checkpoints;

/// <summary>
/// Tensors by name, wherever they come from: a file, several, or another set under other names. Reading is thread-safe; tensors that
/// were read stay valid after disposal.
/// </summary>
public interface IWeights : IDisposable
{
    /// <summary>The file or folder that messages name.</summary>
    string Path { get; }

    /// <summary>Names of all tensors.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>How a tensor is stored; null when there is none of that name.</summary>
    StoredTensor? Find(string name);

    /// <summary>Loads one tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="dtype">The element type wanted; by default the file's, widened where the engine has no counterpart.</param>
    /// <param name="device">Where to; the CPU by default.</param>
    /// <exception cref="CheckpointException">There is no tensor of that name, or a value does not fit.</exception>
    Tensor Read(string name, DType? dtype = null, Device? device = null);

    /// <summary>The elements of a tensor in the form of the file, undecoded; null when they cannot be had so (reordered, changed, or of a type that is only read).</summary>
    /// <param name="name">The tensor's name.</param>
    StoredElements? ReadStored(string name) => null;
}

/// <summary>Weights that are one file.</summary>
public interface IWeightFile : IWeights
{
    /// <summary>What the file holds, by name.</summary>
    IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Strings that the file carries besides tensors.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }
}
