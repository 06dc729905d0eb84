// One safetensors file, mapped into memory. The header is checked in full before any element is touched.

using System.IO.MemoryMappedFiles;

namespace Kinora.Engine.Checkpoints;

/// <summary>
/// A safetensors file. Tensors whose type the engine computes in are views of the mapping (private to this process: writing to one
/// never reaches the file); the mapping goes away with the last of them. Reading is thread-safe.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly SafetensorsHeader _header;
    private readonly MemoryMappedFile _mapping;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _base;
    private volatile bool _disposed;

    private SafetensorsFile(string path, SafetensorsHeader header, MemoryMappedFile mapping, MemoryMappedViewAccessor view, byte* start)
    {
        Path = path;
        _header = header;
        _mapping = mapping;
        _view = view;
        _base = start;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What the file holds, by name.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _header.Tensors;

    /// <summary>The header's <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or any field of its header is wrong.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            long length = file.Length;
            Span<byte> first = stackalloc byte[8];
            int got = file.ReadAtLeast(first, 8, throwOnEndOfStream: false);
            int headerLength = SafetensorsHeader.CheckLength(first[..got], length, path);
            return Map(path, file, length, headerLength);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Loads one tensor.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="dtype">The element type wanted; by default the file's, widened where the engine has no counterpart.</param>
    /// <param name="device">Where to; the CPU by default.</param>
    /// <exception cref="CheckpointException">The file has no tensor of that name, or a value does not fit.</exception>
    public Tensor Read(string name, DType? dtype = null, Device? device = null)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!Tensors.TryGetValue(name, out StoredTensor? stored))
        {
            throw new CheckpointException($"{Path} has no tensor `{name}`.");
        }
        using var scope = TensorScope.Enter();
        Tensor tensor = ReadMapped(stored);
        if (dtype is { } wanted && wanted != tensor.DType)
        {
            tensor = tensor.To(wanted);
        }
        if (device is { } place && place != Device.Cpu)
        {
            tensor = tensor.To(place);
        }
        return scope.Keep(tensor);
    }

    /// <summary>Ends the use of the file; tensors that view it stay valid.</summary>
    public void Dispose()
    {
        _disposed = true;
        _view.Dispose();
        _mapping.Dispose();
    }

    private static SafetensorsFile Map(string path, FileStream file, long length, int headerLength)
    {
        MemoryMappedFile mapping = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        MemoryMappedViewAccessor? view = null;
        try
        {
            view = mapping.CreateViewAccessor(0, length, MemoryMappedFileAccess.CopyOnWrite);
            byte* start = (byte*)view.SafeMemoryMappedViewHandle.DangerousGetHandle() + view.PointerOffset;
            SafetensorsHeader header = SafetensorsHeader.Parse(new ReadOnlySpan<byte>(start + 8, headerLength), length, path);
            return new SafetensorsFile(path, header, mapping, view, start);
        }
        catch
        {
            view?.Dispose();
            mapping.Dispose();
            throw;
        }
    }

    private Tensor ReadMapped(StoredTensor stored)
    {
        // A reference keeps the mapping in place while it is read, whatever another thread disposes.
        var handle = _view.SafeMemoryMappedViewHandle;
        bool held = false;
        try
        {
            handle.DangerousAddRef(ref held);
            return ReadStored(stored);
        }
        finally
        {
            if (held)
            {
                handle.DangerousRelease();
            }
        }
    }

    private Tensor ReadStored(StoredTensor stored)
    {
        byte* data = _base + stored.Offset;
        long n = stored.NumElements;
        long[] shape = [.. stored.Shape];
        switch (stored.Type)
        {
            case StorageType.Float8E4M3:
                return Decode(shape, data, n, Float8.E4M3);
            case StorageType.Float8E5M2:
                return Decode(shape, data, n, Float8.E5M2);
            case StorageType.UInt16:
                Tensor int32 = Tensor.Empty(shape, DType.Int32);
                for (long i = 0; i < n; i++)
                {
                    ((int*)int32.Info.Data)[i] = Unaligned<ushort>(data, i);
                }
                return int32;
            case StorageType.UInt32:
                Tensor int64 = Tensor.Empty(shape, DType.Int64);
                for (long i = 0; i < n; i++)
                {
                    ((long*)int64.Info.Data)[i] = Unaligned<uint>(data, i);
                }
                return int64;
            case StorageType.UInt64:
                return DecodeUInt64(stored, shape, data, n);
            default:
                return IsAligned(data, stored.Type.Size()) && n > 0 ? View(stored, shape, data) : Copy(stored, shape, data);
        }
    }

    private static bool IsAligned(byte* data, int size) => ((nuint)data & (nuint)(size - 1)) == 0;

    private Tensor View(StoredTensor stored, long[] shape, byte* data)
    {
        var handle = _view.SafeMemoryMappedViewHandle;
        bool held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            Tensor view = Tensor.FromMemory(data, shape, stored.Type.ToDType(), () => handle.DangerousRelease());
            held = false;
            return view;
        }
        finally
        {
            if (held)
            {
                handle.DangerousRelease();
            }
        }
    }

    private static Tensor Copy(StoredTensor stored, long[] shape, byte* data)
    {
        Tensor copy = Tensor.Empty(shape, stored.Type.ToDType());
        Buffer.MemoryCopy(data, copy.Info.Data, stored.NumBytes, stored.NumBytes);
        return copy;
    }

    private static Tensor Decode(long[] shape, byte* data, long n, float[] table)
    {
        Tensor result = Tensor.Empty(shape, DType.Float32);
        float* to = (float*)result.Info.Data;
        for (long i = 0; i < n; i++)
        {
            to[i] = table[data[i]];
        }
        return result;
    }

    private Tensor DecodeUInt64(StoredTensor stored, long[] shape, byte* data, long n)
    {
        Tensor result = Tensor.Empty(shape, DType.Int64);
        long* to = (long*)result.Info.Data;
        for (long i = 0; i < n; i++)
        {
            ulong value = Unaligned<ulong>(data, i);
            to[i] = value <= long.MaxValue ? (long)value
                : throw new CheckpointException($"{Path}: `{stored.Name}` holds {value}, more than a signed 64-bit integer can.");
        }
        return result;
    }

    private static T Unaligned<T>(byte* data, long index) where T : unmanaged =>
        System.Runtime.CompilerServices.Unsafe.ReadUnaligned<T>(data + index * sizeof(T));
}
