// A file of weights in memory: mapped, not read. Tensors whose type the engine computes in are views of the mapping.

using System.IO.MemoryMappedFiles;

namespace Kinora.Engine.Checkpoints;

/// <summary>
/// A mapping of a whole file, private to this process: writing to a tensor never reaches the file. It goes away with the last tensor
/// that views it. Reading is thread-safe.
/// </summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _mapping;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _base;
    private volatile bool _disposed;

    private MappedFile(string path, long length, MemoryMappedFile mapping, MemoryMappedViewAccessor view)
    {
        Path = path;
        Length = length;
        _mapping = mapping;
        _view = view;
        _base = (byte*)view.SafeMemoryMappedViewHandle.DangerousGetHandle() + view.PointerOffset;
    }

    public string Path { get; }

    /// <summary>Bytes of the file; at least 1.</summary>
    public long Length { get; }

    /// <exception cref="CheckpointException">The file cannot be read or is empty.</exception>
    public static MappedFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            long length = file.Length;
            if (length == 0)
            {
                throw new CheckpointException($"{path}: 0 bytes are too few for a header.");
            }
            MemoryMappedFile mapping = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            try
            {
                return new MappedFile(path, length, mapping, mapping.CreateViewAccessor(0, length, MemoryMappedFileAccess.CopyOnWrite));
            }
            catch
            {
                mapping.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>A stretch of the file. It must lie inside, and nobody may dispose this object meanwhile.</summary>
    public ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - count);
        return new ReadOnlySpan<byte>(_base + offset, count);
    }

    /// <summary>Loads one tensor that lies inside the file.</summary>
    /// <exception cref="CheckpointException">A value does not fit.</exception>
    public Tensor Read(StoredTensor stored, DType? dtype, Device? device)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var scope = TensorScope.Enter();
        if (ReadStored(stored) is { } elements)
        {
            return scope.Keep(elements.ToTensor(dtype, device));
        }
        Tensor tensor = ReadMapped(stored);
        tensor = dtype is { } wanted && wanted != tensor.DType ? tensor.To(wanted) : tensor;
        return scope.Keep(device is { } place && place != Device.Cpu ? tensor.To(place) : tensor);
    }

    /// <summary>The elements of one tensor as they are stored; null for the types that are only read (unsigned integers of 16 bits and more).</summary>
    public StoredElements? ReadStored(StoredTensor stored)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (stored.NumBytes == 0 || stored.Type is StorageType.UInt16 or StorageType.UInt32 or StorageType.UInt64)
        {
            return null;
        }
        using var scope = TensorScope.Enter();
        byte* data = _base + stored.Offset;
        bool isBytes = StoredElements.IsBytes(stored.Type) || !IsAligned(data, stored.Type.Size());
        Tensor elements = isBytes ? View([stored.NumBytes], DType.UInt8, data) : View([.. stored.Shape], stored.Type.ToDType(), data);
        return new StoredElements(stored.Type, [.. stored.Shape], scope.Keep(elements), IsMapped: true);
    }

    /// <summary>Ends the use of the file; tensors that view it stay valid.</summary>
    public void Dispose()
    {
        _disposed = true;
        _view.Dispose();
        _mapping.Dispose();
    }

    private Tensor ReadMapped(StoredTensor stored)
    {
        // A reference keeps the mapping in place while it is read, whatever another thread disposes.
        var handle = _view.SafeMemoryMappedViewHandle;
        bool held = false;
        try
        {
            handle.DangerousAddRef(ref held);
            return ReadWidened(stored);
        }
        finally
        {
            if (held)
            {
                handle.DangerousRelease();
            }
        }
    }

    private Tensor ReadWidened(StoredTensor stored)
    {
        byte* data = _base + stored.Offset;
        long n = stored.NumElements;
        long[] shape = [.. stored.Shape];
        switch (stored.Type)
        {
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
                return Tensor.Empty(shape, stored.Type.ToDType());                               // no elements
        }
    }

    private static bool IsAligned(byte* data, int size) => ((nuint)data & (nuint)(size - 1)) == 0;

    private Tensor View(long[] shape, DType dtype, byte* data)
    {
        var handle = _view.SafeMemoryMappedViewHandle;
        bool held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            Tensor view = Tensor.FromMemory(data, shape, dtype, () => handle.DangerousRelease());
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
