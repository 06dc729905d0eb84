// Finds the things in a frame of the procedural world: where each one's center lies, what it is and which color it has.
// A heat map whose peaks are centers, with classes read at the peaks: Zhou, Wang and Krähenbühl, "Objects as Points", arXiv:1904.07850,
// sections 3 and 4. A pooled classifier knows what a clip shows but not what stands where; positions are kept here instead.
// The layers and the parameter names are our own.
//
// Shapes    N frames  H,W height, width  C channels  K 1 + nouns + colors
// Numerics  Norms and the head are float32; convolutions run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Evaluation.Probes;

/// <summary>The finder's network. <see cref="ThingReading"/> makes sightings of its maps.</summary>
public sealed class ThingFinder : Module
{
    /// <summary>Pixels of a side of a map's cell.</summary>
    public const int Stride = 8;

    private const int NormGroups = 8;
    private static readonly int[] Strides = [2, 2, 1, 2, 1, 1];
    private readonly Conv2d[] _convs;
    private readonly GroupNorm[] _norms;
    private readonly Conv2d _head;

    public ThingFinder(ParameterPath path, ThingFinderConfig config) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        var c = config.Channels;
        _convs = [.. c.Select((width, i) => new Conv2d(path["layers"][i]["conv"], i == 0 ? 3 : c[i - 1], width, 3, Strides[i], 1, bias: false, Init.KaimingUniform))];
        _norms = [.. c.Select((width, i) => new GroupNorm(path["layers"][i]["norm"], NormGroups, width))];
        _head = new Conv2d(path["head"], c[^1], 1 + config.Nouns.Count + config.Colors.Count, 1);
    }

    public ThingFinderConfig Config { get; }

    /// <summary>Cells of a map's side.</summary>
    public int Cells => Config.Size / Stride;

    /// <summary>Maps [N, K, H/8, W/8] in float32 from frames [N, 3, H, W] in [−1, 1]: the logit of a center, then logits of nouns and of colors.</summary>
    /// <exception cref="ShapeException">The frames have another size than the finder reads.</exception>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        var (_, c, h, w) = x.Dims4();
        if (c != 3 || h != Config.Size || w != Config.Size)
            throw new ShapeException($"ThingFinder: expected frames [N, 3, {Config.Size}, {Config.Size}], got [{string.Join(", ", x.Shape)}].");
        for (int i = 0; i < _convs.Length; i++)
            x = _norms[i].Forward(_convs[i].Forward(x).To(DType.Float32)).Relu();
        using var full = Autocast.Enter(null);
        return scope.Keep(_head.Forward(x));
    }
}
