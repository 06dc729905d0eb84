using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// A map of features whose rows come strip by strip, from memory or computed when they are asked for, so that a network of 3×3 convolutions and
// norms works on large pictures and clips without holding more than two of its widest maps. It is exact: a strip of a convolution is computed with
// the rows above and below it, and a group norm's statistics are those of the whole map, gathered in a pass of their own (Wu and He,
// arXiv:1803.08494, equation 4; strips are put together as in Chan et al., "Algorithms for Computing the Sample Variance", 1983, equation 2.1).
//
// Shapes    pictures [N, C, H, W], channels last in memory, or clips [B, F, H, W, C]: in both, dimension 2 is rows and dimension 3 is columns
// Numerics  statistics in float32 within a strip and double across strips; a norm's values in float32, then in the type of the map.

/// <summary>A map of features [N, C, H, W] or [B, F, H, W, C], strip by strip.</summary>
internal sealed class FeatureRows
{
    /// <summary>Values of a channel in a strip of a picture.</summary>
    public const long Positions = 1 << 15;

    /// <summary>Values of a channel in a strip of all frames of a clip.</summary>
    public const long ClipPositions = 1 << 17;

    /// <summary>One strip: the map is computed whole.</summary>
    public const long Whole = long.MaxValue;

    private const int FewestRows = 8, RowAxis = 2, ColumnAxis = 3, PictureDims = 4;
    private readonly Func<long, long, Tensor> _rows;
    private readonly FeatureRows? _source, _beside;
    private readonly Tensor? _held, _place;                     // the map in memory; the same where this one may overwrite and free it
    private readonly long _positions, _pictures;

    private FeatureRows(long height, long width, FeatureRows source, Func<long, long, Tensor> rows, FeatureRows? beside = null) =>
        (Height, Width, _positions, _pictures, _rows, _source, _beside) = (height, width, source._positions, source._pictures, rows, source, beside);

    private FeatureRows(Tensor x, long positions, bool owned)
    {
        (Height, Width, _positions, _held, _place) = (x.Size(RowAxis), x.Size(ColumnAxis), positions, x, owned ? x : null);
        _pictures = x.Dim == PictureDims ? x.Size(0) : x.Size(0) * x.Size(1);
        _rows = (top, bottom) => x.Narrow(RowAxis, top, bottom - top);
    }

    /// <summary>H.</summary>
    public long Height { get; }

    /// <summary>W.</summary>
    public long Width { get; }

    /// <summary>N, or B·F.</summary>
    public long Pictures => _pictures;

    /// <summary>Whether one strip is the whole map.</summary>
    public bool IsWhole => RowsOfStrip >= Height;

    private long RowsOfStrip => Math.Max(FewestRows, _positions / (Width * _pictures));

    /// <summary>A map in memory, which is used up where the map is.</summary>
    /// <param name="x">[N, C, H, W] or [B, F, H, W, C]</param>
    /// <param name="positions">Values of a channel in a strip; a strip has eight rows at least.</param>
    public static FeatureRows Of(Tensor x, long positions = Positions) => new(x, positions, owned: true);

    /// <summary>Another map in memory in the same strips.</summary>
    public FeatureRows With(Tensor x) => new(x, _positions, owned: true);

    /// <summary>The map in memory for another reader: neither overwritten nor freed by it.</summary>
    public FeatureRows Shared() => new(_held!, _positions, owned: false);

    /// <summary>Rows [top, bottom).</summary>
    public Tensor Rows(long top, long bottom) => _rows(top, bottom);

    /// <summary>All rows.</summary>
    public Tensor Rows() => _rows(0, Height);

    /// <summary>What a function makes of the whole map, in memory; this one is freed.</summary>
    public FeatureRows Replaced(Func<Tensor, Tensor> function)
    {
        using var scope = TensorScope.Enter();
        Tensor result = scope.Keep(function(Rows()));
        Free();
        return With(result);
    }

    /// <summary>Frees the maps in memory that this is, or is computed from.</summary>
    public void Free()
    {
        _place?.Dispose();
        _source?.Free();
        _beside?.Free();
    }

    /// <summary>The map that a function of single positions makes of this one.</summary>
    public FeatureRows Map(Func<Tensor, Tensor> function) => Map((x, _) => function(x));

    /// <summary>The same for a function that knows the first row of what it is given.</summary>
    public FeatureRows Map(Func<Tensor, long, Tensor> function) => new(Height, Width, this, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(function(_rows(top, bottom), top));
    });

    /// <summary>The sum with another map of the same shape.</summary>
    public FeatureRows Plus(FeatureRows other) => With(other, (a, b) => a + b);

    /// <summary>What a function of single positions makes of another map of the same shape, which it gets first, and this one.</summary>
    public FeatureRows With(FeatureRows other, Func<Tensor, Tensor, Tensor> function) => new(Height, Width, this, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(function(other._rows(top, bottom), _rows(top, bottom)));
    }, other);

    /// <summary>What a 3×3 convolution with a border of zeros makes of the map.</summary>
    public FeatureRows Convolved(Func<Tensor, Tensor> convolution) => Convolved((x, _) => convolution(x));

    /// <summary>The same for a convolution that knows the first row of what it is given.</summary>
    public FeatureRows Convolved(Func<Tensor, long, Tensor> convolution) => new(Height, Width, this, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        long from = Math.Max(0, top - 1), to = Math.Min(Height, bottom + 1);
        return scope.Keep(convolution(_rows(from, to), from).Narrow(RowAxis, top - from, bottom - top));
    });

    /// <summary>What a 3×3 convolution with a border of zeros makes of the map at twice the height and width.</summary>
    /// <param name="convolution">Doubles and convolves.</param>
    public FeatureRows Doubled(Func<Tensor, Tensor> convolution) => new(2 * Height, 2 * Width, this, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        long from = Math.Max(0, top / 2 - 1), to = Math.Min(Height, (bottom + 1) / 2 + 1);
        return scope.Keep(convolution(_rows(from, to)).Narrow(RowAxis, top - 2 * from, bottom - top));
    });

    /// <summary>What a 3×3 convolution of stride 2 makes of the map, with a row of zeros below and a column at the right.</summary>
    /// <param name="convolution">Pads and convolves.</param>
    public FeatureRows Halved(Func<Tensor, Tensor> convolution) => new((Height - 2) / 2 + 1, (Width - 2) / 2 + 1, this, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(convolution(_rows(2 * top, Math.Min(Height, 2 * bottom + 1))).Narrow(RowAxis, 0, bottom - top));
    });

    /// <summary>The map in which a function makes one position of each square of several.</summary>
    public FeatureRows Folded(int side, Func<Tensor, Tensor> function) => new(Height / side, Width / side, this, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(function(_rows(side * top, side * bottom)));
    });

    /// <summary>The map in which a function makes a square of each position.</summary>
    public FeatureRows Unfolded(int side, Func<Tensor, Tensor> function) => new(side * Height, side * Width, this, (top, bottom) =>
    {
        using var scope = TensorScope.Enter();
        long from = top / side;
        return scope.Keep(function(_rows(from, (bottom + side - 1) / side)).Narrow(RowAxis, top - side * from, bottom - top));
    });

    /// <summary>A group norm over the whole map, as a function of single positions.</summary>
    /// <param name="norm">The norm.</param>
    /// <param name="silu">Whether its SiLU is wanted.</param>
    /// <param name="pictures">How many pictures share their statistics; clips [B, F, H, W, C] share those of all frames.</param>
    public Func<Tensor, Tensor> Norm(GroupNorm norm, bool silu = true, long pictures = 1)
    {
        var samples = new List<List<(float[] Means, float[] Variances, long Count)>>();
        bool clips = false;
        foreach (var (top, bottom) in Strips())
        {
            using var scope = TensorScope.Enter();
            Tensor x = _rows(top, bottom).To(DType.Float32);
            clips = x.Dim != PictureDims;
            long[] axes = clips ? [1, RowAxis, ColumnAxis] : [RowAxis, ColumnAxis];
            Tensor mean = x.Mean(axes, keepDim: true), away = x - mean, variance = away.MulInPlace(away).Mean(axes);
            float[] means = mean.ToArray<float>(), variances = variance.ToArray<float>();
            int parts = (int)x.Size(0), channels = means.Length / parts, shared = clips ? 1 : (int)pictures;
            long count = x.NumElements / parts / channels;
            for (int i = 0; i < parts; i++)
            {
                if (samples.Count == i / shared) samples.Add([]);
                samples[i / shared].Add((means[(i * channels)..((i + 1) * channels)], variances[(i * channels)..((i + 1) * channels)], count));
            }
        }
        var affine = samples.Select(norm.ScaleAndShift).ToArray();
        Tensor Spread(Tensor[] values)                                                           // S × [1, C, 1, 1]
        {
            using var scope = TensorScope.Enter();
            var all = Tensor.Cat(values, 0);
            return scope.Keep(clips ? all.View(all.Size(0), 1, 1, 1, -1) : all.RepeatInterleave(pictures, 0));
        }
        Tensor scale = Spread([.. affine.Select(a => a.Scale)]), shift = Spread([.. affine.Select(a => a.Shift)]);
        return x =>
        {
            using var scope = TensorScope.Enter();
            var y = x.DType == DType.Float32 ? x * scale : x.To(DType.Float32).MulInPlace(scale);
            y.AddInPlace(shift);
            if (silu) TensorScope.Replace(ref y, F.Silu(y));
            return scope.Keep(y.To(x.DType));
        };
    }

    /// <summary>The map in memory, computed strip by strip. What it was computed from stays.</summary>
    public FeatureRows Stored() => Stored(null);

    /// <summary>This map where it is in memory; otherwise stored, and what it was computed from freed.</summary>
    public FeatureRows InMemory()
    {
        if (_held is not null) return this;
        FeatureRows stored = Stored();
        Free();
        return stored;
    }

    /// <summary>The map in memory, in the place of another that is of no more use; row by row the other is read before its place is taken.</summary>
    public FeatureRows StoredOver(FeatureRows other)
    {
        FeatureRows stored = Stored(other._place);
        if (!ReferenceEquals(stored._place, other._place)) other.Free();
        return stored;
    }

    /// <summary>Two maps in memory of which each strip is computed from the same rows of this one, which is freed.</summary>
    /// <param name="prepare">What the convolution reads, of single positions.</param>
    /// <param name="convolution">3×3 with a border of zeros; knows the first row of what it is given.</param>
    /// <param name="beside">The second map, of single positions.</param>
    public (FeatureRows Convolved, FeatureRows Beside) StoredWith(Func<Tensor, long, Tensor> prepare, Func<Tensor, long, Tensor> convolution, Func<Tensor, Tensor> beside)
    {
        Tensor? first = null, second = null;
        foreach (var (top, bottom) in Strips())
        {
            using var scope = TensorScope.Enter();
            long from = Math.Max(0, top - 1), to = Math.Min(Height, bottom + 1);
            Tensor rows = _rows(from, to), a = convolution(prepare(rows, from), from).Narrow(RowAxis, top - from, bottom - top), b = beside(rows.Narrow(RowAxis, top - from, bottom - top));
            Put(a, top, ref first);
            Put(b, top, ref second);
            if (top == 0) scope.Keep(first!, second!);
        }
        Free();
        return (With(first!), With(second!));
    }

    private FeatureRows Stored(Tensor? place)
    {
        Tensor? map = null;
        foreach (var (top, bottom) in Strips())
        {
            using var scope = TensorScope.Enter();
            Tensor strip = _rows(top, bottom);
            if (top == 0 && bottom < Height && place is not null && place.DType == strip.DType && place.Shape.SequenceEqual(Shape(strip))) map = place;
            Put(strip, top, ref map);
            if (top == 0) scope.Keep(map!);
        }
        return With(map!);
    }

    // A strip's rows in a map in memory; a strip that is the whole map becomes it.
    private void Put(Tensor strip, long top, ref Tensor? map)
    {
        if (strip.Size(RowAxis) == Height)
        {
            map = strip;
            return;
        }
        map ??= Place(strip);
        map.Narrow(RowAxis, top, strip.Size(RowAxis)).CopyInPlace(strip);
    }

    private IEnumerable<(long Top, long Bottom)> Strips()
    {
        for (long top = 0, rows = RowsOfStrip; top < Height; top += rows) yield return (top, Math.Min(Height, top + Math.Min(rows, Height)));
    }

    private long[] Shape(Tensor strip)
    {
        long[] shape = [.. strip.Shape];
        shape[RowAxis] = Height;
        return shape;
    }

    // Channels last in memory.
    private Tensor Place(Tensor strip)
    {
        using var scope = TensorScope.Enter();
        long[] shape = Shape(strip);
        return scope.Keep(strip.Dim == PictureDims
            ? Tensor.Empty([shape[0], Height, shape[ColumnAxis], shape[1]], strip.DType, strip.Device).Permute(0, 3, 1, 2)
            : Tensor.Empty(shape, strip.DType, strip.Device));
    }
}
