// A weight that stays in fewer bits than the arithmetic, or in its file, and is decoded when its layer runs.
// Sources: 8-bit integers by output row as torchao v0.7 int8_weight_only does (symmetric, scale = max|w| / 127); 8-bit floats:
//          Micikevicius et al., arXiv:2209.05433; blocks: ggml-org/ggml, src/ggml-quants.c.
//
// Shapes    N rows (the first dimension)  K elements of a row
// Numerics  decoded values and scales multiply in float32 and are rounded once to the type asked for.

using Kinora.Engine.Native;

namespace Kinora.Engine.Checkpoints;

/// <summary>Elements in a stored form, with one scale or one for each row.</summary>
internal sealed class StoredWeight : Weight
{
    private const float LargestInt8 = 127, LargestE4M3 = 448, SmallestScale = 1e-30f;
    private const long ChunkElements = 2L << 20; // quantized at once, so that loading needs little beside the result
    private static readonly Op DequantizeOp = new("kinora::dequantize");

    private readonly StorageType _type;
    private readonly long[] _shape;
    private readonly Tensor _data;
    private readonly Tensor? _scales;
    private readonly DType _dtype;
    private readonly Device _device;
    private readonly WeightStream? _stream;

    /// <param name="type">The form.</param>
    /// <param name="shape">Sizes; the first counts rows.</param>
    /// <param name="data">As <see cref="StoredElements.Data"/>; owned from now on.</param>
    /// <param name="scales">float32 [1] or [N]; null for none. Owned from now on.</param>
    /// <param name="dtype">Type of the layer's arithmetic when nothing else is said.</param>
    /// <param name="device">Where it is used.</param>
    /// <param name="stream">Brings the pages in and gives them back; null when they stay.</param>
    public StoredWeight(StorageType type, IReadOnlyList<long> shape, Tensor data, Tensor? scales, DType dtype, Device device, WeightStream? stream = null)
    {
        (_type, _shape, _data, _scales, _dtype, _device, _stream) = (type, [.. shape], data.Own(), scales?.Own(), dtype, device, stream);
        _stream?.Add(this, data);
    }

    /// <summary>A weight as its file stores it.</summary>
    public static StoredWeight Of(StoredElements elements, DType dtype, Device device, WeightStream? stream = null)
    {
        using var scope = TensorScope.Enter();
        if (!StoredElements.IsBytes(elements.Type) && elements.Data.DType != elements.Type.ToDType())
        {
            // Elements at an odd place in the file.
            elements = elements with { Data = (elements with { Scale = 1 }).ToTensor(copy: true), IsMapped = false };
        }
        Tensor data = stream is null || !elements.IsMapped ? elements.Data.To(device) : elements.Data;
        Tensor? scales = elements.Scale == 1 ? null : Tensor.Full([1], elements.Scale).To(device);
        return new StoredWeight(elements.Type, elements.Shape, data, scales, dtype, device, elements.IsMapped ? stream : null);
    }

    /// <summary>A weight in 8 bits with a scale for each row.</summary>
    /// <param name="form">int8 or E4M3.</param>
    /// <param name="shape">Sizes; the first counts rows.</param>
    /// <param name="rows">Rows from a first one on, as many as the second number says, in float32 on the device.</param>
    /// <param name="dtype">Type of the layer's arithmetic when nothing else is said.</param>
    /// <param name="device">Where it is used.</param>
    public static StoredWeight Quantize(StorageType form, ReadOnlySpan<long> shape, Func<long, long, Tensor> rows, DType dtype, Device device)
    {
        using var scope = TensorScope.Enter();
        long n = shape[0], k = 1;
        foreach (long size in shape[1..])
        {
            k *= size;
        }
        long step = Math.Max(1, ChunkElements / Math.Max(1, k));
        Tensor data = Tensor.Empty([n, k], form == StorageType.Int8 ? DType.Int8 : DType.UInt8, device);
        Tensor scales = Tensor.Empty([n], DType.Float32, device);
        for (long start = 0; start < n; start += step)
        {
            using var part = TensorScope.Enter();
            long count = Math.Min(step, n - start);
            Tensor w = rows(start, count).Reshape(count, k);
            Tensor scale = w.Abs().Amax([1], keepDim: true) * (1 / (form == StorageType.Int8 ? LargestInt8 : LargestE4M3));
            scale = scale.Clamp(SmallestScale, float.MaxValue);                                  // a row of zeros
            Tensor q = w / scale;
            data.Narrow(0, start, count).CopyInPlace(form == StorageType.Int8 ? q.Round().To(DType.Int8) : Float8.Encode(q));
            scales.Narrow(0, start, count).CopyInPlace(scale.View(count));
        }
        return new StoredWeight(form, shape.ToArray(), data, scales, dtype, device);
    }

    public override DType DType => _dtype;

    public override IReadOnlyList<long> Shape => _shape;

    public override long NumBytes => _data.NumBytes + (_scales?.NumBytes ?? 0);

    /// <summary>Whether elements of this form can be decoded where they are on a device; blocks of GGUF only on the CPU.</summary>
    public static bool CanStayOn(Device device, StorageType form) => device.Type == DeviceType.Cpu || !form.IsQuantized();

    public override Tensor Use(DType dtype)
    {
        _stream?.Use(this);
        if (_scales is null && StorageTypes.Of(dtype) == _type)
        {
            return _data.To(_device).View(_shape);
        }
        using var scope = TensorScope.Enter();
        return scope.Keep(Decode(_type, _data.To(_device), _scales, _shape[0], dtype).View(_shape));
    }

    public override Tensor Rows(Tensor ids)
    {
        _stream?.Use(this);
        using var scope = TensorScope.Enter();
        long k = _shape.Skip(1).Aggregate(1L, (a, s) => a * s);
        Tensor flat = ids.Reshape(-1);
        Tensor rows = F.Embedding(flat.To(_data.Device), _data.View(_shape[0], -1)).To(_device);
        Tensor? scales = _scales is { NumElements: > 1 } ? F.Embedding(flat, _scales.View(-1, 1)).View(-1) : _scales;
        return scope.Keep(Decode(_type, rows, scales, flat.NumElements, _dtype).View([.. ids.Shape, .. _shape.Skip(1)]));
    }

    public override void Dispose()
    {
        _data.Dispose();
        _scales?.Dispose();
    }

    /// <summary>Stored elements as numbers, [elements] in <paramref name="dtype"/>.</summary>
    /// <param name="type">The form.</param>
    /// <param name="data">As <see cref="StoredElements.Data"/>.</param>
    /// <param name="scales">float32 [1] or [<paramref name="rows"/>]; null for none.</param>
    /// <param name="rows">Rows of equal size that the elements make.</param>
    /// <param name="dtype">A floating-point type.</param>
    public static Tensor Decode(StorageType type, Tensor data, Tensor? scales, long rows, DType dtype) =>
        data.Device.Type == DeviceType.Cpu && dtype is DType.Float32 or DType.BFloat16 && type != StorageType.Float64 && type.IsDecodedNatively() && DequantizeOp.Exists
            ? DequantizeOp.Call(data, scales, (long)type, rows, dtype)
            : DecodeComposed(type, data, scales, rows, dtype);

    /// <summary>The same out of ATen's operators and plain loops: the definition, and what other devices do. [elements] in <paramref name="dtype"/>.</summary>
    internal static unsafe Tensor DecodeComposed(StorageType type, Tensor data, Tensor? scales, long rows, DType dtype)
    {
        using var scope = TensorScope.Enter();
        Tensor values;
        if (type.IsQuantized())
        {
            long elements = data.NumElements / type.Size() * type.BlockElements();
            Tensor bytes = data.Contiguous();
            values = Tensor.Empty([elements], DType.Float32);
            GgufBlocks.Decode(type, (byte*)bytes.Info.Data, (float*)values.Info.Data, elements);
        }
        else if (type is StorageType.Float8E4M3 or StorageType.Float8E5M2)
        {
            Tensor table = Tensor.FromArray(type == StorageType.Float8E4M3 ? Float8.E4M3 : Float8.E5M2, 256).To(data.Device);
            values = table.IndexSelect(0, data.Reshape(-1).To(DType.Int32));
        }
        else
        {
            values = data.Reshape(-1);
        }
        if (scales is null)
        {
            return scope.Keep(values.To(dtype));
        }
        return scope.Keep((values.To(DType.Float32).View(rows, -1) * scales.View(-1, 1)).View(-1).To(dtype));
    }
}
