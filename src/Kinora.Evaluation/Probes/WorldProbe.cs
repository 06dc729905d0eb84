// A classifier that says what a clip of the procedural world shows: noun, color, motion, setting.
// The columns of ClipColumns, pooled over positions, with a linear head for each attribute. The design and the parameter names are our own.
//
// Shapes    B clips  F frames  H,W height, width  C channels
// Numerics  Norms, pooling and heads are float32; convolutions run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Systems.KinoraWorldClip;

namespace Kinora.Evaluation.Probes;

/// <summary>The probe network. <see cref="Forward"/> gives one table of logits for each attribute of its configuration.</summary>
public sealed class WorldProbe : Module
{
    private const string Motion = "motion";
    private readonly ClipColumns _columns;
    private readonly Linear[] _heads;

    public WorldProbe(ParameterPath path, WorldProbeConfig config) : base(path)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        _columns = new ClipColumns(path, config.Frames, config.AppearanceChannels, config.MotionChannels);
        _heads = [.. config.Attributes.Select(a => new Linear(path["heads"][a.Name], 2 * (a.Name == Motion ? config.MotionChannels : config.AppearanceChannels)[^1], a.Classes.Count))];
    }

    public WorldProbeConfig Config { get; }

    /// <summary>Logits [B, classes] for each attribute, from clips [B, 3, F, H, W] in [−1, 1].</summary>
    public Tensor[] Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var (b, c, f, h, w) = x.Dims5();
        if (c != 3 || f != Config.Frames || h != Config.Size || w != Config.Size)
            throw new ShapeException($"WorldProbe: expected clips [B, 3, {Config.Frames}, {Config.Size}, {Config.Size}], got [{string.Join(", ", x.Shape)}]. Generate at the size that the probe was trained on.");

        var still = See(ClipColumns.StillsOf(x));                                                           // [B, 2A]
        var moving = Pool(_columns.Motion(x).Flatten(2));                                                   // [B, 2M]
        return scope.Keep([.. _heads.Zip(Config.Attributes, (head, a) => head.Forward(a.Name == Motion ? moving : still).To(DType.Float32))]);
    }

    /// <summary>Logits [B, classes] for each attribute that single frames show, null for motion, from the first, middle and last frames [B, 3, 3, H, W] in [−1, 1].</summary>
    public Tensor?[] ForwardStills(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var still = See(x);
        Tensor?[] logits = [.. _heads.Zip(Config.Attributes, (head, a) => a.Name == Motion ? null : head.Forward(still).To(DType.Float32))];
        foreach (Tensor? t in logits)
        {
            if (t is not null)
                scope.Keep(t);
        }
        return logits;
    }

    private Tensor See(Tensor stills)                                                                       // [B, 3, S, H, W] → [B, 2A]
    {
        using var scope = TensorScope.Enter();
        var seen = _columns.Appearance(stills);                                                             // [B, S, A, H/8, W/8]
        return scope.Keep(Pool(seen.Transpose(1, 2).Flatten(2)));
    }

    // Maximum and mean over positions: what is anywhere, and how much of it.
    private static Tensor Pool(Tensor x)                                                                    // [B, C, N] → [B, 2C]
    {
        using var scope = TensorScope.Enter();
        var full = x.To(DType.Float32);
        return scope.Keep(Tensor.Cat([full.Amax([2]), full.Mean([2])], 1));
    }
}
