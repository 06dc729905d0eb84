// The weights of one network on disk: one file or several with an index, as safetensors, GGUF or a pickle of torch.save.
// Source of the index layout: huggingface/transformers v4.46, "*.safetensors.index.json": { "metadata": {…}, "weight_map": { name: file } }.

using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace Kinora.Engine.Checkpoints;

/// <summary>
/// Every tensor of a network's weights by name, in one file or in shards. Tensors that were read stay valid after disposal.
/// </summary>
public sealed class Checkpoint : IWeights
{
    private const string Extension = ".safetensors";
    private const string IndexSuffix = ".index.json";
    private const long MaxIndexBytes = 64L << 20;

    // What a component's folder may hold, the best first; a variant such as .fp16. is taken only when nothing else is there.
    private static readonly string[] Patterns = ["*.safetensors.index.json", "*.safetensors", "*.bin.index.json", "*.gguf", "*.bin", "*.pth", "*.pt", "*.ckpt"];
    private static readonly string[] Pickled = [".pt", ".pth", ".ckpt", ".bin"];
    private static readonly string[] Usual = ["diffusion_pytorch_model", "model", "pytorch_model"];

    private static readonly ConcurrentDictionary<(string Path, long Length, DateTime Written), string> KnownHashes = new();

    private readonly IWeightFile[] _files;
    private readonly Dictionary<string, IWeightFile> _fileOfTensor = new(StringComparer.Ordinal);

    private Checkpoint(string path, IWeightFile[] files)
    {
        Path = path;
        _files = files;
    }

    /// <summary>The file, index or folder that was opened.</summary>
    public string Path { get; }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _fileOfTensor.Keys;

    /// <summary>The strings that the first file carries besides tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _files[0].Metadata;

    /// <summary>The files.</summary>
    public IEnumerable<string> Files => _files.Select(f => f.Path);

    /// <summary>Bytes of all elements as stored.</summary>
    public long NumBytes => _files.Sum(f => f.Tensors.Values.Sum(t => t.NumBytes));

    /// <summary>
    /// Opens a file (<c>.safetensors</c>, <c>.gguf</c>, <c>.pt</c>, <c>.pth</c>, <c>.ckpt</c>, <c>.bin</c>), an index of shards, or a folder
    /// that holds one of them.
    /// </summary>
    /// <exception cref="CheckpointException">Something is missing, damaged, or ambiguous.</exception>
    public static Checkpoint Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            path = FindInFolder(path);
        }
        return path.EndsWith(IndexSuffix, StringComparison.Ordinal) ? OpenShards(path) : OpenSingle(path);
    }

    /// <summary>Opens one file of weights; what it begins with decides how it is read.</summary>
    /// <exception cref="CheckpointException">It cannot be read or is damaged.</exception>
    public static IWeightFile OpenFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Span<byte> first = stackalloc byte[ForeignContent.BytesToTell];
        first.Clear();
        int count;
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            count = file.ReadAtLeast(first, first.Length, throwOnEndOfStream: false);            // a shorter file leaves zeros, which no format begins with
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {e.Message}", e);
        }
        if (first.StartsWith("GGUF"u8))
        {
            return GgufFile.Open(path);
        }
        bool isPickle = first.StartsWith("PK\x3\x4"u8) || (first[0] == 0x80 && first[1] is >= 2 and <= 5 && Pickled.Contains(System.IO.Path.GetExtension(path), StringComparer.OrdinalIgnoreCase));
        return isPickle ? PickleFile.Open(path)
            : ForeignContent.Describe(first[..count]) is { } other ? throw new CheckpointException($"{path}: {other}.")
            : SafetensorsFile.Open(path);
    }

    /// <summary>How the file describes a tensor; null when there is none of that name.</summary>
    public StoredTensor? Find(string name) => _fileOfTensor.TryGetValue(name, out IWeightFile? file) ? file.Tensors[name] : null;

    /// <summary>Loads one tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="dtype">The element type wanted; by default the file's.</param>
    /// <param name="device">Where to; the CPU by default.</param>
    /// <exception cref="CheckpointException">There is no tensor of that name.</exception>
    public Tensor Read(string name, DType? dtype = null, Device? device = null) =>
        _fileOfTensor.TryGetValue(name, out IWeightFile? file)
            ? file.Read(name, dtype, device)
            : throw new CheckpointException($"{Path} has no tensor `{name}`.");

    /// <inheritdoc/>
    public StoredElements? ReadStored(string name) => _fileOfTensor.TryGetValue(name, out IWeightFile? file) ? file.ReadStored(name) : null;

    /// <summary>Builds a network from this checkpoint: every parameter present, none left over, every shape right.</summary>
    /// <param name="path">What <see cref="Open"/> takes.</param>
    /// <param name="build">Makes the network from the root of its parameter names.</param>
    /// <param name="dtype">Element type of the parameters in memory.</param>
    /// <param name="device">Where they go.</param>
    /// <param name="trainable">Whether they take part in training.</param>
    /// <param name="isOmitted">Tensors of the file that the network leaves out on purpose.</param>
    /// <param name="storage">In which form matrices and kernels stay in memory.</param>
    /// <param name="streamed">Whether they stay in the file and pass through memory block by block.</param>
    /// <exception cref="CheckpointException">The weights are not exactly those of the network; the message lists every difference.</exception>
    public static TModule Load<TModule>(string path, Func<ParameterPath, TModule> build, DType dtype = DType.Float32, Device? device = null, bool trainable = false, Func<string, bool>? isOmitted = null,
        WeightStorage storage = WeightStorage.Auto, bool streamed = false)
        where TModule : Module
    {
        using Checkpoint checkpoint = Open(path);
        return Build(checkpoint, build, dtype, device, trainable, isOmitted, storage, streamed);
    }

    /// <summary>Builds a network from weights, wherever they come from; the rest as <see cref="Load"/>.</summary>
    /// <param name="weights">The weights; they may be disposed once the network is built.</param>
    /// <param name="build">Makes the network from the root of its parameter names.</param>
    /// <param name="dtype">Element type of the parameters in memory.</param>
    /// <param name="device">Where they go.</param>
    /// <param name="trainable">Whether they take part in training.</param>
    /// <param name="isOmitted">Tensors of the weights that the network leaves out on purpose.</param>
    /// <param name="storage">In which form matrices and kernels stay in memory.</param>
    /// <param name="streamed">Whether they stay in the file and pass through memory block by block.</param>
    /// <exception cref="CheckpointException">The weights are not exactly those of the network; the message lists every difference.</exception>
    public static TModule Build<TModule>(IWeights weights, Func<ParameterPath, TModule> build, DType dtype = DType.Float32, Device? device = null, bool trainable = false, Func<string, bool>? isOmitted = null,
        WeightStorage storage = WeightStorage.Auto, bool streamed = false)
        where TModule : Module
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(build);
        var source = new CheckpointParameters(weights, trainable, isOmitted, storage, streamed);
        ParameterPath root = ParameterPath.Root(source, dtype, device);
        try
        {
            TModule module = build(root);
            source.Report.ThrowUnlessEmpty();
            // Buffers of conversions are of sizes that the network's own work does not ask for.
            EngineRuntime.TrimHostMemory();
            return module;
        }
        catch
        {
            root.Store.Dispose();
            throw;
        }
    }

    /// <summary>
    /// SHA-256, in lower-case hexadecimal, of the weights: of the file's bytes, or for shards of their hashes in name order.
    /// Remembered for the life of the process while length and time of the file stay the same.
    /// </summary>
    public string Sha256()
    {
        if (_files.Length == 1)
        {
            return HashFile(_files[0].Path);
        }
        string all = string.Concat(_files.Select(f => f.Path).Order(StringComparer.Ordinal).Select(HashFile));
        return Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(all)));
    }

    /// <summary>SHA-256 of a file in lower-case hexadecimal, remembered as <see cref="Sha256"/> says.</summary>
    public static string HashFile(string path)
    {
        var info = new FileInfo(path);
        return KnownHashes.GetOrAdd((info.FullName, info.Length, info.LastWriteTimeUtc), static key =>
        {
            using FileStream file = File.OpenRead(key.Path);
            return Convert.ToHexStringLower(SHA256.HashData(file));
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IWeightFile file in _files)
        {
            file.Dispose();
        }
    }

    private static string FindInFolder(string folder)
    {
        foreach (string pattern in Patterns)
        {
            string[] found = Directory.GetFiles(folder, pattern);
            // Of several, the one of the usual name without a variant.
            string[] usual = found.Length > 1 ? [.. found.Where(f => Usual.Contains(System.IO.Path.GetFileName(f)[..^(pattern.Length - 1)], StringComparer.Ordinal))] : found;
            if (usual.Length == 1)
            {
                return usual[0];
            }
            if (found.Length > 0)
            {
                throw new CheckpointException($"{folder} holds several weight files ({string.Join(", ", found.Select(System.IO.Path.GetFileName).Order(StringComparer.Ordinal))}); name the one to load.");
            }
        }
        throw new CheckpointException($"{folder} holds no {Extension} file, nor a .gguf, .bin, .pth, .pt or .ckpt.");
    }

    private static Checkpoint OpenSingle(string path)
    {
        IWeightFile file = OpenFile(path);
        var checkpoint = new Checkpoint(path, [file]);
        foreach (string name in file.Tensors.Keys)
        {
            checkpoint._fileOfTensor.Add(name, file);
        }
        return checkpoint;
    }

    private static Checkpoint OpenShards(string indexPath)
    {
        SortedDictionary<string, string> map = ReadIndex(indexPath);
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(indexPath))!;
        var files = new SortedDictionary<string, IWeightFile>(StringComparer.Ordinal);
        try
        {
            foreach (string shard in map.Values.Distinct(StringComparer.Ordinal))
            {
                string path = System.IO.Path.Combine(folder, shard);
                if (!File.Exists(path))
                {
                    string first = map.First(m => m.Value == shard).Key;
                    throw new CheckpointException($"{indexPath}: the shard {shard} is not there, which should hold `{first}`; download it, or all of the model again.");
                }
                files.Add(shard, OpenFile(path));
            }
            var checkpoint = new Checkpoint(indexPath, [.. files.Values]);
            foreach (var (name, shard) in map)
            {
                if (!files[shard].Tensors.ContainsKey(name))
                {
                    throw new CheckpointException($"{indexPath}: `{name}` should be in {shard}, which lacks it.");
                }
                checkpoint._fileOfTensor.Add(name, files[shard]);
            }
            foreach (var (shard, file) in files)
            {
                if (file.Tensors.Keys.FirstOrDefault(n => !map.TryGetValue(n, out string? s) || s != shard) is { } stray)
                {
                    throw new CheckpointException($"{indexPath}: {shard} holds `{stray}`, which the index does not place there.");
                }
            }
            return checkpoint;
        }
        catch
        {
            foreach (IWeightFile file in files.Values)
            {
                file.Dispose();
            }
            throw;
        }
    }

    private static SortedDictionary<string, string> ReadIndex(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxIndexBytes)
            {
                throw new CheckpointException(string.Create(CultureInfo.InvariantCulture, $"{path}: {file.Length} bytes; an index has at most {MaxIndexBytes}."));
            }
            using JsonDocument json = JsonDocument.Parse(file, new JsonDocumentOptions { MaxDepth = 8 });
            var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty entry in json.RootElement.GetProperty("weight_map").EnumerateObject())
            {
                string shard = entry.Value.GetString() ?? "";
                string extension = System.IO.Path.GetExtension(shard);
                // A plain name beside the index: nothing that could lead elsewhere.
                if ((extension != Extension && !Pickled.Contains(extension, StringComparer.Ordinal)) || shard != System.IO.Path.GetFileName(shard) || shard.Contains('\\', StringComparison.Ordinal))
                {
                    throw new CheckpointException($"{path}: `{entry.Name}` is in '{shard}', expected the name of a {Extension} file in the same folder.");
                }
                if (!map.TryAdd(entry.Name, shard))
                {
                    throw new CheckpointException($"{path}: `{entry.Name}` occurs twice.");
                }
            }
            return map.Count > 0 ? map : throw new CheckpointException($"{path}: weight_map is empty.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {e.Message} Expected {{ \"weight_map\": {{ name: file }} }}.", e);
        }
    }
}
