using System.Runtime.CompilerServices;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Tests.Contracts;

/// <summary>
/// What every network of Kinora keeps to, whatever it computes. A subclass says how to build a tiny instance, what it eats, and what shape comes out.
/// Parameters are filled with noise, so that nothing hides behind a zero initialization.
/// </summary>
public abstract class NetworkContract<TNetwork> where TNetwork : Module
{
    private const double ParameterStd = 0.25;

    /// <summary>Largest |bf16 − fp32| over the largest |fp32|: eight bits of mantissa through a few layers.</summary>
    protected virtual double Bfloat16Tolerance => 0.06;

    protected abstract TNetwork Build(ParameterPath path);

    /// <summary>Inputs for a batch; row i depends on i alone.</summary>
    protected abstract Tensor[] Inputs(int batch);

    protected abstract Tensor Forward(TNetwork network, Tensor[] inputs);

    protected abstract long[] ExpectedShape(int batch);

    /// <summary>The approved list of parameters, a file in Approved.</summary>
    protected abstract string ApprovedFile { get; }

    [Fact]
    public void Forward_OnABatch_HasTheDocumentedShape()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        Forward(network, Inputs(3)).Shape.ShouldBe(ExpectedShape(3));
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_Twice_GivesTheSameBits()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var first = Forward(network, Inputs(2)).ToArray<float>();
        Forward(network, Inputs(2)).ToArray<float>().ShouldBe(first);
        first.ShouldAllBe(v => float.IsFinite(v));
        first.Distinct().Count().ShouldBeGreaterThan(first.Length / 4);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_OfASampleInABatch_IsThatOfTheSampleAlone()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var together = Forward(network, Inputs(3));
        var inputs = Inputs(3);
        for (var i = 0; i < 3; i++)
        {
            var alone = Forward(network, [.. inputs.Select(t => t.Narrow(0, i, 1))]);
            RelativeError(together.Narrow(0, i, 1), alone).ShouldBeLessThan(1e-5, $"sample {i}");
        }
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Backward_ReachesEveryParameter()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        Forward(network, Inputs(2)).Square().Mean().Backward();
        var idle = network.Parameters().Where(p => p.Value.Grad is not { } g || g.Abs().Max().Item() == 0).Select(p => p.Name);
        idle.ShouldBeEmpty();
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Parameters_HaveTheApprovedNamesAndShapes()
    {
        var network = Build(ParameterPath.Root(new ShapeOnlyParameters()));
        var actual = network.Parameters().Select(p => $"{p.Name} [{string.Join(", ", p.Value.Shape)}]");
        var approved = File.ReadAllLines(Path.Combine(ApprovedFolder(), ApprovedFile));
        actual.ShouldBe(approved, $"Renaming or reshaping a parameter breaks every checkpoint. If that is meant, change Approved/{ApprovedFile}.");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_AndBackward_LeakNoTensor()
    {
        var network = Noisy();
        var before = Tensor.LiveCount;
        using (TensorScope.Enter())
        {
            Forward(network, Inputs(2)).Sum().Backward();
            foreach (var (_, value) in network.Parameters()) value.Grad = null;
        }
        Tensor.LiveCount.ShouldBe(before);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Load_OfWhatWasSaved_GivesTheSameBits()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var path = Path.Combine(Directory.CreateTempSubdirectory("kinora-contract").FullName, "weights.safetensors");
        SafetensorsWriter.Write(path, network.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));
        var loaded = Checkpoint.Load(path, Build);
        using var inference = GradMode.Inference(); // parameters that are trained may run by other kernels
        Forward(loaded, Inputs(2)).ToArray<float>().ShouldBe(Forward(network, Inputs(2)).ToArray<float>());
        loaded.Path.Store.Dispose();
        network.Path.Store.Dispose();
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void Forward_InBfloat16_IsCloseToFloat32()
    {
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = Noisy();
        var full = Forward(network, Inputs(2));
        Tensor mixed;
        using (Autocast.Enter(DType.BFloat16)) mixed = Forward(network, Inputs(2));
        mixed.DType.ShouldBe(DType.Float32);
        var error = RelativeError(mixed, full);
        error.ShouldBeLessThan(Bfloat16Tolerance);
        error.ShouldBeGreaterThan(0, "nothing ran in bfloat16");
        network.Path.Store.Dispose();
    }

    /// <summary>A network whose parameters are noise around one for gains and around zero for the rest.</summary>
    protected TNetwork Noisy()
    {
        var network = Build(ParameterPath.Root(new InitializedParameters(1)));
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        ulong stream = 0;
        foreach (var (_, value) in network.Parameters())
        {
            var fanIn = value.Dim < 2 ? 1.0 : (double)value.NumElements / value.Size(0);
            var std = value.Dim < 2 ? ParameterStd : 1 / Math.Sqrt(fanIn);
            value.AddInPlace(Noise(value.Shape, ++stream) * std);
        }
        return network;
    }

    protected static Tensor Noise(ReadOnlySpan<long> shape, ulong stream)
    {
        long count = 1;
        foreach (var size in shape) count *= size;
        var values = new float[count];
        new Engine.Random.Generator(11, stream).FillNormal(values);
        return Tensor.FromArray(values, shape);
    }

    /// <summary>One noise tensor for each sample, so that a sample does not depend on its batch.</summary>
    protected static Tensor NoiseRows(int batch, ulong stream, params long[] shape)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Stack([.. Enumerable.Range(0, batch).Select(i => Noise(shape, stream * 1000 + (ulong)i))], 0));
    }

    /// <summary>max |a − b| / max |b|</summary>
    protected static double RelativeError(Tensor a, Tensor b) => (a - b).Abs().Max().Item() / b.Abs().Max().Item();

    private static string ApprovedFolder([CallerFilePath] string thisFile = "") => Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "Approved");
}
