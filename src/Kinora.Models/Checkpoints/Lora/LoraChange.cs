// A low-rank change of one weight.
// Papers: Hu et al., "LoRA", arXiv:2106.09685, section 4.1; Hyeon-Woo et al., "FedPara", arXiv:2108.06098, section 3 (the Hadamard
// product of LoHa and its form for convolutions); Yeh et al., "Navigating text-to-image customization" (LyCORIS), arXiv:2309.14859,
// sections 3.2-3.4 (LoCon, LoHa, LoKr); Liu et al., "DoRA", arXiv:2402.09353, section 4.1, equation 5.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints.Lora;

/// <summary>The parts of a change and how they make a difference of weights.</summary>
/// <param name="Layer">The layer's name in the file.</param>
/// <param name="Parts">Names of tensors in the file by their part.</param>
internal sealed record LoraChange(string Layer, IReadOnlyDictionary<string, string> Parts)
{
    private const string Difference = "difference";

    /// <summary>What the kind of change is called; null when parts are missing or not supported.</summary>
    public string? Kind => Has("dora") ? (Form is null or Difference ? null : $"{Form} with DoRA") : Form;

    // What the difference is made of.
    private string? Form =>
        Has("up") && Has("down") ? "LoRA"
        : Has("hada_w1_a") && Has("hada_w1_b") && Has("hada_w2_a") && Has("hada_w2_b") ? "LoHa"
        : (Has("lokr_w1") || (Has("lokr_w1_a") && Has("lokr_w1_b"))) && (Has("lokr_w2") || (Has("lokr_w2_a") && Has("lokr_w2_b"))) ? "LoKr"
        : Has("diff") || Has("diff_b") ? Difference
        : null;

    /// <summary>Adds this change to a weight.</summary>
    /// <param name="file">The file of the change.</param>
    /// <param name="value">The weight or bias, in float32; left as it is when the change has nothing for it.</param>
    /// <param name="strength">How much of the change.</param>
    /// <param name="isBias">Whether the bias of the layer is meant.</param>
    /// <exception cref="CheckpointException">The parts do not fit each other or the weight.</exception>
    public void ApplyInPlace(IWeights file, Tensor value, double strength, bool isBias)
    {
        using var scope = TensorScope.Enter();
        if (strength == 0 || DifferenceOf(file, value.Shape, isBias) is not { } difference)
        {
            return;
        }
        difference = difference.To(value.Device);
        if (!Has("dora") || isBias)
        {
            value.AddInPlace(difference, strength);
            return;
        }
        // W′ = m (W + ΔW) / ‖W + ΔW‖, by rows or, as LyCORIS stores m, by columns; of the way from W to W′, the strength.
        Tensor changed = value + difference, m = Part(file, "dora").To(value.Device);
        bool byRows = m.NumElements == value.Size(0) && !(m.Shape.Length > 1 && m.Size(0) == 1);
        Check(file, byRows || m.NumElements == value.Size(1));
        Tensor norm = byRows ? changed.Flatten(1).Norm(2, [1], keepDim: true) : changed.Transpose(0, 1).Flatten(1).Norm(2, [1], keepDim: true).Transpose(0, 1);
        Tensor factor = (byRows ? m.Reshape(-1, 1) : m.Reshape(1, -1)) / norm;                   // [O, 1] or [1, I]
        Tensor whole = changed * factor.Reshape([.. factor.Shape, .. Enumerable.Repeat(1L, value.Shape.Length - 2)]);
        value.AddInPlace(whole - value, strength);
    }

    /// <summary>Whether the change leaves a weight as it is, though perhaps not its bias.</summary>
    public bool IsOfBias => Form == Difference && !Has("diff");

    /// <summary>Whether the change of a weight is a product of two small matrices: plain LoRA.</summary>
    public bool IsLowRank => Form == "LoRA" && !Has("dora");

    /// <summary>The two matrices whose product is the change of a weight: up [out, r], with the strength in it, and down [r, in, kernel…], in float32.</summary>
    /// <param name="file">The file of the change, which <see cref="IsLowRank"/>.</param>
    /// <param name="shape">The weight's, [out, in, kernel…].</param>
    /// <param name="strength">How much of the change.</param>
    /// <exception cref="CheckpointException">The parts do not fit each other or the weight.</exception>
    public (Tensor Up, Tensor Down) Factors(IWeights file, IReadOnlyList<long> shape, double strength)
    {
        var (up, down) = FactorsOf(file);
        long inputs = shape.Skip(1).Aggregate(1L, (n, s) => n * s);
        if (up.Size(0) != shape[0] || down.NumElements != down.Size(0) * inputs)
        {
            throw Misfit(file, [up.Size(0), .. down.Shape[1..]], shape);
        }
        return (up.Mul(strength), down.Reshape([down.Size(0), .. shape.Skip(1)]));
    }

    /// <summary>Elements of the weight that the change is for, from the shapes of its parts; null when it is for a bias alone.</summary>
    public long? Elements(IWeights file)
    {
        long Size(string part, int dimension) => file.Find(Parts[part])!.Shape is { } shape && dimension < shape.Count ? shape[dimension] : 1;
        long All(string part) => file.Find(Parts[part])!.Shape.Aggregate(1L, (n, s) => n * s);
        long Behind(string part, int dimensions) => file.Find(Parts[part])!.Shape.Skip(dimensions).Aggregate(1L, (n, s) => n * s);
        long Matrix(string core, string a, string b) => Has(core) ? Size(a, 1) * Size(b, 1) * Behind(core, 2) : Size(a, 0) * Behind(b, 1);
        return Form switch
        {
            "LoRA" => Size("up", 0) * Behind("down", 1) * (Has("mid") ? Behind("mid", 2) : 1),
            "LoHa" => Matrix("hada_t1", "hada_w1_a", "hada_w1_b"),
            "LoKr" => (Has("lokr_w1") ? All("lokr_w1") : Matrix("", "lokr_w1_a", "lokr_w1_b")) * (Has("lokr_w2") ? All("lokr_w2") : Matrix("lokr_t2", "lokr_w2_a", "lokr_w2_b")),
            _ => Has("diff") ? All("diff") : null,
        };
    }

    /// <summary>What the layer reads: the size of the second dimension; null when the parts do not tell.</summary>
    public long? Inputs(IWeights file) => Has("down") && file.Find(Parts["down"])!.Shape is { Count: > 1 } shape ? shape[1] : null;

    // What is added to a weight of this shape, in float32; null when the change has nothing for it.
    private Tensor? DifferenceOf(IWeights file, IReadOnlyList<long> shape, bool isBias)
    {
        using var scope = TensorScope.Enter();
        Tensor? delta = isBias
            ? (Has("diff_b") ? Part(file, "diff_b") : null)
            : Form switch
            {
                "LoRA" => LowRank(file),
                "LoHa" => Hadamard(file),
                "LoKr" => Kronecker(file),
                Difference when Has("diff") => Part(file, "diff"),
                _ => null,
            };
        if (delta is null)
        {
            return null;
        }
        if (delta.NumElements != shape.Aggregate(1L, (n, s) => n * s))
        {
            throw Misfit(file, delta.Shape, shape);
        }
        return scope.Keep(delta.Reshape([.. shape]));
    }

    private CheckpointException Misfit(IWeights file, ReadOnlySpan<long> changed, IReadOnlyList<long> shape) =>
        new($"{file.Path}: `{Layer}` changes [{string.Join(", ", changed.ToArray())}], the weight is [{string.Join(", ", shape)}]; the LoRA is for another system.");

    private bool Has(string part) => Parts.ContainsKey(part);

    private Tensor Part(IWeights file, string part) => file.Read(Parts[part], DType.Float32);

    /// <summary>alpha / rank; 1 when the file has no alpha.</summary>
    private double Scale(IWeights file, long rank) => Has("alpha") ? Part(file, "alpha").Reshape(-1).Mean().Item() / Math.Max(1, rank) : 1;

    // ΔW = up · down, for convolutions with the kernel on the down side.
    private Tensor LowRank(IWeights file)
    {
        var (up, down) = FactorsOf(file);
        return up.Matmul(down.Reshape(down.Size(0), -1));
    }

    // Up [out, r], with the scale in it, and down [r, in, kernel…].
    private (Tensor Up, Tensor Down) FactorsOf(IWeights file)
    {
        Tensor up = Part(file, "up"), down = Part(file, "down");
        long rank = down.Size(0);
        Check(file, up.NumElements % Math.Max(1, up.Size(0)) == 0 && up.NumElements / Math.Max(1, up.Size(0)) == rank);
        Tensor left = up.Reshape(up.Size(0), rank).Mul(Scale(file, rank));
        if (!Has("mid"))
        {
            return (left, down);
        }
        // LoCon's Tucker form has the kernel between the two: mid [r, r, kernel…], out on the first and in on the second.
        Tensor mid = Part(file, "mid");
        Check(file, mid.Shape.Length >= 2 && mid.Size(0) == rank && mid.Size(1) == rank && down.NumElements % Math.Max(1, rank) == 0);
        Tensor kernels = mid.Reshape(rank, rank, -1).Permute(0, 2, 1);                           // [r, k, r]
        return (left, kernels.Matmul(down.Reshape(rank, -1)).Permute(0, 2, 1).Reshape([rank, down.NumElements / rank, .. mid.Shape[2..]]));
    }

    // ΔW = (a₁ b₁) ∘ (a₂ b₂)
    private Tensor Hadamard(IWeights file)
    {
        long rank = Part(file, "hada_w1_b").Size(0);
        return Product(file, "hada_t1", "hada_w1_a", "hada_w1_b") * Product(file, "hada_t2", "hada_w2_a", "hada_w2_b") * Scale(file, rank);
    }

    // ΔW = w₁ ⊗ w₂
    private Tensor Kronecker(IWeights file)
    {
        Tensor first = Has("lokr_w1") ? Part(file, "lokr_w1") : Part(file, "lokr_w1_a").Matmul(Part(file, "lokr_w1_b"));
        Tensor second = Has("lokr_w2") ? Part(file, "lokr_w2") : Product(file, "lokr_t2", "lokr_w2_a", "lokr_w2_b");
        Check(file, first.Shape.Length == 2 && second.Shape.Length >= 2);
        long kernel = second.NumElements / Math.Max(1, second.Size(0) * second.Size(1));
        Tensor a = first.Reshape(first.Size(0), 1, first.Size(1), 1, 1);
        Tensor b = second.Reshape(1, second.Size(0), 1, second.Size(1), kernel);
        Tensor product = (a * b).Reshape(first.Size(0) * second.Size(0), first.Size(1) * second.Size(1), kernel);
        // Two whole factors have no rank, and their alpha says nothing.
        long? rank = Has("lokr_w1_b") ? Part(file, "lokr_w1_b").Size(0) : Has("lokr_w2_b") ? Part(file, "lokr_w2_b").Size(0) : null;
        return rank is { } r ? product * Scale(file, r) : product;
    }

    // a b, or with a core: Σ_ij core[i, j, …] a[i, out] b[j, in].
    private Tensor Product(IWeights file, string corePart, string aPart, string bPart)
    {
        Tensor a = Part(file, aPart);
        Tensor b = Part(file, bPart);
        if (!Has(corePart))
        {
            Check(file, a.Shape.Length >= 2 && b.Shape.Length >= 2 && a.Size(1) == b.Size(0));
            Tensor product = a.Reshape(a.Size(0), a.Size(1)).Matmul(b.Reshape(b.Size(0), -1));
            return b.Shape.Length > 2 ? product.Reshape([a.Size(0), .. b.Shape[1..]]) : product;
        }
        Tensor core = Part(file, corePart);
        Check(file, core.Shape.Length >= 2 && a.Shape.Length == 2 && b.Shape.Length == 2 && core.Size(0) == a.Size(0) && core.Size(1) == b.Size(0));
        long kernel = core.NumElements / Math.Max(1, core.Size(0) * core.Size(1));
        Tensor left = a.Transpose(0, 1).Matmul(core.Reshape(core.Size(0), -1)).Reshape(a.Size(1), core.Size(1), kernel);
        return b.Transpose(0, 1).Matmul(left).Reshape([a.Size(1), b.Size(1), .. core.Shape[2..]]);
    }

    private void Check(IWeights file, bool fits)
    {
        if (!fits)
        {
            throw new CheckpointException($"{file.Path}: the parts of `{Layer}` do not fit each other.");
        }
    }
}
