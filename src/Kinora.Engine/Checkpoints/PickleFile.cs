// Weights that torch.save wrote: .pt, .pth, .ckpt, .bin. Read without Python and without running anything of theirs.
// Source: PyTorch 2.5, torch/serialization.py: a zip archive with data.pkl and one entry per storage, or, before 1.6, pickles one behind
// the other (magic number, protocol, system facts, object, storage keys) and then the storages.
// A TorchScript archive is the same zip with a program beside the weights (torch/csrc/jit/serialization/export_module.cpp): data.pkl describes
// modules as objects of the program's classes, whose members are tensors and further modules. The program, code/ and constants.pkl, stays closed.

using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Kinora.Engine.Checkpoints;

/// <summary>A pickled file of weights or the weights of a TorchScript archive, mapped into memory. Only tensors come out of it. Reading is thread-safe.</summary>
public sealed unsafe class PickleFile : IWeightFile
{
    private const string PickleEntry = "data.pkl", StorageFolder = "data/", ByteOrderEntry = "byteorder";
    private const int MaxPickleBytes = 512 << 20;
    private const int MaxDepth = 6, MaxTensors = 1_000_000;
    private const long LegacyProtocol = 1001;

    // Where training scripts put the weights among their notes.
    private static readonly string[] Wrappers = ["state_dict", "model_state_dict", "model", "module", "params_ema", "params", "net", "generator"];
    private static readonly BigInteger LegacyMagic = BigInteger.Parse("119547037146038801333356", CultureInfo.InvariantCulture);

    private readonly MappedFile _file;
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Offset, PickleTensor Tensor)> _strided = new(StringComparer.Ordinal);

    private PickleFile(MappedFile file) => _file = file;

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    /// <summary>Empty: a pickle's notes stay closed.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Maps a file and reads what its pickle says about tensors.</summary>
    /// <exception cref="CheckpointException">
    /// The file cannot be read, is damaged, holds no tensors, or its pickle uses an opcode or a name that weights do not need.
    /// </exception>
    public static PickleFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            var result = new PickleFile(file);
            bool isZip = file.Length > 4 && file.Bytes(0, 4).SequenceEqual("PK\x3\x4"u8);
            object? root = isZip ? result.OpenArchive(out var storages) : result.OpenLegacy(out storages);
            result.Collect(root, storages);
            return result;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public StoredTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    /// <inheritdoc/>
    public Tensor Read(string name, DType? dtype = null, Device? device = null)
    {
        if (!_tensors.TryGetValue(name, out StoredTensor? stored))
        {
            throw new CheckpointException($"{Path} has no tensor `{name}`.");
        }
        if (!_strided.TryGetValue(name, out var strided))
        {
            return _file.Read(stored, dtype, device);
        }
        using var scope = TensorScope.Enter();
        Tensor gathered = Gather(stored, strided.Offset, strided.Tensor);
        gathered = dtype is { } wanted && wanted != gathered.DType ? gathered.To(wanted) : gathered;
        gathered = device is { } place && place != Device.Cpu ? gathered.To(place) : gathered;
        return scope.Keep(gathered);
    }

    /// <inheritdoc/>
    public StoredElements? ReadStored(string name) =>
        _tensors.TryGetValue(name, out StoredTensor? stored) && !_strided.ContainsKey(name) ? _file.ReadStored(stored) : null;

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private object? OpenArchive(out Func<PickleStorage, (long Offset, long Length)?> storages)
    {
        var entries = ZipDirectory.Read(_file);
        string pickle = entries.Keys.Where(k => k == PickleEntry || k.EndsWith("/" + PickleEntry, StringComparison.Ordinal)).OrderBy(k => k.Length).FirstOrDefault()
            ?? throw Damaged($"the archive has no {PickleEntry}; this is not a file of torch.save");
        string prefix = pickle[..^PickleEntry.Length];
        bool isProgram = entries.ContainsKey(prefix + "constants.pkl");
        if (entries.TryGetValue(prefix + ByteOrderEntry, out var order) && order.Length == 3 && order.Offset != ZipDirectory.Unreadable && _file.Bytes(order.Offset, 3).SequenceEqual("big"u8))
        {
            throw Damaged("its numbers are big-endian, which is not supported");
        }
        var (at, length) = Readable(pickle);
        if (length > MaxPickleBytes)
        {
            throw Damaged(Invariant($"the pickle has {length} bytes; at most {MaxPickleBytes} are allowed"));
        }
        storages = storage => entries.ContainsKey(prefix + StorageFolder + storage.Key) ? Readable(prefix + StorageFolder + storage.Key) : null;
        return PickleMachine.Run(_file.Bytes(at, (int)length), Path, isProgram).Value;

        (long Offset, long Length) Readable(string name) =>
            entries[name] is { Offset: not ZipDirectory.Unreadable } entry ? entry : throw Damaged($"the entry '{name}' is compressed or encrypted; torch.save stores entries as they are");
    }

    private object? OpenLegacy(out Func<PickleStorage, (long Offset, long Length)?> storages)
    {
        long at = 0;
        if (Next() is not BigInteger magic || magic != LegacyMagic || Next() is not LegacyProtocol)
        {
            throw Damaged("neither a zip archive nor the older layout of torch.save");
        }
        Next();
        object? root = Next();
        if (Next() is not PickleList keys)
        {
            throw Damaged("the list of storages is missing");
        }
        // Sizes are known only with the types of the storages, which the object names.
        var types = new Dictionary<string, PickleStorage>(StringComparer.Ordinal);
        foreach (PickleStorage storage in StoragesOf(root))
        {
            types[storage.Key] = storage;
        }
        var found = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        foreach (object? key in keys.Items)
        {
            if (key is not string name || !types.TryGetValue(name, out PickleStorage? storage))
            {
                throw Damaged("a storage that no tensor names, so that its size is unknown");
            }
            if (_file.Length - at < 8)
            {
                throw Damaged($"the file ends before the storage '{name}'; it is truncated");
            }
            long elements = BinaryPrimitives.ReadInt64LittleEndian(_file.Bytes(at, 8));
            at += 8;
            if (elements != storage.Elements || elements > (_file.Length - at) / storage.Type.Size())
            {
                throw Damaged(Invariant($"the storage '{name}' has {elements} elements, expected {storage.Elements} and at most what {_file.Length - at} bytes hold"));
            }
            long bytes = elements * storage.Type.Size();
            if (!found.TryAdd(name, (at, bytes)))
            {
                throw Damaged($"the storage '{name}' occurs twice");
            }
            at += bytes;
        }
        storages = storage => found.TryGetValue(storage.Key, out var place) ? place : null;
        return root;

        object? Next()
        {
            int most = (int)Math.Min(_file.Length - at, MaxPickleBytes);
            var (value, length) = PickleMachine.Run(_file.Bytes(at, most), Path);
            at += length;
            return value;
        }
    }

    private static List<PickleStorage> StoragesOf(object? root)
    {
        var found = new List<PickleStorage>();
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var pending = new Stack<object?>([root]);
        while (pending.TryPop(out object? value))
        {
            if (value is PickleTensor tensor)
            {
                found.Add(tensor.Storage);
            }
            else if (value is not null and not string && !value.GetType().IsValueType && seen.Add(value))
            {
                IEnumerable<object?> inside = value switch
                {
                    PickleDict dict => dict.Items.Select(i => i.Value),
                    PickleList list => list.Items,
                    object?[] tuple => tuple,
                    _ => [],
                };
                foreach (object? item in inside)
                {
                    pending.Push(item);
                }
            }
        }
        return found;
    }

    private void Collect(object? root, Func<PickleStorage, (long Offset, long Length)?> storages)
    {
        if (root is not PickleDict dict)
        {
            throw Damaged("its object is no dictionary of tensors");
        }
        foreach (string wrapper in Wrappers)
        {
            if (dict.Items.Find(i => i.Key as string == wrapper).Value is PickleDict inner && inner.Items.Exists(i => i.Value is PickleTensor))
            {
                dict = inner;
                break;
            }
        }
        Walk(dict, "", 0, []);
        if (_tensors.Count == 0)
        {
            throw Damaged("it holds no tensors");
        }

        void Walk(PickleDict at, string prefix, int depth, HashSet<object> above)
        {
            if (depth > MaxDepth || !above.Add(at))
            {
                throw Damaged($"dictionaries within dictionaries at '{prefix}', more than {MaxDepth} deep");
            }
            foreach (var (key, value) in at.Items)
            {
                if (value is PickleTensor tensor)
                {
                    string name = key switch
                    {
                        string text => prefix + text,
                        long number => prefix + number.ToString(CultureInfo.InvariantCulture),
                        _ => throw Damaged($"a tensor under a key in '{prefix}' that is no text"),
                    };
                    Add(name, tensor, storages(tensor.Storage) ?? throw Damaged($"`{name}`: its storage '{tensor.Storage.Key}' is missing"));
                }
                else if (value is PickleDict inner && key is string or long)
                {
                    Walk(inner, string.Create(CultureInfo.InvariantCulture, $"{prefix}{key}."), depth + 1, above);
                }
            }
            above.Remove(at);
        }
    }

    private void Add(string name, PickleTensor tensor, (long Offset, long Length) place)
    {
        StorageType type = tensor.Storage.Type;
        int size = type.Size();
        if (tensor.Storage.Elements > place.Length / size)
        {
            throw Damaged(Invariant($"`{name}`: its storage declares {tensor.Storage.Elements} elements of {type.FileName()}, the entry has {place.Length} bytes"));
        }
        long bytes = StorageTypes.BytesOf(type, tensor.Shape) ?? throw Damaged($"`{name}`: [{string.Join(", ", tensor.Shape)}] holds more than 2^63 bytes");
        long elements = bytes / size;
        Int128 last = tensor.Offset;
        for (int d = 0; d < tensor.Shape.Length; d++)
        {
            last += (Int128)Math.Max(0, tensor.Shape[d] - 1) * tensor.Strides[d];
        }
        if (elements > 0 && (tensor.Offset < 0 || last >= tensor.Storage.Elements))
        {
            throw Damaged(Invariant($"`{name}`: [{string.Join(", ", tensor.Shape)}] with strides [{string.Join(", ", tensor.Strides)}] reaches beyond the {tensor.Storage.Elements} elements of its storage"));
        }
        if (elements > tensor.Storage.Elements)
        {
            throw Damaged(Invariant($"`{name}`: {elements} elements out of a storage of {tensor.Storage.Elements}; a repeated view is no parameter"));
        }
        long offset = elements == 0 ? place.Offset : place.Offset + tensor.Offset * size;
        if (_tensors.Count >= MaxTensors || !_tensors.TryAdd(name, new StoredTensor(name, type, tensor.Shape, offset, bytes)))
        {
            throw Damaged($"`{name}` occurs twice, or there are more than {MaxTensors} tensors");
        }
        if (elements > 0 && !IsContiguous(tensor))
        {
            _strided.Add(name, (place.Offset, tensor));
        }
    }

    private static bool IsContiguous(PickleTensor tensor)
    {
        long expected = 1;
        for (int d = tensor.Shape.Length - 1; d >= 0; d--)
        {
            if (tensor.Shape[d] != 1 && tensor.Strides[d] != expected)
            {
                return false;
            }
            expected *= tensor.Shape[d];
        }
        return true;
    }

    /// <summary>A contiguous copy of a tensor that is stored transposed or with gaps.</summary>
    private Tensor Gather(StoredTensor stored, long storageOffset, PickleTensor tensor)
    {
        int size = stored.Type.Size();
        Tensor result = Tensor.Empty(tensor.Shape, stored.Type.ToDType());
        byte* to = (byte*)result.Info.Data;
        var index = new long[tensor.Shape.Length];
        long from = tensor.Offset;
        for (long i = 0; i < stored.NumElements; i++)
        {
            _file.Bytes(storageOffset + from * size, size).CopyTo(new Span<byte>(to + i * size, size));
            for (int d = index.Length - 1; d >= 0; d--)
            {
                from += tensor.Strides[d];
                if (++index[d] < tensor.Shape[d])
                {
                    break;
                }
                from -= tensor.Strides[d] * tensor.Shape[d];
                index[d] = 0;
            }
        }
        return result;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private CheckpointException Damaged(string problem) => new($"{Path}: {problem}.");
}
