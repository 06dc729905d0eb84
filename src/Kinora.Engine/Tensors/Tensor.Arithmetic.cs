using Kinora.Engine.Native;

namespace Kinora.Engine;

public sealed partial class Tensor
{
    private static readonly Op AddOp = new("aten::add", "Tensor"), AddScalarOp = new("aten::add", "Scalar"), SubOp = new("aten::sub", "Tensor"), SubScalarOp = new("aten::sub", "Scalar"),
        RsubScalarOp = new("aten::rsub", "Scalar"), MulOp = new("aten::mul", "Tensor"), MulScalarOp = new("aten::mul", "Scalar"), DivOp = new("aten::div", "Tensor"), DivScalarOp = new("aten::div", "Scalar"),
        NegOp = new("aten::neg"), ReciprocalOp = new("aten::reciprocal"), MatmulOp = new("aten::matmul"), BmmOp = new("aten::bmm"), MmOp = new("aten::mm"), BaddbmmOp = new("aten::baddbmm"), AddcmulOp = new("aten::addcmul"), LerpOp = new("aten::lerp", "Scalar"), EinsumOp = new("aten::einsum"),
        AddInPlaceOp = new("aten::add_", "Tensor"), AddScalarInPlaceOp = new("aten::add_", "Scalar"), SubInPlaceOp = new("aten::sub_", "Tensor"), MulInPlaceOp = new("aten::mul_", "Tensor"), MulScalarInPlaceOp = new("aten::mul_", "Scalar"),
        DivInPlaceOp = new("aten::div_", "Tensor"), DivScalarInPlaceOp = new("aten::div_", "Scalar"), AddcmulInPlaceOp = new("aten::addcmul_"), AddcdivInPlaceOp = new("aten::addcdiv_"), LerpInPlaceOp = new("aten::lerp_", "Scalar"),
        CopyInPlaceOp = new("aten::copy_"), ZeroInPlaceOp = new("aten::zero_"), FillInPlaceOp = new("aten::fill_", "Scalar"), ClampInPlaceOp = new("aten::clamp_"), SqrtInPlaceOp = new("aten::sqrt_");

    public static Tensor operator +(Tensor a, Tensor b) => AddOp.Call(a, b);
    public static Tensor operator +(Tensor a, double b) => AddScalarOp.Call(a, b);
    public static Tensor operator +(double a, Tensor b) => AddScalarOp.Call(b, a);
    public static Tensor operator -(Tensor a, Tensor b) => SubOp.Call(a, b);
    public static Tensor operator -(Tensor a, double b) => SubScalarOp.Call(a, b);
    public static Tensor operator -(double a, Tensor b) => RsubScalarOp.Call(b, a);
    public static Tensor operator -(Tensor a) => NegOp.Call(a);
    public static Tensor operator *(Tensor a, Tensor b) => MulOp.Call(a, b);
    public static Tensor operator *(Tensor a, double b) => MulScalarOp.Call(a, b);
    public static Tensor operator *(double a, Tensor b) => MulScalarOp.Call(b, a);
    public static Tensor operator /(Tensor a, Tensor b) => DivOp.Call(a, b);
    public static Tensor operator /(Tensor a, double b) => DivScalarOp.Call(a, b);
    public static Tensor operator /(double a, Tensor b) => MulScalarOp.Call(ReciprocalOp.Call(b), a);

    /// <summary>this + alpha · other</summary>
    public Tensor Add(Tensor other, double alpha = 1) => alpha == 1 ? AddOp.Call(this, other) : AddOp.Call(this, other, alpha);
    public Tensor Add(double other) => AddScalarOp.Call(this, other);
    public Tensor Sub(Tensor other) => SubOp.Call(this, other);
    public Tensor Mul(Tensor other) => MulOp.Call(this, other);
    public Tensor Mul(double other) => MulScalarOp.Call(this, other);
    public Tensor Div(Tensor other) => DivOp.Call(this, other);
    public Tensor Div(double other) => DivScalarOp.Call(this, other);
    public Tensor Neg() => NegOp.Call(this);
    public Tensor Reciprocal() => ReciprocalOp.Call(this);

    /// <summary>this + value · a · b</summary>
    public Tensor Addcmul(Tensor a, Tensor b, double value = 1) => AddcmulOp.Call(this, a, b, value);

    /// <summary>this + weight · (end − this)</summary>
    public Tensor Lerp(Tensor end, double weight) => LerpOp.Call(this, end, weight);

    public Tensor Matmul(Tensor other) => MatmulOp.Call(this, other);
    public Tensor Bmm(Tensor other) => BmmOp.Call(this, other);
    public Tensor Mm(Tensor other) => MmOp.Call(this, other);

    /// <summary>beta · this + alpha · (a @ b), batched.</summary>
    public Tensor Baddbmm(Tensor a, Tensor b, double beta = 1, double alpha = 1) => BaddbmmOp.Call(this, a, b, beta, alpha);

    public static unsafe Tensor Einsum(string equation, params Tensor[] operands)
    {
        ArgumentNullException.ThrowIfNull(equation);
        byte[] utf8 = System.Text.Encoding.UTF8.GetBytes(equation);
        nint* handles = stackalloc nint[operands.Length];
        for (int i = 0; i < operands.Length; i++)
            handles[i] = operands[i].Handle;
        fixed (byte* text = utf8)
            return EinsumOp.Call(Value.Utf8(text, utf8.Length), Value.Tensors(handles, operands.Length));
    }

    public Tensor AddInPlace(Tensor other, double alpha = 1)
    {
        AddInPlaceOp.CallInPlace(this, other, alpha);
        return this;
    }

    public Tensor AddInPlace(double other)
    {
        AddScalarInPlaceOp.CallInPlace(this, other);
        return this;
    }

    public Tensor SubInPlace(Tensor other)
    {
        SubInPlaceOp.CallInPlace(this, other);
        return this;
    }

    public Tensor MulInPlace(Tensor other)
    {
        MulInPlaceOp.CallInPlace(this, other);
        return this;
    }

    public Tensor MulInPlace(double other)
    {
        MulScalarInPlaceOp.CallInPlace(this, other);
        return this;
    }

    public Tensor DivInPlace(Tensor other)
    {
        DivInPlaceOp.CallInPlace(this, other);
        return this;
    }

    public Tensor DivInPlace(double other)
    {
        DivScalarInPlaceOp.CallInPlace(this, other);
        return this;
    }

    public Tensor AddcmulInPlace(Tensor a, Tensor b, double value = 1)
    {
        AddcmulInPlaceOp.CallInPlace(this, a, b, value);
        return this;
    }

    public Tensor AddcdivInPlace(Tensor a, Tensor b, double value = 1)
    {
        AddcdivInPlaceOp.CallInPlace(this, a, b, value);
        return this;
    }

    public Tensor LerpInPlace(Tensor end, double weight)
    {
        LerpInPlaceOp.CallInPlace(this, end, weight);
        return this;
    }

    /// <summary>Copies values, converting element type and device.</summary>
    public Tensor CopyInPlace(Tensor source)
    {
        CopyInPlaceOp.CallInPlace(this, source);
        return this;
    }

    public Tensor ZeroInPlace()
    {
        ZeroInPlaceOp.CallInPlace(this);
        return this;
    }

    public Tensor FillInPlace(double value)
    {
        FillInPlaceOp.CallInPlace(this, value);
        return this;
    }

    public Tensor ClampInPlace(double? min, double? max)
    {
        ClampInPlaceOp.CallInPlace(this, min, max);
        return this;
    }

    public Tensor SqrtInPlace()
    {
        SqrtInPlaceOp.CallInPlace(this);
        return this;
    }
}
