using Kinora.Engine.Native;

namespace Kinora.Engine;

public sealed partial class Tensor
{
    private static readonly Op SiluOp = new("aten::silu"), ReluOp = new("aten::relu"), LeakyReluOp = new("aten::leaky_relu"), SigmoidOp = new("aten::sigmoid"), LogSigmoidOp = new("aten::log_sigmoid"), TanhOp = new("aten::tanh"), SoftplusOp = new("aten::softplus"),
        ExpOp = new("aten::exp"), Expm1Op = new("aten::expm1"), LogOp = new("aten::log"), Log1pOp = new("aten::log1p"), SqrtOp = new("aten::sqrt"), RsqrtOp = new("aten::rsqrt"), AbsOp = new("aten::abs"), PowOp = new("aten::pow", "Tensor_Scalar"), PowTensorOp = new("aten::pow", "Tensor_Tensor"), SquareOp = new("aten::square"),
        SinOp = new("aten::sin"), CosOp = new("aten::cos"), AtanOp = new("aten::atan"), ErfOp = new("aten::erf"), ErfinvOp = new("aten::erfinv"), ClampOp = new("aten::clamp"), FloorOp = new("aten::floor"), CeilOp = new("aten::ceil"), RoundOp = new("aten::round"), SignOp = new("aten::sign"), MaximumOp = new("aten::maximum"), MinimumOp = new("aten::minimum"),
        WhereOp = new("aten::where", "self"), MaskedFillOp = new("aten::masked_fill", "Scalar"), EqOp = new("aten::eq", "Scalar"), EqTensorOp = new("aten::eq", "Tensor"), NeOp = new("aten::ne", "Scalar"), NeTensorOp = new("aten::ne", "Tensor"), LtOp = new("aten::lt", "Scalar"), LtTensorOp = new("aten::lt", "Tensor"),
        LeOp = new("aten::le", "Scalar"), LeTensorOp = new("aten::le", "Tensor"), GtOp = new("aten::gt", "Scalar"), GtTensorOp = new("aten::gt", "Tensor"), GeOp = new("aten::ge", "Scalar"), GeTensorOp = new("aten::ge", "Tensor"), LogicalNotOp = new("aten::logical_not"), LogicalAndOp = new("aten::logical_and"), LogicalOrOp = new("aten::logical_or"),
        IsNanOp = new("aten::isnan"), IsFiniteOp = new("aten::isfinite"), SoftmaxOp = new("aten::softmax", "int"), LogSoftmaxOp = new("aten::log_softmax", "int"), ToDTypeOp = new("aten::to", "dtype"), ToDeviceOp = new("aten::to", "device"), GeluOp = new("aten::gelu"), EluOp = new("aten::elu");

    public Tensor Silu() => SiluOp.Call(this);
    public Tensor Relu() => ReluOp.Call(this);
    public Tensor LeakyRelu(double negativeSlope = 0.01) => LeakyReluOp.Call(this, negativeSlope);
    public Tensor Elu(double alpha = 1) => EluOp.Call(this, alpha);
    public Tensor Sigmoid() => SigmoidOp.Call(this);
    public Tensor LogSigmoid() => LogSigmoidOp.Call(this);
    public Tensor Tanh() => TanhOp.Call(this);
    public Tensor Softplus() => SoftplusOp.Call(this);

    /// <summary>GELU; the tanh approximation runs in a fused kernel on the CPU.</summary>
    public unsafe Tensor Gelu(bool tanh = false)
    {
        if (tanh)
            return F.GeluTanh(this);
        fixed (byte* p = "none"u8)
            return GeluOp.Call(this, Value.Utf8(p, 4));
    }

    internal unsafe Tensor AtenGeluTanh()
    {
        fixed (byte* p = "tanh"u8)
            return GeluOp.Call(this, Value.Utf8(p, 4));
    }

    public Tensor Exp() => ExpOp.Call(this);
    public Tensor Expm1() => Expm1Op.Call(this);
    public Tensor Log() => LogOp.Call(this);
    public Tensor Log1p() => Log1pOp.Call(this);
    public Tensor Sqrt() => SqrtOp.Call(this);
    public Tensor Rsqrt() => RsqrtOp.Call(this);
    public Tensor Abs() => AbsOp.Call(this);
    public Tensor Pow(double exponent) => PowOp.Call(this, exponent);
    public Tensor Pow(Tensor exponent) => PowTensorOp.Call(this, exponent);
    public Tensor Square() => SquareOp.Call(this);
    public Tensor Sin() => SinOp.Call(this);
    public Tensor Cos() => CosOp.Call(this);
    public Tensor Atan() => AtanOp.Call(this);
    public Tensor Erf() => ErfOp.Call(this);
    public Tensor Erfinv() => ErfinvOp.Call(this);
    public Tensor Clamp(double? min = null, double? max = null) => ClampOp.Call(this, min, max);
    public Tensor Floor() => FloorOp.Call(this);
    public Tensor Ceil() => CeilOp.Call(this);
    public Tensor Round() => RoundOp.Call(this);
    public Tensor Sign() => SignOp.Call(this);
    public Tensor Maximum(Tensor other) => MaximumOp.Call(this, other);
    public Tensor Minimum(Tensor other) => MinimumOp.Call(this, other);

    /// <summary>a where the condition holds, b elsewhere.</summary>
    public static Tensor Where(Tensor condition, Tensor a, Tensor b) => WhereOp.Call(condition, a, b);

    public Tensor MaskedFill(Tensor mask, double value) => MaskedFillOp.Call(this, mask, value);
    public Tensor Eq(double other) => EqOp.Call(this, other);
    public Tensor Eq(Tensor other) => EqTensorOp.Call(this, other);
    public Tensor Ne(double other) => NeOp.Call(this, other);
    public Tensor Ne(Tensor other) => NeTensorOp.Call(this, other);
    public Tensor Lt(double other) => LtOp.Call(this, other);
    public Tensor Lt(Tensor other) => LtTensorOp.Call(this, other);
    public Tensor Le(double other) => LeOp.Call(this, other);
    public Tensor Le(Tensor other) => LeTensorOp.Call(this, other);
    public Tensor Gt(double other) => GtOp.Call(this, other);
    public Tensor Gt(Tensor other) => GtTensorOp.Call(this, other);
    public Tensor Ge(double other) => GeOp.Call(this, other);
    public Tensor Ge(Tensor other) => GeTensorOp.Call(this, other);
    public Tensor LogicalNot() => LogicalNotOp.Call(this);
    public Tensor LogicalAnd(Tensor other) => LogicalAndOp.Call(this, other);
    public Tensor LogicalOr(Tensor other) => LogicalOrOp.Call(this, other);
    public Tensor IsNan() => IsNanOp.Call(this);
    public Tensor IsFinite() => IsFiniteOp.Call(this);
    public Tensor Softmax(int dim) => SoftmaxOp.Call(this, (long)dim);
    public Tensor LogSoftmax(int dim) => LogSoftmaxOp.Call(this, (long)dim);

    /// <summary>The same values in another element type; this very tensor when the type is already that.</summary>
    public Tensor To(DType dtype) => DType == dtype ? this : ToDTypeOp.Call(this, dtype);

    /// <summary>The same values on another device; this very tensor when it is there already.</summary>
    public Tensor To(Device device) => Device == device ? this : ToDeviceOp.Call(this, device, DType);
}
