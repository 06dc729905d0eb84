// Inception v3 as the Fréchet inception distance uses it: pooled features of 2048 numbers and 1008 logits.
// Papers: Szegedy et al., "Rethinking the Inception architecture", arXiv:1512.00567; Heusel et al., arXiv:1706.08500.
// Parameter names follow torchvision; the differences of the FID network (averages that do not count padding, a maximum in the last block)
// follow mseitzer/pytorch-fid, whose weights are a conversion of the TensorFlow graph of 2015-12-05. torchvision's own network is the other variant.
//
// Shapes    B pictures  H,W height, width
// Numerics  Batch norm is float32; convolutions run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.InceptionV3;

/// <summary>Which network of that name.</summary>
public enum InceptionV3Variant
{
    /// <summary>The TensorFlow graph of 2015: averages do not count padding, the last block takes a maximum.</summary>
    Fid,

    /// <summary>torchvision's: averages count padding everywhere. What its transform_input makes of ImageNet's normalization is [−1, 1], too.</summary>
    Torchvision,
}

/// <summary>The network.</summary>
public sealed class InceptionV3Model : Module
{
    /// <summary>Classes of the TensorFlow graph.</summary>
    public const int FidClasses = 1008;

    /// <summary>Classes of torchvision's weights.</summary>
    public const int ImageNetClasses = 1000;

    /// <summary>Numbers in the pooled features.</summary>
    public const int FeatureChannels = 2048;

    /// <summary>Pixels of a side.</summary>
    public const int InputSize = 299;

    private readonly InceptionUnit[] _stem1, _stem2;
    private readonly List<Func<Tensor, Tensor>> _blocks = [];
    private readonly Linear _fc;

    public InceptionV3Model(ParameterPath path, int classes = FidClasses, InceptionV3Variant variant = InceptionV3Variant.Fid) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        Variant = variant;
        _stem1 = [new(path["Conv2d_1a_3x3"], 3, 32, 3, 2), new(path["Conv2d_2a_3x3"], 32, 32, 3), new(path["Conv2d_2b_3x3"], 32, 64, 3, padding: 1)];
        _stem2 = [new(path["Conv2d_3b_1x1"], 64, 80, 1), new(path["Conv2d_4a_3x3"], 80, 192, 3)];
        BlockA(path["Mixed_5b"], 192, 32);
        BlockA(path["Mixed_5c"], 256, 64);
        BlockA(path["Mixed_5d"], 288, 64);
        BlockB(path["Mixed_6a"], 288);
        BlockC(path["Mixed_6b"], 768, 128);
        BlockC(path["Mixed_6c"], 768, 160);
        BlockC(path["Mixed_6d"], 768, 160);
        BlockC(path["Mixed_6e"], 768, 192);
        BlockD(path["Mixed_7a"], 768);
        BlockE(path["Mixed_7b"], 1280, maximum: false);
        BlockE(path["Mixed_7c"], 2048, maximum: variant == InceptionV3Variant.Fid);
        _fc = new Linear(path["fc"], FeatureChannels, classes);
    }

    /// <summary>Which network it is.</summary>
    public InceptionV3Variant Variant { get; }

    /// <summary>Pooled features [B, 2048] of pictures [B, 3, 299, 299] in [−1, 1].</summary>
    public Tensor Features(Tensor x)
    {
        using var scope = TensorScope.Enter();
        foreach (InceptionUnit unit in _stem1)
            x = unit.Forward(x);
        x = F.MaxPool2d(x, 3, 2);
        foreach (InceptionUnit unit in _stem2)
            x = unit.Forward(x);
        x = F.MaxPool2d(x, 3, 2);
        foreach (Func<Tensor, Tensor> block in _blocks)
            x = block(x);
        return scope.Keep(x.To(DType.Float32).Mean([2, 3]));
    }

    /// <summary>Logits [B, classes] of pooled features.</summary>
    public Tensor Classify(Tensor features) => _fc.Forward(features);

    private void BlockA(ParameterPath p, long c, long poolChannels)
    {
        InceptionUnit b1 = new(p["branch1x1"], c, 64, 1), b5a = new(p["branch5x5_1"], c, 48, 1), b5b = new(p["branch5x5_2"], 48, 64, 5, padding: 2);
        InceptionUnit d1 = new(p["branch3x3dbl_1"], c, 64, 1), d2 = new(p["branch3x3dbl_2"], 64, 96, 3, padding: 1), d3 = new(p["branch3x3dbl_3"], 96, 96, 3, padding: 1), pool = new(p["branch_pool"], c, poolChannels, 1);
        _blocks.Add(x => Join(b1.Forward(x), b5b.Forward(b5a.Forward(x)), d3.Forward(d2.Forward(d1.Forward(x))), pool.Forward(Average(x))));
    }

    private void BlockB(ParameterPath p, long c)
    {
        InceptionUnit b3 = new(p["branch3x3"], c, 384, 3, 2), d1 = new(p["branch3x3dbl_1"], c, 64, 1), d2 = new(p["branch3x3dbl_2"], 64, 96, 3, padding: 1), d3 = new(p["branch3x3dbl_3"], 96, 96, 3, 2);
        _blocks.Add(x => Join(b3.Forward(x), d3.Forward(d2.Forward(d1.Forward(x))), F.MaxPool2d(x, 3, 2)));
    }

    private void BlockC(ParameterPath p, long c, long m)
    {
        Size2 row = (1, 7), column = (7, 1), rowPad = (0, 3), columnPad = (3, 0);
        InceptionUnit b1 = new(p["branch1x1"], c, 192, 1), s1 = new(p["branch7x7_1"], c, m, 1), s2 = new(p["branch7x7_2"], m, m, row, padding: rowPad), s3 = new(p["branch7x7_3"], m, 192, column, padding: columnPad);
        InceptionUnit d1 = new(p["branch7x7dbl_1"], c, m, 1), d2 = new(p["branch7x7dbl_2"], m, m, column, padding: columnPad), d3 = new(p["branch7x7dbl_3"], m, m, row, padding: rowPad);
        InceptionUnit d4 = new(p["branch7x7dbl_4"], m, m, column, padding: columnPad), d5 = new(p["branch7x7dbl_5"], m, 192, row, padding: rowPad), pool = new(p["branch_pool"], c, 192, 1);
        _blocks.Add(x => Join(b1.Forward(x), s3.Forward(s2.Forward(s1.Forward(x))), d5.Forward(d4.Forward(d3.Forward(d2.Forward(d1.Forward(x))))), pool.Forward(Average(x))));
    }

    private void BlockD(ParameterPath p, long c)
    {
        InceptionUnit b1 = new(p["branch3x3_1"], c, 192, 1), b2 = new(p["branch3x3_2"], 192, 320, 3, 2);
        InceptionUnit s1 = new(p["branch7x7x3_1"], c, 192, 1), s2 = new(p["branch7x7x3_2"], 192, 192, (1, 7), padding: (0, 3)), s3 = new(p["branch7x7x3_3"], 192, 192, (7, 1), padding: (3, 0)), s4 = new(p["branch7x7x3_4"], 192, 192, 3, 2);
        _blocks.Add(x => Join(b2.Forward(b1.Forward(x)), s4.Forward(s3.Forward(s2.Forward(s1.Forward(x)))), F.MaxPool2d(x, 3, 2)));
    }

    private void BlockE(ParameterPath p, long c, bool maximum)
    {
        InceptionUnit b1 = new(p["branch1x1"], c, 320, 1), t1 = new(p["branch3x3_1"], c, 384, 1), t2a = new(p["branch3x3_2a"], 384, 384, (1, 3), padding: (0, 1)), t2b = new(p["branch3x3_2b"], 384, 384, (3, 1), padding: (1, 0));
        InceptionUnit d1 = new(p["branch3x3dbl_1"], c, 448, 1), d2 = new(p["branch3x3dbl_2"], 448, 384, 3, padding: 1), d3a = new(p["branch3x3dbl_3a"], 384, 384, (1, 3), padding: (0, 1)), d3b = new(p["branch3x3dbl_3b"], 384, 384, (3, 1), padding: (1, 0)), pool = new(p["branch_pool"], c, 192, 1);
        _blocks.Add(x =>
        {
            using var scope = TensorScope.Enter();
            Tensor t = t1.Forward(x), d = d2.Forward(d1.Forward(x));
            return scope.Keep(Tensor.Cat([b1.Forward(x), t2a.Forward(t), t2b.Forward(t), d3a.Forward(d), d3b.Forward(d), pool.Forward(maximum ? F.MaxPool2d(x, 3, 1, 1) : Average(x))], 1));
        });
    }

    // Over zeros padded by hand, the mean counts them.
    private Tensor Average(Tensor x) => Variant == InceptionV3Variant.Fid ? F.AvgPool2dPadded(x, 3, 1, 1) : F.AvgPool2d(F.Pad(x, [1, 1, 1, 1]), 3, 1);

    private static Tensor Join(params Tensor[] branches) => Tensor.Cat(branches, 1);
}

/// <summary>Convolution, batch norm, ReLU.</summary>
internal sealed class InceptionUnit : Module
{
    private const double Eps = 1e-3;
    private readonly Conv2d _conv;
    private readonly BatchNorm _norm;

    public InceptionUnit(ParameterPath path, long inChannels, long outChannels, Size2 kernel, long stride = 1, Size2 padding = default) : base(path)
    {
        _conv = new Conv2d(path["conv"], inChannels, outChannels, kernel, stride, padding, bias: false);
        _norm = new BatchNorm(path["bn"], outChannels, Eps);
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_norm.Forward(_conv.Forward(x)).Relu());
    }
}
