// One safetensors file, mapped into memory. The header is checked in full before any element is touched.

namespace Kinora.Engine.Checkpoints;

/// <summary>
/// A safetensors file. Tensors whose type the engine computes in are views of the mapping (private to this process: writing to one
/// never reaches the file); the mapping goes away with the last of them. Reading is thread-safe.
/// </summary>
public sealed class SafetensorsFile : IWeightFile
{
    private readonly SafetensorsHeader _header;
    private readonly MappedFile _file;

    private SafetensorsFile(MappedFile file, SafetensorsHeader header)
    {
        _file = file;
        _header = header;
    }

    /// <summary>The file.</summary>
    public string Path => _file.Path;

    /// <summary>What the file holds, by name.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _header.Tensors;

    /// <summary>The header's <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _header.Names;

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or any field of its header is wrong.</exception>
    public static SafetensorsFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            int headerLength = SafetensorsHeader.CheckLength(file.Bytes(0, (int)Math.Min(8, file.Length)), file.Length, path);
            return new SafetensorsFile(file, SafetensorsHeader.Parse(file.Bytes(8, headerLength), file.Length, path));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public StoredTensor? Find(string name) => _header.Tensors.GetValueOrDefault(name);

    /// <summary>Loads one tensor.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="dtype">The element type wanted; by default the file's, widened where the engine has no counterpart.</param>
    /// <param name="device">Where to; the CPU by default.</param>
    /// <exception cref="CheckpointException">The file has no tensor of that name, or a value does not fit.</exception>
    public Tensor Read(string name, DType? dtype = null, Device? device = null) =>
        _header.Tensors.TryGetValue(name, out StoredTensor? stored)
            ? _file.Read(stored, dtype, device)
            : throw new CheckpointException($"{Path} has no tensor `{name}`.");

    /// <inheritdoc/>
    public StoredElements? ReadStored(string name) => _header.Tensors.TryGetValue(name, out StoredTensor? stored) ? _file.ReadStored(stored) : null;

    /// <summary>Ends the use of the file; tensors that view it stay valid.</summary>
    public void Dispose() => _file.Dispose();
}
