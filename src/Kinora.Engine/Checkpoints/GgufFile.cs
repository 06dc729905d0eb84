// GGUF: weights with block quantization. Source: ggml-org/ggml, docs/gguf.md, versions 2 and 3.
//
// Layout    "GGUF", u32 version, u64 tensors, u64 keys; keys: string, u32 type, value; tensors: string, u32 n, u64 sizes[n] (innermost
//           first), u32 type, u64 offset; then, at the next multiple of general.alignment, the elements.

using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Kinora.Engine.Checkpoints;

/// <summary>A GGUF file, mapped into memory. Quantized tensors are decoded when they are read. Reading is thread-safe.</summary>
public sealed class GgufFile : IWeightFile
{
    private const string ShapePrefix = "comfy.gguf.orig_shape.";

    private readonly MappedFile _file;
    private readonly GgufHeader _header;

    private GgufFile(MappedFile file, GgufHeader header)
    {
        _file = file;
        _header = header;
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _header.Tensors;

    /// <summary>Keys whose values are strings, numbers or booleans, as text.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _header.Tensors.Keys;

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, any field of its header is wrong, or a type is not supported.</exception>
    public static GgufFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new GgufFile(file, new GgufHeader(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public StoredTensor? Find(string name) => _header.Tensors.GetValueOrDefault(name);

    /// <inheritdoc/>
    public Tensor Read(string name, DType? dtype = null, Device? device = null) =>
        _header.Tensors.TryGetValue(name, out StoredTensor? stored)
            ? _file.Read(stored, dtype, device)
            : throw new CheckpointException($"{Path} has no tensor `{name}`.");

    /// <inheritdoc/>
    public StoredElements? ReadStored(string name) => _header.Tensors.TryGetValue(name, out StoredTensor? stored) ? _file.ReadStored(stored) : null;

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>Reads front to back; every length is checked against what is left before anything of that length is made.</summary>
    private sealed class GgufHeader
    {
        private const int MaxRank = 8, MaxNameBytes = 1024, MaxTextBytes = 1 << 20, MaxArrayDepth = 2;
        private const long DefaultAlignment = 32, MaxAlignment = 1 << 16;

        private readonly MappedFile _file;
        private readonly Dictionary<string, long[]> _shapes = new(StringComparer.Ordinal);
        private readonly HashSet<string> _keys = new(StringComparer.Ordinal);
        private long _at;

        public GgufHeader(MappedFile file)
        {
            _file = file;
            if (!Take(4).SequenceEqual("GGUF"u8))
            {
                throw Damaged("it does not begin with 'GGUF'");
            }
            uint version = UInt32();
            if (version is not (2 or 3))
            {
                throw Damaged(Invariant($"GGUF version {version}; 2 and 3 are supported"));
            }
            ulong tensors = UInt64();
            ulong keys = UInt64();
            // A tensor takes at least 32 bytes of header, a key at least 13.
            if (tensors > (ulong)(file.Length / 32) || keys > (ulong)(file.Length / 13))
            {
                throw Damaged(Invariant($"it declares {tensors} tensors and {keys} keys, more than {file.Length} bytes can hold"));
            }
            for (ulong i = 0; i < keys; i++)
            {
                ReadKey();
            }
            ReadTensors((int)tensors);
        }

        public Dictionary<string, StoredTensor> Tensors { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

        private void ReadKey()
        {
            string key = Text(MaxNameBytes);
            if (!_keys.Add(key))
            {
                throw Damaged($"the key '{key}' occurs twice");
            }
            uint type = UInt32();
            if (type == 9)
            {
                bool isShape = key.StartsWith(ShapePrefix, StringComparison.Ordinal);
                long[]? values = ReadArray(key, 0, isShape);
                if (isShape && values is not null)
                {
                    _shapes.Add(key[ShapePrefix.Length..], values);
                }
                return;
            }
            Metadata.Add(key, type switch
            {
                0 => Show(Take(1)[0]),
                1 => Show((sbyte)Take(1)[0]),
                2 => Show(BinaryPrimitives.ReadUInt16LittleEndian(Take(2))),
                3 => Show(BinaryPrimitives.ReadInt16LittleEndian(Take(2))),
                4 => Show(UInt32()),
                5 => Show((int)UInt32()),
                6 => Show(BinaryPrimitives.ReadSingleLittleEndian(Take(4))),
                7 => Take(1)[0] != 0 ? "true" : "false",
                8 => Text(MaxTextBytes),
                10 => Show(UInt64()),
                11 => Show((long)UInt64()),
                12 => Show(BinaryPrimitives.ReadDoubleLittleEndian(Take(8))),
                _ => throw Damaged(Invariant($"the key '{key}' is of the unknown type {type}")),
            });
        }

        /// <summary>Passes over an array; its whole numbers when they are wanted and of 32 bits.</summary>
        private long[]? ReadArray(string key, int depth, bool isWanted)
        {
            uint type = UInt32();
            ulong count = UInt64();
            long left = _file.Length - _at;
            int size = type switch { 0 or 1 or 7 => 1, 2 or 3 => 2, 4 or 5 or 6 => 4, 10 or 11 or 12 => 8, 8 => 8, 9 when depth < MaxArrayDepth => 12, _ => throw Damaged(Invariant($"the key '{key}' is an array of the unknown type {type}")) };
            if (count > (ulong)(left / size))
            {
                throw Damaged(Invariant($"the key '{key}' is an array of {count} items, more than the {left} bytes behind it can hold"));
            }
            if (type == 8 || type == 9)
            {
                for (ulong i = 0; i < count; i++)
                {
                    if (type == 8)
                    {
                        Skip(UInt64(), key);
                    }
                    else
                    {
                        ReadArray(key, depth + 1, isWanted: false);
                    }
                }
                return null;
            }
            if (!isWanted || type is not (4 or 5) || count > MaxRank)
            {
                Skip(count * (ulong)size, key);
                return null;
            }
            var values = new long[count];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (int)UInt32();
            }
            return values;
        }

        private void ReadTensors(int count)
        {
            var infos = new List<(string Name, StorageType Type, long[] Shape, long Offset, long Bytes)>(count);
            for (int i = 0; i < count; i++)
            {
                string name = Text(MaxNameBytes);
                uint rank = UInt32();
                if (rank > MaxRank)
                {
                    throw Damaged(Invariant($"`{name}` has {rank} dimensions; at most {MaxRank} are supported"));
                }
                var shape = new long[rank];
                for (int d = (int)rank - 1; d >= 0; d--)
                {
                    ulong size = UInt64();
                    shape[d] = size <= long.MaxValue ? (long)size : throw Damaged(Invariant($"`{name}` has a dimension of {size}"));
                }
                uint code = UInt32();
                StorageType type = TypeOf(code) ?? throw Damaged(Invariant($"`{name}` is of the GGUF type {code}{NameOf(code)}, which is not supported; convert the file to F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL or IQ4_XS"));
                ulong offset = UInt64();
                long bytes = StorageTypes.BytesOf(type, shape) ?? throw Damaged(Invariant($"`{name}`: [{string.Join(", ", shape)}] does not divide into blocks of {type.BlockElements()} or holds more than 2^63 bytes"));
                if (rank > 0 && shape[^1] % type.BlockElements() != 0)
                {
                    throw Damaged(Invariant($"`{name}`: rows of {shape[^1]} elements do not divide into blocks of {type.BlockElements()}"));
                }
                infos.Add((name, type, shape, offset <= long.MaxValue ? (long)offset : throw Damaged(Invariant($"`{name}` begins at {offset}")), bytes));
            }
            long alignment = DefaultAlignment;
            if (Metadata.TryGetValue("general.alignment", out string? stated)
                && (!long.TryParse(stated, NumberStyles.None, CultureInfo.InvariantCulture, out alignment) || alignment is < 1 or > MaxAlignment || !long.IsPow2(alignment)))
            {
                throw Damaged($"general.alignment is {stated}, expected a power of two up to {MaxAlignment}");
            }
            long start = (_at + alignment - 1) / alignment * alignment;
            long available = _file.Length - start;
            foreach (var (name, type, shape, offset, bytes) in infos)
            {
                if (offset % alignment != 0 || bytes > available || offset > available - bytes)
                {
                    throw Damaged(Invariant($"`{name}`: {bytes} bytes at {offset} lie outside the {Math.Max(0, available)} bytes of elements, or not at a multiple of {alignment}; the file is truncated or damaged"));
                }
                long[] final = shape;
                if (_shapes.TryGetValue(name, out long[]? original))
                {
                    if (original.Any(s => s < 0) || StorageTypes.BytesOf(StorageType.UInt8, original) != StorageTypes.BytesOf(StorageType.UInt8, shape))
                    {
                        throw Damaged($"`{name}`: {ShapePrefix}* says [{string.Join(", ", original)}], the tensor has [{string.Join(", ", shape)}]");
                    }
                    final = original;
                }
                if (!Tensors.TryAdd(name, new StoredTensor(name, type, final, start + offset, bytes)))
                {
                    throw Damaged($"`{name}` occurs twice");
                }
            }
            long end = start;
            foreach (StoredTensor tensor in Tensors.Values.Where(t => t.NumBytes > 0).OrderBy(t => t.Offset))
            {
                if (tensor.Offset < end)
                {
                    throw Damaged($"`{tensor.Name}` overlaps the tensor before it");
                }
                end = tensor.Offset + tensor.NumBytes;
            }
        }

        private static StorageType? TypeOf(uint code) => code switch
        {
            0 => StorageType.Float32,
            1 => StorageType.Float16,
            2 => StorageType.Q4_0,
            3 => StorageType.Q4_1,
            6 => StorageType.Q5_0,
            7 => StorageType.Q5_1,
            8 => StorageType.Q8_0,
            10 => StorageType.Q2_K,
            11 => StorageType.Q3_K,
            12 => StorageType.Q4_K,
            13 => StorageType.Q5_K,
            14 => StorageType.Q6_K,
            20 => StorageType.IQ4_NL,
            23 => StorageType.IQ4_XS,
            24 => StorageType.Int8,
            25 => StorageType.Int16,
            26 => StorageType.Int32,
            27 => StorageType.Int64,
            28 => StorageType.Float64,
            30 => StorageType.BFloat16,
            _ => null,
        };

        private static string NameOf(uint code) => code switch
        {
            9 => " (Q8_1)", 15 => " (Q8_K)",
            >= 16 and <= 23 or 29 => " (an IQ type)", 34 or 35 => " (a ternary type)", _ => "",
        };

        private static string Show<T>(T value) where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);

        private string Text(int mostBytes)
        {
            ulong length = UInt64();
            if (length > (ulong)mostBytes)
            {
                throw Damaged(Invariant($"a text of {length} bytes at byte {_at - 8}; at most {mostBytes} are allowed"));
            }
            return Encoding.UTF8.GetString(Take((int)length));
        }

        private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

        private ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

        private void Skip(ulong count, string key)
        {
            if (count > (ulong)(_file.Length - _at))
            {
                throw Damaged($"the key '{key}' reaches beyond the end of the file");
            }
            _at += (long)count;
        }

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count > _file.Length - _at)
            {
                throw Damaged(Invariant($"the header ends at byte {_file.Length}, where {count} more bytes are needed; the file is truncated"));
            }
            ReadOnlySpan<byte> taken = _file.Bytes(_at, count);
            _at += count;
            return taken;
        }

        private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

        private CheckpointException Damaged(string problem) => new($"{_file.Path}: {problem}.");
    }
}
