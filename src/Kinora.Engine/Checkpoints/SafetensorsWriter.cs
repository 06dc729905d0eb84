// Writes safetensors files. Equal tensors and metadata give equal bytes: tensors lie by falling element size, then by name,
// metadata by key, and the header is padded with spaces so that the elements begin at a multiple of 64 bytes.

using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Kinora.Engine.Checkpoints;

/// <summary>Writes safetensors files, whole or not at all.</summary>
public static unsafe class SafetensorsWriter
{
    private const int Alignment = 64;
    private const int ChunkBytes = 1 << 26;

    /// <summary>Writes tensors to <paramref name="path"/>. The file appears only when it is complete and on the device.</summary>
    /// <param name="path">The file; an older one is replaced.</param>
    /// <param name="tensors">Tensors by parameter name, on any device.</param>
    /// <param name="metadata">Strings for the header's <c>__metadata__</c>.</param>
    /// <param name="floatsAs">The type to store floating-point tensors in; by default each one's own.</param>
    /// <exception cref="CheckpointException">The file cannot be written; what was there before is untouched.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null, DType? floatsAs = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        WriteOneByOne(path, tensors.Select(t => new TensorToWrite(t.Key, t.Value.Shape, floatsAs is { } f && t.Value.DType.IsFloatingPoint() ? f : t.Value.DType, () => t.Value)), metadata);
    }

    /// <summary>Writes tensors that are made one after the other, so that memory holds one of them at a time.</summary>
    /// <param name="path">The file; an older one is replaced.</param>
    /// <param name="tensors">What to write.</param>
    /// <param name="metadata">Strings for the header's <c>__metadata__</c>.</param>
    /// <exception cref="CheckpointException">The file cannot be written, or a tensor is not of the shape that was announced; what was there before is untouched.</exception>
    public static void WriteOneByOne(string path, IEnumerable<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var items = tensors
            .OrderByDescending(t => t.DType.ItemSize())
            .ThenBy(t => t.Name, StringComparer.Ordinal)
            .ToArray();
        if (items.GroupBy(i => i.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new CheckpointException($"{path}: `{twice.Key}` was given twice.");
        }
        byte[] header = Header(items, metadata);
        try
        {
            AtomicFile.Write(path, file =>
            {
                file.Write(header);
                foreach (TensorToWrite item in items)
                {
                    using var scope = TensorScope.Enter();
                    Tensor tensor = item.Read();
                    if (!tensor.Shape.AsSpan().SequenceEqual(item.Shape))
                    {
                        throw new CheckpointException($"{path}: `{item.Name}` is [{string.Join(", ", tensor.Shape)}], announced were [{string.Join(", ", item.Shape)}].");
                    }
                    WriteElements(file, tensor, item.DType);
                }
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {e.Message}", e);
        }
    }

    private static byte[] Header(TensorToWrite[] items, IReadOnlyDictionary<string, string>? metadata)
    {
        var json = new ArrayBufferWriter<byte>(64 + items.Length * 128);
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                writer.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                {
                    writer.WriteString(key, value);
                }
                writer.WriteEndObject();
            }
            long begin = 0;
            foreach (var (name, shape, dtype, _) in items)
            {
                long end = begin + shape.Aggregate(1L, (n, size) => n * size) * dtype.ItemSize();
                writer.WriteStartObject(name);
                writer.WriteString("dtype", StorageTypes.Of(dtype).FileName());
                writer.WriteStartArray("shape");
                foreach (long size in shape)
                {
                    writer.WriteNumberValue(size);
                }
                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(begin);
                writer.WriteNumberValue(end);
                writer.WriteEndArray();
                writer.WriteEndObject();
                begin = end;
            }
            writer.WriteEndObject();
        }
        int padded = (8 + json.WrittenCount + Alignment - 1) / Alignment * Alignment;
        var bytes = new byte[padded];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)(padded - 8));
        json.WrittenSpan.CopyTo(bytes.AsSpan(8));
        bytes.AsSpan(8 + json.WrittenCount).Fill((byte)' ');
        return bytes;
    }

    private static void WriteElements(FileStream file, Tensor tensor, DType dtype)
    {
        using var scope = TensorScope.Enter();
        Tensor host = tensor.Detach().To(Device.Cpu);
        host = (host.DType == dtype ? host : host.To(dtype)).Contiguous();
        byte* data = (byte*)host.Info.Data;
        long left = host.NumElements * dtype.ItemSize();
        while (left > 0)
        {
            int chunk = (int)Math.Min(left, ChunkBytes);
            file.Write(new ReadOnlySpan<byte>(data, chunk));
            data += chunk;
            left -= chunk;
        }
    }
}
