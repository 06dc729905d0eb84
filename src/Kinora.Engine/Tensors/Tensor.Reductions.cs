using Kinora.Engine.Native;

namespace Kinora.Engine;

public sealed unsafe partial class Tensor
{
    private static readonly Op SumOp = new("aten::sum"), SumDimOp = new("aten::sum", "dim_IntList"), MeanOp = new("aten::mean"), MeanDimOp = new("aten::mean", "dim"), VarOp = new("aten::var", "correction"), StdOp = new("aten::std", "correction"),
        AmaxOp = new("aten::amax"), AminOp = new("aten::amin"), MaxOp = new("aten::max"), MinOp = new("aten::min"), ArgmaxOp = new("aten::argmax"), ArgminOp = new("aten::argmin"), CumsumOp = new("aten::cumsum"), CumprodOp = new("aten::cumprod"), NormOp = new("aten::norm", "Scalar"), NormDimOp = new("aten::norm", "ScalarOpt_dim"),
        SortOp = new("aten::sort"), TopkOp = new("aten::topk"), AllOp = new("aten::all"), AnyOp = new("aten::any"), ProdOp = new("aten::prod"), LogSumExpOp = new("aten::logsumexp"), QuantileOp = new("aten::quantile", "scalar");

    public Tensor Sum() => SumOp.Call(this);
    public Tensor Mean() => MeanOp.Call(this);
    public Tensor Max() => MaxOp.Call(this);
    public Tensor Min() => MinOp.Call(this);
    public Tensor Prod() => ProdOp.Call(this);
    public Tensor All() => AllOp.Call(this);
    public Tensor Any() => AnyOp.Call(this);

    public Tensor Sum(ReadOnlySpan<long> dims, bool keepDim = false)
    {
        fixed (long* p = dims)
            return SumDimOp.Call(this, Value.Ints(p, dims.Length), keepDim);
    }

    public Tensor Mean(ReadOnlySpan<long> dims, bool keepDim = false)
    {
        fixed (long* p = dims)
            return MeanDimOp.Call(this, Value.Ints(p, dims.Length), keepDim);
    }

    /// <summary>Variance; unbiased divides by n − 1.</summary>
    public Tensor Var(ReadOnlySpan<long> dims, bool unbiased = true, bool keepDim = false)
    {
        fixed (long* p = dims)
            return VarOp.Call(this, Value.Ints(p, dims.Length), unbiased ? 1L : 0L, keepDim);
    }

    public Tensor Std(ReadOnlySpan<long> dims, bool unbiased = true, bool keepDim = false)
    {
        fixed (long* p = dims)
            return StdOp.Call(this, Value.Ints(p, dims.Length), unbiased ? 1L : 0L, keepDim);
    }

    public Tensor Amax(ReadOnlySpan<long> dims, bool keepDim = false)
    {
        fixed (long* p = dims)
            return AmaxOp.Call(this, Value.Ints(p, dims.Length), keepDim);
    }

    public Tensor Amin(ReadOnlySpan<long> dims, bool keepDim = false)
    {
        fixed (long* p = dims)
            return AminOp.Call(this, Value.Ints(p, dims.Length), keepDim);
    }

    public Tensor Logsumexp(ReadOnlySpan<long> dims, bool keepDim = false)
    {
        fixed (long* p = dims)
            return LogSumExpOp.Call(this, Value.Ints(p, dims.Length), keepDim);
    }

    public Tensor Argmax(int dim, bool keepDim = false) => ArgmaxOp.Call(this, (long)dim, keepDim);
    public Tensor Argmin(int dim, bool keepDim = false) => ArgminOp.Call(this, (long)dim, keepDim);
    public Tensor Cumsum(int dim) => CumsumOp.Call(this, (long)dim);
    public Tensor Cumprod(int dim) => CumprodOp.Call(this, (long)dim);

    /// <summary>The p-norm of all elements.</summary>
    public Tensor Norm(double p = 2) => NormOp.Call(this, p);

    public Tensor Norm(double p, ReadOnlySpan<long> dims, bool keepDim = false)
    {
        fixed (long* d = dims)
            return NormDimOp.Call(this, p, Value.Ints(d, dims.Length), keepDim);
    }

    /// <summary>Values and their positions in ascending (or descending) order.</summary>
    public (Tensor Values, Tensor Indices) Sort(int dim = -1, bool descending = false)
    {
        Tensor[] r = SortOp.CallMany(this, (long)dim, descending);
        return (r[0], r[1]);
    }

    /// <summary>The k largest values and their positions.</summary>
    public (Tensor Values, Tensor Indices) Topk(long k, int dim = -1, bool largest = true)
    {
        Tensor[] r = TopkOp.CallMany(this, k, (long)dim, largest);
        return (r[0], r[1]);
    }

    public Tensor Quantile(double q, int dim, bool keepDim = false) => QuantileOp.Call(this, q, (long)dim, keepDim);
}
