using Kinora.Engine.Native;

namespace Kinora.Engine;

public sealed partial class Tensor
{
    private static readonly Op EighOp = new("aten::linalg_eigh"), EigvalshOp = new("aten::linalg_eigvalsh");

    /// <summary>Eigenvalues in ascending order [.., N] and eigenvectors as columns [.., N, N] of symmetric matrices; only the lower triangle is read.</summary>
    public (Tensor Values, Tensor Vectors) LinalgEigh()
    {
        Tensor[] r = EighOp.CallMany(this);
        return (r[0], r[1]);
    }

    /// <summary>Eigenvalues of symmetric matrices in ascending order [.., N]; only the lower triangle is read.</summary>
    public Tensor LinalgEigvalsh() => EigvalshOp.Call(this);
}
