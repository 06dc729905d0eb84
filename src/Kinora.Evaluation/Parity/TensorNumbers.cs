using Kinora.Engine;

namespace Kinora.Evaluation.Parity;

internal static class TensorNumbers
{
    /// <summary>The elements as doubles, row-major, whatever the element type.</summary>
    public static double[] ToFloat64(this Tensor tensor)
    {
        using var scope = TensorScope.Enter();
        return tensor.Detach().To(DType.Float64).ToArray<double>();
    }
}
