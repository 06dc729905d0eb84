using Kinora.Engine;

namespace Kinora.Models.Modules;

// How large pictures are cut into overlapping tiles for an autoencoder, and how coded tiles are joined: each overlap is a linear cross-fade,
// so that no seam shows. Source of the idea: huggingface/diffusers d035dcd7, autoencoder_kl_cogvideox.py (tiled_decode, blend_v, blend_h).
//
// Shapes    [.., H, W]: height and width are the last two dimensions; places and sizes of tiles are in latents

/// <summary>A tile's place among the latents.</summary>
public readonly record struct PictureTile(int Top, int Left, int Height, int Width);

/// <summary>The tiles of a picture, row by row.</summary>
public sealed class PictureTiling
{
    private readonly int _columns;
    private readonly (int Height, int Width) _stride, _overlap;

    private PictureTiling(IReadOnlyList<PictureTile> tiles, int columns, (int Height, int Width) stride, (int Height, int Width) overlap) =>
        (Tiles, _columns, _stride, _overlap) = (tiles, columns, stride, overlap);

    /// <summary>The tiles; one when the picture is whole.</summary>
    public IReadOnlyList<PictureTile> Tiles { get; }

    /// <summary>One tile.</summary>
    public static PictureTiling Whole(long height, long width) => new([new PictureTile(0, 0, (int)height, (int)width)], 1, (0, 0), (0, 0));

    /// <summary>Tiles of a size, each a stride after the other; one when the picture is not larger than a tile.</summary>
    /// <param name="height">Of the picture, in latents.</param>
    /// <param name="width">Likewise.</param>
    /// <param name="tile">Size of a tile in latents.</param>
    /// <param name="stride">From tile to tile in latents, 1 to the size; the rest overlaps.</param>
    public static PictureTiling Of(long height, long width, (int Height, int Width) tile, (int Height, int Width) stride)
    {
        int[] tops = Starts(height, tile.Height, stride.Height), lefts = Starts(width, tile.Width, stride.Width);
        if (tops.Length == 1 && lefts.Length == 1) return Whole(height, width);
        PictureTile[] tiles =
        [
            .. from top in tops
               from left in lefts
               select new PictureTile(top, left, (int)Math.Min(tile.Height, height - top), (int)Math.Min(tile.Width, width - left)),
        ];
        return new PictureTiling(tiles, lefts.Length, stride, (tile.Height - stride.Height, tile.Width - stride.Width));
    }

    /// <summary>The part of x under a tile.</summary>
    /// <param name="x">[.., H, W]</param>
    /// <param name="tile">One of <see cref="Tiles"/>.</param>
    /// <param name="scale">Rows of x for a latent.</param>
    public static Tensor Cut(Tensor x, PictureTile tile, int scale = 1) =>
        x.Narrow(x.Dim - 2, (long)tile.Top * scale, (long)tile.Height * scale).Narrow(x.Dim - 1, (long)tile.Left * scale, (long)tile.Width * scale);

    /// <summary>One picture from coded tiles; the tiles are used up.</summary>
    /// <param name="tiles">[.., h, w] each, in the order of <see cref="Tiles"/>.</param>
    /// <param name="scale">Rows of a coded tile for a latent: the compression for decoded tiles, 1 for encoded ones.</param>
    public Tensor Join(Tensor[] tiles, int scale)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        if (tiles.Length == 1) return tiles[0];
        using var scope = TensorScope.Enter();
        int vertical = tiles[0].Dim - 2, horizontal = vertical + 1;
        var rows = new List<Tensor>();
        for (var start = 0; start < tiles.Length; start += _columns)
        {
            bool lastRow = start + _columns == tiles.Length;
            var row = new List<Tensor>();
            for (var column = 0; column < _columns; column++)
            {
                var tile = tiles[start + column];
                if (start > 0) tile = Fade(tiles[start - _columns + column], tile, vertical, _overlap.Height * scale);
                if (column > 0) tile = Fade(tiles[start + column - 1], tile, horizontal, _overlap.Width * scale);
                tiles[start + column] = tile;
                row.Add(tile.Narrow(vertical, 0, lastRow ? tile.Size(vertical) : _stride.Height * scale).Narrow(horizontal, 0, column == _columns - 1 ? tile.Size(horizontal) : _stride.Width * scale));
            }
            rows.Add(Tensor.Cat([.. row], horizontal));
        }
        return scope.Keep(Tensor.Cat([.. rows], vertical));
    }

    /// <summary>b whose first <paramref name="extent"/> entries along a dimension come gradually out of the last of a.</summary>
    internal static Tensor Fade(Tensor a, Tensor b, int dim, long extent)
    {
        long n = Math.Min(extent, Math.Min(a.Size(dim), b.Size(dim)));
        if (n == 0) return b;
        using var scope = TensorScope.Enter();
        // Only the middle half is mixed: next to a tile's edge stands what saw zeros beyond it.
        var weight = ((Tensor.Arange(0, n, dtype: DType.Float32, device: b.Device) + 0.5) * (2.0 / n) - 0.5).Clamp(0, 1);
        weight = weight.View([n, .. Enumerable.Repeat(1L, b.Dim - 1 - dim)]);
        var faded = a.Narrow(dim, a.Size(dim) - n, n) * (1 - weight) + b.Narrow(dim, 0, n) * weight;
        return scope.Keep(Tensor.Cat([faded, b.Narrow(dim, n, b.Size(dim) - n)], dim));
    }

    // A tile begins where the one before it does not reach the end.
    private static int[] Starts(long size, int tile, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tile);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stride);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stride, tile);
        return [.. Enumerable.Range(0, (int)Math.Max(1, (size - tile + stride - 1) / stride + 1)).Select(i => i * stride)];
    }
}
