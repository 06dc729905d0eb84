// Oracles: the definition of a semi-orthogonal matrix; one step written out; AdamW for what Muon leaves to it.

using Kinora.Engine.Optimization;

namespace Kinora.Engine.Tests.Optimization;

public sealed class MuonTests
{
    [Theory]
    [InlineData(24, 64)]
    [InlineData(64, 24)]
    [InlineData(32, 32)]
    public void Orthogonalize_RandomMatrices_BringsSingularValuesNearOneAndKeepsTheirVectors(int rows, int columns)
    {
        using var scope = TensorScope.Enter();
        var matrices = Tensor.Stack([Random(rows, columns, 1), Random(rows, columns, 2) * 1000.0], 0);
        var result = Muon.Orthogonalize(matrices);
        result.Shape.ShouldBe([2, rows, columns]);
        for (int i = 0; i < 2; i++)
        {
            Tensor x = result.Select(0, i), m = matrices.Select(0, i);
            if (rows > columns)
                (x, m) = (x.Transpose(0, 1), m.Transpose(0, 1));
            // All singular values in [a, b] means that ‖Xᵀv‖ is in [a, b] for every unit v; the mean over many v is the mean of their squares.
            double mean = x.Square().Sum().Item() / Math.Min(rows, columns);
            mean.ShouldBeInRange(0.6, 1.2);
            for (int k = 0; k < 20; k++)
            {
                var v = Random(1, Math.Min(rows, columns), 100 + k);
                double gain = (v.Matmul(x).Square().Sum().Item() / v.Square().Sum().Item());
                gain.ShouldBeInRange(0.4, 1.6, $"matrix {i}, direction {k}");
            }
            // The singular vectors stay: X Mᵀ is symmetric and positive.
            var product = x.Matmul(m.Transpose(0, 1));
            double asymmetry = (product - product.Transpose(0, 1)).Square().Sum().Item() / product.Square().Sum().Item();
            asymmetry.ShouldBeLessThan(1e-3);
        }
    }

    [Fact]
    public void Step_OneMatrix_IsTheDefinition()
    {
        using var scope = TensorScope.Enter();
        var start = Random(16, 48, 3);
        var gradient = Random(16, 48, 4);
        var weight = Parameter(start);
        using var muon = new Muon([("block.weight", weight)], _ => true, new AdamWOptions { WeightDecay = 0.1 });
        weight.Grad = gradient.Clone();
        muon.Step(0.5, gradientScale: 0.25);
        var direction = Muon.Orthogonalize((gradient * (0.25 * 1.95)).Unsqueeze(0)).Select(0, 0);
        var expected = start * (1 - 0.5 * 0.1) - direction * (0.2 * 0.5 * Math.Sqrt(48));
        (weight.Detach() - expected).Abs().Max().Item().ShouldBeLessThan(2e-3);
        (weight.Detach() - start).Abs().Max().Item().ShouldBeGreaterThan(0.1);
    }

    [Fact]
    public void Step_VectorsAndOtherMatrices_AreThoseOfAdamW()
    {
        using var scope = TensorScope.Enter();
        var options = new AdamWOptions { WeightDecay = 0.05 };
        var hidden = Parameter(Random(8, 8, 5));
        Tensor embedding = Parameter(Random(4, 6, 6)), bias = Parameter(Random(1, 6, 7).Reshape(6));
        Tensor embeddingTwin = Parameter(embedding.Detach().Clone()), biasTwin = Parameter(bias.Detach().Clone());
        using var muon = new Muon([("blocks.0.weight", hidden), ("embedding", embedding), ("blocks.0.bias", bias)], name => name.StartsWith("blocks.", StringComparison.Ordinal), options);
        using var adam = new AdamW([("embedding", embeddingTwin), ("blocks.0.bias", biasTwin)], options);
        for (int step = 0; step < 3; step++)
        {
            hidden.Grad = Random(8, 8, 20 + step);
            embedding.Grad = Random(4, 6, 30 + step);
            embeddingTwin.Grad = embedding.Grad.Clone();
            bias.Grad = Random(1, 6, 40 + step).Reshape(6);
            biasTwin.Grad = bias.Grad.Clone();
            muon.Step(0.01);
            adam.Step(0.01);
        }
        embedding.ToArray<float>().ShouldBe(embeddingTwin.ToArray<float>());
        bias.ToArray<float>().ShouldBe(biasTwin.ToArray<float>());
        muon.StepCount.ShouldBe(3);
    }

    [Fact]
    public void LoadState_OfAnother_ContinuesWithTheSameBits()
    {
        using var scope = TensorScope.Enter();
        var first = Parameter(Random(8, 12, 8));
        using var muon = new Muon([("w", first)], _ => true, new AdamWOptions());
        first.Grad = Random(8, 12, 9);
        muon.Step(0.1);

        var second = Parameter(first.Detach().Clone());
        using var resumed = new Muon([("w", second)], _ => true, new AdamWOptions());
        var saved = muon.State().ToDictionary(s => s.Name, s => s.Value.Clone(), StringComparer.Ordinal);
        saved.Keys.ShouldBe(["momentum.w"]);
        resumed.LoadState(name => saved[name], muon.StepCount);
        first.Grad = Random(8, 12, 10);
        second.Grad = first.Grad.Clone();
        muon.Step(0.1);
        resumed.Step(0.1);
        second.ToArray<float>().ShouldBe(first.ToArray<float>());
        resumed.StepCount.ShouldBe(2);
    }

    [Fact]
    public void Step_MatrixWithoutGradient_IsRefusedByName()
    {
        using var scope = TensorScope.Enter();
        var weight = Parameter(Random(4, 4, 11));
        using var muon = new Muon([("blocks.3.weight", weight)], _ => true, new AdamWOptions());
        Should.Throw<KinoraException>(() => muon.Step(0.1)).Message.ShouldContain("blocks.3.weight");
    }

    private static Tensor Random(int rows, int columns, int seed) => new Kinora.Engine.Random.Generator((ulong)seed).Normal([rows, columns]);

    private static Tensor Parameter(Tensor values) => values.Clone().RequiresGradInPlace();
}
