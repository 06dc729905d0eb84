// The header of a safetensors file, read as if an adversary had written it.
// Source: huggingface/safetensors v0.5, README.md ("Format") and safetensors/src/tensor.rs (validation).
//
// Layout    8 bytes little-endian N, N bytes of JSON, then the elements. The JSON is
//           { "__metadata__": { key: string }, name: { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] } },
//           offsets counted from the first byte behind the JSON; tensors cover that region without gap or overlap.

using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;

namespace Kinora.Engine.Checkpoints;

/// <summary>
/// A checked header. What it says is trusted only after the whole of it agrees with itself and with the length of the file;
/// reading allocates in proportion to the JSON that is really there, never to a number found in it.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Largest header that the format allows.</summary>
    public const long MaxBytes = 100_000_000;

    private const int MaxRank = 8; // the engine's limit
    private const int MaxNameBytes = 1024;

    private SafetensorsHeader(Dictionary<string, StoredTensor> tensors, Dictionary<string, string> metadata)
    {
        Tensors = tensors;
        Names = tensors.Keys;
        Metadata = metadata;
    }

    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    public IReadOnlyCollection<string> Names { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Length of the JSON according to the first eight bytes, checked against the file.</summary>
    /// <exception cref="CheckpointException">The file cannot hold a header of that length.</exception>
    public static int CheckLength(ReadOnlySpan<byte> firstEightBytes, long fileLength, string file)
    {
        if (fileLength < 8 + 2 || firstEightBytes.Length < 8)
        {
            throw Damaged(file, Invariant($"{fileLength} bytes are too few for a header"));
        }
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(firstEightBytes);
        if (length < 2 || length > MaxBytes)
        {
            throw Damaged(file, Invariant($"the header length is {length}, expected 2 to {MaxBytes}; the file is damaged or not safetensors"));
        }
        if ((long)length > fileLength - 8)
        {
            throw Damaged(file, Invariant($"the header length is {length}, but only {fileLength - 8} bytes follow; the file is truncated or not safetensors"));
        }
        return (int)length;
    }

    /// <summary>Reads and checks the JSON.</summary>
    /// <param name="json">The bytes between the length and the elements.</param>
    /// <param name="fileLength">Length of the whole file.</param>
    /// <param name="file">The name that messages use.</param>
    /// <exception cref="CheckpointException">Anything in it is malformed, contradicts itself or does not fit the file.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength, string file)
    {
        try
        {
            return new Parser(file, 8 + json.Length, fileLength).Read(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new CheckpointException($"{file}: the header is not valid JSON: {e.Message}", e);
        }
    }

    private static CheckpointException Damaged(string file, string problem) => new($"{file}: {problem}.");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed class Parser(string file, long dataStart, long fileLength)
    {
        private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
        private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
        private bool _hasMetadata;

        public SafetensorsHeader Read(ReadOnlySpan<byte> json)
        {
            if (json[0] != (byte)'{')
            {
                throw Damaged(file, Invariant($"the header begins with byte 0x{json[0]:X2}, expected '{{'"));
            }
            // Root, tensor, array: three levels and no more.
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 3 });
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = Name(ref reader);
                reader.Read();
                if (name == "__metadata__")
                {
                    ReadMetadata(ref reader);
                }
                else
                {
                    ReadTensor(ref reader, name);
                }
            }
            long end = reader.BytesConsumed;
            if (json[(int)end..].ContainsAnyExcept((byte)' '))
            {
                throw Damaged(file, "bytes other than padding spaces follow the header's closing brace");
            }
            CheckCoverage();
            return new SafetensorsHeader(_tensors, _metadata);
        }

        private string Name(ref Utf8JsonReader reader)
        {
            if (reader.ValueSpan.Length > MaxNameBytes)
            {
                throw Damaged(file, Invariant($"a name of {reader.ValueSpan.Length} bytes begins at byte {reader.TokenStartIndex + 8}; at most {MaxNameBytes} are allowed"));
            }
            return reader.GetString()!;
        }

        private void ReadMetadata(ref Utf8JsonReader reader)
        {
            if (_hasMetadata)
            {
                throw Damaged(file, "__metadata__ occurs twice");
            }
            _hasMetadata = true;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw Damaged(file, "__metadata__ is not an object");
            }
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = Name(ref reader);
                reader.Read();
                if (reader.TokenType != JsonTokenType.String)
                {
                    throw Damaged(file, $"__metadata__ '{key}' is not a string");
                }
                if (!_metadata.TryAdd(key, reader.GetString()!))
                {
                    throw Damaged(file, $"__metadata__ '{key}' occurs twice");
                }
            }
        }

        private void ReadTensor(ref Utf8JsonReader reader, string name)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw Damaged(file, $"`{name}`: expected an object with dtype, shape and data_offsets");
            }
            StorageType? type = null;
            long[]? shape = null;
            long[]? offsets = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = Name(ref reader);
                reader.Read();
                bool repeated = key switch
                {
                    "dtype" => type is not null,
                    "shape" => shape is not null,
                    "data_offsets" => offsets is not null,
                    _ => throw Damaged(file, $"`{name}`: unknown key '{key}'"),
                };
                if (repeated)
                {
                    throw Damaged(file, $"`{name}`: {key} occurs twice");
                }
                if (key == "dtype")
                {
                    type = ReadType(ref reader, name);
                }
                else if (key == "shape")
                {
                    shape = ReadNumbers(ref reader, name, key, MaxRank);
                }
                else
                {
                    offsets = ReadNumbers(ref reader, name, key, 2);
                }
            }
            if (type is not { } known || shape is null || offsets is not { Length: 2 })
            {
                throw Damaged(file, $"`{name}`: expected dtype, shape and data_offsets [begin, end]");
            }
            StoredTensor tensor = Check(name, known, shape, offsets[0], offsets[1]);
            if (!_tensors.TryAdd(name, tensor))
            {
                throw Damaged(file, $"`{name}` occurs twice");
            }
        }

        private StorageType ReadType(ref Utf8JsonReader reader, string name)
        {
            if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > 32)
            {
                throw Damaged(file, $"`{name}`: dtype is not a type name");
            }
            string text = reader.GetString()!;
            return StorageTypes.Find(text) ?? throw Damaged(file, $"`{name}`: dtype '{text}' is not supported");
        }

        private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key, int most)
        {
            if (reader.TokenType != JsonTokenType.StartArray)
            {
                throw Damaged(file, $"`{name}`: {key} is not an array");
            }
            Span<long> numbers = stackalloc long[MaxRank];
            int n = 0;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (n == most)
                {
                    throw Damaged(file, Invariant($"`{name}`: {key} has more than {most} numbers"));
                }
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value) || value < 0)
                {
                    throw Damaged(file, $"`{name}`: {key} holds something other than whole numbers from 0 to 2^63 - 1");
                }
                numbers[n++] = value;
            }
            return numbers[..n].ToArray();
        }

        private StoredTensor Check(string name, StorageType type, long[] shape, long begin, long end)
        {
            long dataLength = fileLength - dataStart;
            if (begin > end || end > dataLength)
            {
                string truncated = begin <= end && end <= long.MaxValue - dataStart ? Invariant($"; the file has {fileLength} bytes, the header speaks of {dataStart + end} or more: it is truncated or damaged") : "";
                throw Damaged(file, Invariant($"`{name}`: data_offsets [{begin}, {end}] lie outside the {dataLength} bytes of elements{truncated}"));
            }
            long bytes = StorageTypes.BytesOf(type, shape) ?? throw Damaged(file, $"`{name}`: shape [{string.Join(", ", shape)}] holds more than 2^63 bytes");
            if (bytes != end - begin)
            {
                throw Damaged(file, Invariant($"`{name}`: {type.FileName()}[{string.Join(", ", shape)}] needs {bytes} bytes, data_offsets [{begin}, {end}] give {end - begin}"));
            }
            return new StoredTensor(name, type, shape, dataStart + begin, end - begin);
        }

        /// <summary>Tensors must cover the bytes behind the header exactly once.</summary>
        private void CheckCoverage()
        {
            long position = dataStart;
            foreach (StoredTensor tensor in _tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.NumBytes))
            {
                if (tensor.Offset != position)
                {
                    string what = tensor.Offset < position ? "overlaps the tensor before it" : "leaves a hole before it";
                    throw Damaged(file, Invariant($"`{tensor.Name}`: data_offsets begin at {tensor.Offset - dataStart}, expected {position - dataStart}; it {what}"));
                }
                position += tensor.NumBytes;
            }
            if (position != fileLength)
            {
                throw Damaged(file, Invariant($"{fileLength - position} bytes behind the last tensor belong to none"));
            }
        }
    }
}
