using Kinora.Engine;

namespace Kinora.Models.Modules;

/// <summary>Pointwise nonlinearities by the names that published configurations use.</summary>
public static class Activation
{
    /// <summary>1.702 of x · σ(1.702 x), the approximation of GELU that CLIP was trained with (Hendrycks and Gimpel, arXiv:1606.08415, section 2).</summary>
    private const double QuickGeluSlope = 1.702;

    /// <summary>The function of a name; null for a name that is none.</summary>
    public static Func<Tensor, Tensor>? Find(string name) => name switch
    {
        "quick_gelu" => QuickGelu,
        "gelu" => static x => x.Gelu(),
        "gelu_new" or "gelu_pytorch_tanh" or "gelu-approximate" => F.GeluTanh,
        "silu" or "swish" => F.Silu,
        "relu" => static x => x.Relu(),
        _ => null,
    };

    private static Tensor QuickGelu(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(x * (x * QuickGeluSlope).Sigmoid());
    }
}
