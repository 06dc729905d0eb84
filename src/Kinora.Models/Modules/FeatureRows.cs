using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// A map of features whose rows come strip by strip, from memory or computed when they are asked for, so that a network of 3×3 convolutions and
// group norms works on a large picture without holding its widest maps. It is exact: a strip of a convolution is computed with the rows above and
// below it, and a norm's statistics are those of the whole map, gathered in a pass of their own (Wu and He, arXiv:1803.08494, equation 4; strips
// are put together as in Chan et al., "Algorithms for Computing the Sample Variance", 1983, equation 2.1).
//
// Shapes    1 picture  C channels  H,W height, width; strips [1, C, n, W]
// Numerics  statistics in float32 within a strip and double across strips; a norm's values in float32, then in the type of the map.

/// <summary>A map of features [1, C, H, W], strip by strip.</summary>
internal sealed class FeatureRows
{
    /// <summary>Values of a channel in a strip.</summary>
    public const long Positions = 1 << 15;

    private const int FewestRows = 8;
    private readonly Func<long, long, Tensor> _rows;
    private readonly FeatureRows? _source;
    private readonly Tensor? _stored;
    private readonly long _positions;

    private FeatureRows(long height, long width, long positions, Func<long, long, Tensor> rows, FeatureRows? source, Tensor? stored = null) =>
        (Height, Width, _positions, _rows, _source, _stored) = (height, width, positions, rows, source, stored);

    /// <summary>H.</summary>
    public long Height { get; }

    /// <summary>W.</summary>
    public long Width { get; }

    /// <summary>A map in memory.</summary>
    /// <param name="x">[1, C, H, W]</param>
    /// <param name="positions">Values of a channel in a strip; a strip has eight rows at least.</param>
    public static FeatureRows Of(Tensor x, long positions = Positions) => new(x.Size(2), x.Size(3), positions, (top, bottom) => x.Narrow(2, top, bottom - top), null, x);

    /// <summary>Rows [top, bottom), [1, C, bottom − top, W].</summary>
    public Tensor Rows(long top, long bottom) => _rows(top, bottom);

    /// <summary>Frees the map in memory that this is, or is computed from.</summary>
    public void Free()
    {
        _stored?.Dispose();
        _source?.Free();
    }

    /// <summary>The map that a function of single positions makes of this one.</summary>
    public FeatureRows Map(Func<Tensor, Tensor> function) => new(Height, Width, _positions, (top, bottom) => function(_rows(top, bottom)), this);

    /// <summary>The sum with another map of the same shape.</summary>
    public FeatureRows Plus(FeatureRows other) => new(Height, Width, _positions, (top, bottom) => other._rows(top, bottom) + _rows(top, bottom), this);

    /// <summary>What a 3×3 convolution with a border of zeros makes of the map.</summary>
    public FeatureRows Convolved(Func<Tensor, Tensor> convolution) => new(Height, Width, _positions, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        long from = Math.Max(0, top - 1), to = Math.Min(Height, bottom + 1);
        return scope.Keep(convolution(_rows(from, to)).Narrow(2, top - from, bottom - top));
    }, this);

    /// <summary>What a 3×3 convolution with a border of zeros makes of the map at twice the height and width.</summary>
    /// <param name="convolution">Doubles and convolves.</param>
    public FeatureRows Doubled(Func<Tensor, Tensor> convolution) => new(2 * Height, 2 * Width, _positions, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        long from = Math.Max(0, top / 2 - 1), to = Math.Min(Height, (bottom + 1) / 2 + 1);
        return scope.Keep(convolution(_rows(from, to)).Narrow(2, top - 2 * from, bottom - top));
    }, this);

    /// <summary>What a 3×3 convolution of stride 2 makes of the map, with a row of zeros below and a column at the right.</summary>
    /// <param name="convolution">Pads and convolves.</param>
    public FeatureRows Halved(Func<Tensor, Tensor> convolution) => new((Height - 2) / 2 + 1, (Width - 2) / 2 + 1, _positions, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(convolution(_rows(2 * top, Math.Min(Height, 2 * bottom + 1))).Narrow(2, 0, bottom - top));
    }, this);

    /// <summary>SiLU of a group norm over the whole map, as a function of single positions.</summary>
    public Func<Tensor, Tensor> NormSilu(GroupNorm norm)
    {
        var strips = new List<(float[] Means, float[] Variances, long Count)>();
        foreach (var (top, bottom) in Strips())
        {
            using var scope = TensorScope.Enter();
            Tensor x = _rows(top, bottom).To(DType.Float32);
            Tensor mean = x.Mean([0, 2, 3], keepDim: true), away = x - mean;
            strips.Add((mean.ToArray<float>(), away.MulInPlace(away).Mean([0, 2, 3]).ToArray<float>(), (bottom - top) * Width));
        }
        var (scale, shift) = norm.ScaleAndShift(strips);
        return x =>
        {
            using var scope = TensorScope.Enter();
            var y = x.DType == DType.Float32 ? x * scale : x.To(DType.Float32).MulInPlace(scale);
            TensorScope.Replace(ref y, F.Silu(y.AddInPlace(shift)));
            return scope.Keep(y.To(x.DType));
        };
    }

    /// <summary>The map in memory, computed strip by strip. What it was computed from stays.</summary>
    public FeatureRows Stored() => Stored(null);

    /// <summary>The map in memory, in the place of another that is of no more use; row by row the other is read before its place is taken.</summary>
    public FeatureRows StoredOver(FeatureRows other)
    {
        FeatureRows stored = Stored(other._stored);
        if (!ReferenceEquals(stored._stored, other._stored)) other.Free();
        return stored;
    }

    /// <summary>Two maps in memory of which each strip is computed from the same rows of this one, which is freed.</summary>
    /// <param name="prepare">What the convolution reads, of single positions.</param>
    /// <param name="convolution">3×3 with a border of zeros.</param>
    /// <param name="beside">The second map, of single positions.</param>
    public (FeatureRows Convolved, FeatureRows Beside) StoredWith(Func<Tensor, Tensor> prepare, Func<Tensor, Tensor> convolution, Func<Tensor, Tensor> beside)
    {
        Tensor? first = null, second = null;
        foreach (var (top, bottom) in Strips())
        {
            using var scope = TensorScope.Enter();
            long from = Math.Max(0, top - 1), to = Math.Min(Height, bottom + 1);
            Tensor rows = _rows(from, to), a = convolution(prepare(rows)).Narrow(2, top - from, bottom - top), b = beside(rows.Narrow(2, top - from, bottom - top));
            first ??= scope.Keep(Place(a));
            second ??= scope.Keep(Place(b));
            first.Narrow(2, top, bottom - top).CopyInPlace(a);
            second.Narrow(2, top, bottom - top).CopyInPlace(b);
        }
        Free();
        return (Of(first!, _positions), Of(second!, _positions));
    }

    private FeatureRows Stored(Tensor? place)
    {
        Tensor? map = null;
        foreach (var (top, bottom) in Strips())
        {
            using var scope = TensorScope.Enter();
            Tensor strip = _rows(top, bottom);
            map ??= place is not null && place.DType == strip.DType && place.Size(1) == strip.Size(1) ? place : scope.Keep(Place(strip));
            map.Narrow(2, top, bottom - top).CopyInPlace(strip);
        }
        return Of(map!, _positions);
    }

    private IEnumerable<(long Top, long Bottom)> Strips()
    {
        long rows = Math.Max(FewestRows, _positions / Width);
        for (long top = 0; top < Height; top += rows) yield return (top, Math.Min(Height, top + rows));
    }

    // [1, H, W, C] in memory.
    private Tensor Place(Tensor strip)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Empty([1, Height, Width, strip.Size(1)], strip.DType, strip.Device).Permute(0, 3, 1, 2));
    }
}
