using Kinora.Engine.Native;

namespace Kinora.Engine;

public sealed unsafe partial class Tensor
{
    private static readonly Op ReshapeOp = new("aten::reshape"), ViewOp = new("aten::view"), PermuteOp = new("aten::permute"), TransposeOp = new("aten::transpose", "int"), UnsqueezeOp = new("aten::unsqueeze"), SqueezeOp = new("aten::squeeze", "dim"),
        ChunkOp = new("aten::chunk"), SplitOp = new("aten::split_with_sizes"), UnbindOp = new("aten::unbind", "int"), NarrowOp = new("aten::narrow"), SliceOp = new("aten::slice", "Tensor"), SelectOp = new("aten::select", "int"), IndexSelectOp = new("aten::index_select"), GatherOp = new("aten::gather"), ScatterOp = new("aten::scatter", "src"), ScatterAddOp = new("aten::scatter_add"), IndexAddOp = new("aten::index_add"),
        ExpandOp = new("aten::expand"), RepeatOp = new("aten::repeat"), RepeatInterleaveOp = new("aten::repeat_interleave", "self_int"), FlipOp = new("aten::flip"), RollOp = new("aten::roll"), FlattenOp = new("aten::flatten", "using_ints"), UnflattenOp = new("aten::unflatten", "int"), ContiguousOp = new("aten::contiguous"), CloneOp = new("aten::clone"), DetachOp = new("aten::detach"), CatOp = new("aten::cat"), StackOp = new("aten::stack"), TrilOp = new("aten::tril"), TriuOp = new("aten::triu");

    public Tensor Reshape(params ReadOnlySpan<long> shape)
    {
        fixed (long* p = shape)
            return ReshapeOp.Call(this, Value.Ints(p, shape.Length));
    }

    public Tensor View(params ReadOnlySpan<long> shape)
    {
        fixed (long* p = shape)
            return ViewOp.Call(this, Value.Ints(p, shape.Length));
    }

    public Tensor Permute(params ReadOnlySpan<long> dims)
    {
        fixed (long* p = dims)
            return PermuteOp.Call(this, Value.Ints(p, dims.Length));
    }

    public Tensor Transpose(int dim0, int dim1) => TransposeOp.Call(this, (long)dim0, (long)dim1);
    public Tensor Unsqueeze(int dim) => UnsqueezeOp.Call(this, (long)dim);
    public Tensor Squeeze(int dim) => SqueezeOp.Call(this, (long)dim);
    public Tensor Flatten(int startDim = 0, int endDim = -1) => FlattenOp.Call(this, (long)startDim, (long)endDim);

    /// <summary>n views of equal size along <paramref name="dim"/>.</summary>
    public Tensor[] Chunk(int chunks, int dim = 0) => ChunkOp.CallMany(this, (long)chunks, (long)dim);

    public (Tensor, Tensor) Chunk2(int dim)
    {
        Tensor[] c = Chunk(2, dim);
        return (c[0], c[1]);
    }

    public (Tensor, Tensor, Tensor) Chunk3(int dim)
    {
        Tensor[] c = Chunk(3, dim);
        return (c[0], c[1], c[2]);
    }

    public (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor) Chunk6(int dim)
    {
        Tensor[] c = Chunk(6, dim);
        return (c[0], c[1], c[2], c[3], c[4], c[5]);
    }

    /// <summary>Views of the given sizes along <paramref name="dim"/>.</summary>
    public Tensor[] Split(ReadOnlySpan<long> sizes, int dim = 0)
    {
        fixed (long* p = sizes)
            return SplitOp.CallMany(this, Value.Ints(p, sizes.Length), (long)dim);
    }

    public Tensor[] Unbind(int dim = 0) => UnbindOp.CallMany(this, (long)dim);
    public Tensor Narrow(int dim, long start, long length) => NarrowOp.Call(this, (long)dim, start, length);
    public Tensor Slice(int dim, long start, long end = long.MaxValue, long step = 1) => SliceOp.Call(this, (long)dim, start, end, step);
    public Tensor Select(int dim, long index) => SelectOp.Call(this, (long)dim, index);
    public Tensor IndexSelect(int dim, Tensor index) => IndexSelectOp.Call(this, (long)dim, index);
    public Tensor Gather(int dim, Tensor index) => GatherOp.Call(this, (long)dim, index);
    public Tensor Scatter(int dim, Tensor index, Tensor source) => ScatterOp.Call(this, (long)dim, index, source);
    public Tensor ScatterAdd(int dim, Tensor index, Tensor source) => ScatterAddOp.Call(this, (long)dim, index, source);
    public Tensor IndexAdd(int dim, Tensor index, Tensor source) => IndexAddOp.Call(this, (long)dim, index, source);

    public Tensor Expand(params ReadOnlySpan<long> shape)
    {
        fixed (long* p = shape)
            return ExpandOp.Call(this, Value.Ints(p, shape.Length));
    }

    public Tensor Repeat(params ReadOnlySpan<long> repeats)
    {
        fixed (long* p = repeats)
            return RepeatOp.Call(this, Value.Ints(p, repeats.Length));
    }

    public Tensor RepeatInterleave(long repeats, int dim) => RepeatInterleaveOp.Call(this, repeats, (long)dim);

    public Tensor Flip(params ReadOnlySpan<long> dims)
    {
        fixed (long* p = dims)
            return FlipOp.Call(this, Value.Ints(p, dims.Length));
    }

    public Tensor Roll(long shift, int dim)
    {
        long s = shift, d = dim;
        return RollOp.Call(this, Value.Ints(&s, 1), Value.Ints(&d, 1));
    }

    public Tensor Unflatten(int dim, params ReadOnlySpan<long> sizes)
    {
        long[] shape = Shape;
        int d = dim < 0 ? dim + shape.Length : dim;
        long[] full = [.. shape[..d], .. sizes, .. shape[(d + 1)..]];
        return Reshape(full);
    }

    public Tensor Contiguous() => IsContiguous ? this : ContiguousOp.Call(this);

    /// <summary>Channels last: NHWC order in memory under an NCHW shape (4-D), NDHWC under NCDHW (5-D). Faster convolutions on the CPU.</summary>
    public Tensor ContiguousChannelsLast()
    {
        const long channelsLast2d = 2, channelsLast3d = 3;
        return ContiguousOp.Call(this, Dim == 5 ? channelsLast3d : channelsLast2d);
    }

    public Tensor Clone() => CloneOp.Call(this);

    /// <summary>The same data cut off from the graph.</summary>
    public Tensor Detach() => DetachOp.Call(this);

    public Tensor Tril(int diagonal = 0) => TrilOp.Call(this, (long)diagonal);
    public Tensor Triu(int diagonal = 0) => TriuOp.Call(this, (long)diagonal);

    public static Tensor Cat(IReadOnlyList<Tensor> tensors, int dim = 0) => CallList(CatOp, tensors, dim);

    public static Tensor Stack(IReadOnlyList<Tensor> tensors, int dim = 0) => CallList(StackOp, tensors, dim);

    private static Tensor CallList(Op op, IReadOnlyList<Tensor> tensors, int dim)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        const int stackLimit = 256;
        Span<nint> handles = tensors.Count <= stackLimit ? stackalloc nint[tensors.Count] : new nint[tensors.Count];
        for (int i = 0; i < handles.Length; i++)
            handles[i] = tensors[i].Handle;
        fixed (nint* p = handles)
            return op.Call(Value.Tensors(p, handles.Length), (long)dim);
    }
}
