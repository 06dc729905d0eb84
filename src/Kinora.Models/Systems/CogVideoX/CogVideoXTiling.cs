using Kinora.Engine;

namespace Kinora.Models.Systems.CogVideoX;

// How a picture of latents is cut into overlapping tiles and how decoded tiles are joined: the overlap is a linear cross-fade.
// Source of the sizes: huggingface/diffusers d035dcd7, autoencoder_kl_cogvideox.py (tiled_decode): tiles of half the training size,
// a sixth of the height and a fifth of the width shared.
//
// Shapes    tiles [B, C, F, H, W] in pixels, places in latents

/// <summary>A tile's place among the latents.</summary>
internal readonly record struct CogVideoXTile(int Top, int Left, int Height, int Width);

/// <summary>The tiles of a picture, row by row.</summary>
internal sealed class CogVideoXTiling
{
    private readonly int _columns, _keepHeight, _keepWidth, _blendHeight, _blendWidth;

    private CogVideoXTiling(IReadOnlyList<CogVideoXTile> tiles, int columns, (int Height, int Width) keep, (int Height, int Width) blend)
    {
        Tiles = tiles;
        _columns = columns;
        (_keepHeight, _keepWidth) = keep;
        (_blendHeight, _blendWidth) = blend;
    }

    public IReadOnlyList<CogVideoXTile> Tiles { get; }

    /// <summary>One tile.</summary>
    public static CogVideoXTiling Whole(int height, int width) => new([new CogVideoXTile(0, 0, height, width)], 1, (int.MaxValue, int.MaxValue), (0, 0));

    /// <summary>The reference's tiles; one when the picture is not larger than a tile.</summary>
    public static CogVideoXTiling For(CogVideoXAutoencoderConfig config, int height, int width)
    {
        int s = config.SpatialCompression, pixelHeight = config.SampleHeight / 2, pixelWidth = config.SampleWidth / 2, tileHeight = pixelHeight / s, tileWidth = pixelWidth / s;
        if (height <= tileHeight && width <= tileWidth) return Whole(height, width);
        // Shared parts as fractions: whole numbers, so that nothing depends on how 1 − 1/6 is rounded.
        int strideHeight = Math.Max(1, tileHeight * 5 / 6), strideWidth = Math.Max(1, tileWidth * 4 / 5), blendHeight = pixelHeight / 6, blendWidth = pixelWidth / 5;
        var tiles = new List<CogVideoXTile>();
        for (var top = 0; top < height; top += strideHeight)
        for (var left = 0; left < width; left += strideWidth)
            tiles.Add(new CogVideoXTile(top, left, Math.Min(tileHeight, height - top), Math.Min(tileWidth, width - left)));
        return new CogVideoXTiling(tiles, (width + strideWidth - 1) / strideWidth, (strideHeight * s, strideWidth * s), (Math.Min(blendHeight, pixelHeight - strideHeight * s), Math.Min(blendWidth, pixelWidth - strideWidth * s)));
    }

    /// <summary>One picture from decoded tiles; the tiles are used up.</summary>
    public Tensor Join(Tensor[] tiles)
    {
        if (tiles.Length == 1) return tiles[0];
        using var scope = TensorScope.Enter();
        var rows = new List<Tensor>();
        for (var start = 0; start < tiles.Length; start += _columns)
        {
            var row = new List<Tensor>();
            for (var column = 0; column < _columns; column++)
            {
                var tile = tiles[start + column];
                if (start > 0) tile = Fade(tiles[start - _columns + column], tile, 3, _blendHeight);
                if (column > 0) tile = Fade(tiles[start + column - 1], tile, 4, _blendWidth);
                tiles[start + column] = tile;
                row.Add(tile.Narrow(3, 0, Math.Min(_keepHeight, tile.Size(3))).Narrow(4, 0, Math.Min(_keepWidth, tile.Size(4))));
            }
            rows.Add(Tensor.Cat(row, 4));
        }
        return scope.Keep(Tensor.Cat(rows, 3));
    }

    // The first rows (or columns) of b come gradually out of the last of a.
    private static Tensor Fade(Tensor a, Tensor b, int dim, int extent)
    {
        using var scope = TensorScope.Enter();
        var n = Math.Min(extent, Math.Min(a.Size(dim), b.Size(dim)));
        var weight = Tensor.Arange(0, n, dtype: DType.Float32, device: b.Device) / n;
        weight = dim == 3 ? weight.View(n, 1) : weight.View(1, n);
        var faded = a.Narrow(dim, a.Size(dim) - n, n) * (1 - weight) + b.Narrow(dim, 0, n) * weight;
        return scope.Keep(Tensor.Cat([faded, b.Narrow(dim, n, b.Size(dim) - n)], dim));
    }
}
