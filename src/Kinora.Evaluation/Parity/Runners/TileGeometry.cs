using Kinora.Engine;

namespace Kinora.Evaluation.Parity.Runners;

// Coding a picture in overlapping tiles as the reference implementation does, for its fixtures; Kinora itself works strip by strip, which is exact.
// Source of the geometry: huggingface/diffusers d035dcd7, autoencoder_kl.py (tiled_encode, tiled_decode, blend_v, blend_h).

/// <summary>Square tiles of a picture autoencoder and how far they overlap.</summary>
/// <param name="SampleSize">Side of a tile in pixels.</param>
/// <param name="LatentSize">Side of a tile in latents.</param>
/// <param name="Overlap">Share of a tile that the next one covers again, in [0, 1).</param>
internal readonly record struct TileGeometry(int SampleSize, int LatentSize, double Overlap)
{
    public Tensor Encode(Tensor x, Func<Tensor, Tensor> encode) => Run(x, encode, SampleSize, LatentSize);

    public Tensor Decode(Tensor z, Func<Tensor, Tensor> decode) => Run(z, decode, LatentSize, SampleSize);

    // Tiles of side `from` in x become tiles of side `to`, of which the first `to` − blend rows and columns are kept.
    private Tensor Run(Tensor x, Func<Tensor, Tensor> code, int from, int to)
    {
        using var scope = TensorScope.Enter();
        if (x.Size(2) <= from && x.Size(3) <= from) return scope.Keep(code(x));
        int step = (int)(from * (1 - Overlap)), blend = (int)(to * Overlap), kept = to - blend;
        var rows = new List<Tensor>();
        Tensor[]? above = null;
        for (long top = 0; top < x.Size(2); top += step)
        {
            var tiles = new List<Tensor>();
            for (long left = 0; left < x.Size(3); left += step)
            {
                using var inner = TensorScope.Enter();
                var tile = code(x.Slice(2, top, Math.Min(top + from, x.Size(2))).Slice(3, left, Math.Min(left + from, x.Size(3))));
                if (above is not null) tile = Blend(above[tiles.Count], tile, blend, 2);
                if (tiles.Count > 0) tile = Blend(tiles[^1], tile, blend, 3);
                tiles.Add(inner.Keep(tile));
            }
            rows.Add(Tensor.Cat([.. tiles.Select(t => t.Slice(2, 0, kept).Slice(3, 0, kept))], 3));
            above = [.. tiles];
        }
        return scope.Keep(Tensor.Cat(rows, 2));
    }

    // b with its beginning along a dimension faded in from the end of a.
    private static Tensor Blend(Tensor a, Tensor b, int extent, int dim)
    {
        extent = (int)Math.Min(extent, Math.Min(a.Size(dim), b.Size(dim)));
        if (extent == 0) return b;
        using var scope = TensorScope.Enter();
        float[] ramp = [.. Enumerable.Range(0, extent).Select(i => (float)((double)i / extent))];
        var weight = (dim == 2 ? Tensor.FromArray<float>(ramp, 1, 1, extent, 1) : Tensor.FromArray<float>(ramp, 1, 1, 1, extent)).To(b.Device);
        var mixed = a.Narrow(dim, a.Size(dim) - extent, extent) * (1 - weight) + b.Narrow(dim, 0, extent) * weight;
        return scope.Keep(Tensor.Cat([mixed, b.Narrow(dim, extent, b.Size(dim) - extent)], dim));
    }
}
