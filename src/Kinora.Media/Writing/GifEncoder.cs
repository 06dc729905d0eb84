// Animated GIF without any library: one palette for the clip, error diffusion, changed rectangles only.
// Sources: GIF89a specification; R. Floyd, L. Steinberg, "An adaptive algorithm for spatial greyscale" (1976).
using System.Buffers.Binary;

namespace Kinora.Media;

/// <summary>
/// The palette needs every frame, so the frames are held until <see cref="Finish"/>. Pixels that equal those of the frame
/// before keep their index: still regions do not flicker and cost almost nothing.
/// </summary>
internal sealed class GifEncoder : IClipEncoder
{
    private const int MaxSide = 65535;

    private readonly string _path;
    private readonly string _temporaryPath;
    private readonly int _width;
    private readonly int _height;
    private readonly Rational _rate;
    private readonly bool _dither;
    private readonly List<KeyValuePair<string, string>> _texts;
    private readonly List<byte[]> _frames = [];
    private readonly ColorHistogram _histogram = new();

    public GifEncoder(string path, string temporaryPath, int width, int height, Rational rate, bool dither, List<KeyValuePair<string, string>> texts)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, MaxSide);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, MaxSide);
        _path = path;
        _temporaryPath = temporaryPath;
        _width = width;
        _height = height;
        _rate = rate;
        _dither = dither;
        _texts = texts;

        // Fails early when the directory cannot be written, as the other formats do.
        AtomicTarget.Guard(path, () => File.WriteAllBytes(temporaryPath, []));
    }

    public void Write(ReadOnlySpan<byte> rgb)
    {
        _frames.Add(rgb.ToArray());
        _histogram.Add(rgb);
    }

    public void Finish() => AtomicTarget.Guard(_path, () =>
    {
        using var file = new FileStream(_temporaryPath, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        WriteGif(file);
    });

    public void Dispose() => _frames.Clear();

    private void WriteGif(Stream gif)
    {
        // One entry is kept for "as before".
        byte[] palette = _histogram.MakePalette(255, out bool exact);
        var map = new PaletteMap(palette);
        byte transparent = (byte)(palette.Length / 3);
        int bits = 1;
        while (1 << bits < transparent + 1)
        {
            bits++;
        }

        WriteHeader(gif, palette, bits);
        byte[] indices = new byte[_width * _height];
        byte[] before = new byte[_width * _height];
        for (int i = 0; i < _frames.Count; i++)
        {
            byte[]? previous = i > 0 ? _frames[i - 1] : null;
            ToIndices(_frames[i], previous, map, palette, exact, indices);
            WriteFrame(gif, i, indices, i > 0 ? before : null, transparent, bits);
            indices.CopyTo(before, 0);
        }

        gif.WriteByte(0x3b);
    }

    private void WriteHeader(Stream gif, byte[] palette, int bits)
    {
        gif.Write("GIF89a"u8);
        Span<byte> screen = stackalloc byte[7];
        BinaryPrimitives.WriteUInt16LittleEndian(screen, (ushort)_width);
        BinaryPrimitives.WriteUInt16LittleEndian(screen[2..], (ushort)_height);
        screen[4] = (byte)(0x80 | 0x70 | (bits - 1));
        gif.Write(screen);
        gif.Write(palette);
        gif.Write(new byte[(3 << bits) - palette.Length]);

        // Loop forever (Netscape 2.0 application extension).
        gif.Write([0x21, 0xff, 11]);
        gif.Write("NETSCAPE2.0"u8);
        gif.Write([3, 1, 0, 0, 0]);
        GifComments.Write(gif, _texts);
    }

    // `indices` holds the frame before on entry and this frame on return.
    private void ToIndices(byte[] rgb, byte[]? previous, PaletteMap map, byte[] palette, bool exact, byte[] indices)
    {
        if (exact || !_dither)
        {
            for (int i = 0, p = 0; i < indices.Length; i++, p += 3)
            {
                indices[i] = map.Nearest(rgb[p], rgb[p + 1], rgb[p + 2]);
            }

            return;
        }

        // Errors in sixteenths, one pixel of margin at both ends; rows run to and fro.
        int stride = (_width + 2) * 3;
        int[] current = new int[stride];
        int[] below = new int[stride];
        for (int y = 0; y < _height; y++)
        {
            int step = (y & 1) == 0 ? 1 : -1;
            int x = step > 0 ? 0 : _width - 1;
            for (int n = 0; n < _width; n++, x += step)
            {
                int pixel = (y * _width) + x;
                int p = pixel * 3;
                int e = (x + 1) * 3;
                if (previous is not null && rgb[p] == previous[p] && rgb[p + 1] == previous[p + 1] && rgb[p + 2] == previous[p + 2])
                {
                    continue;
                }

                int r = Math.Clamp(rgb[p] + Sixteenth(current[e]), 0, 255);
                int g = Math.Clamp(rgb[p + 1] + Sixteenth(current[e + 1]), 0, 255);
                int b = Math.Clamp(rgb[p + 2] + Sixteenth(current[e + 2]), 0, 255);
                byte index = map.Nearest(r, g, b);
                indices[pixel] = index;
                Diffuse(current, below, e, step * 3, r - palette[index * 3]);
                Diffuse(current, below, e + 1, step * 3, g - palette[(index * 3) + 1]);
                Diffuse(current, below, e + 2, step * 3, b - palette[(index * 3) + 2]);
            }

            (current, below) = (below, current);
            below.AsSpan().Clear();
        }
    }

    private static int Sixteenth(int error) => (error + (error < 0 ? -8 : 8)) / 16;

    // Floyd and Steinberg's 7, 3, 5, 1 scaled to three quarters: the rest of the error is dropped, as in Atkinson's filter,
    // which halves the noise in flat regions and still dissolves bands.
    private static void Diffuse(int[] current, int[] below, int at, int ahead, int error)
    {
        current[at + ahead] += error * 5;
        below[at - ahead] += error * 2;
        below[at] += error * 4;
        below[at + ahead] += error;
    }

    private void WriteFrame(Stream gif, int number, byte[] indices, byte[]? before, byte transparent, int bits)
    {
        var (left, top, right, bottom) = (0, 0, _width, _height);
        if (before is not null)
        {
            (left, top, right, bottom) = Changed(indices, before);
        }

        // Times on the grid of hundredths: errors do not add up.
        long delay = Hundredths(number + 1) - Hundredths(number);
        Span<byte> control = [0x21, 0xf9, 4, (byte)(0x04 | (before is null ? 0 : 1)), (byte)delay, (byte)(delay >> 8), transparent, 0];
        gif.Write(control);

        Span<byte> descriptor = stackalloc byte[10];
        descriptor[0] = 0x2c;
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[1..], (ushort)left);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[3..], (ushort)top);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[5..], (ushort)(right - left));
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[7..], (ushort)(bottom - top));
        gif.Write(descriptor);

        byte[] pixels = new byte[(right - left) * (bottom - top)];
        int at = 0;
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++, at++)
            {
                int i = (y * _width) + x;
                pixels[at] = before is not null && indices[i] == before[i] ? transparent : indices[i];
            }
        }

        int minimum = Math.Max(2, bits);
        gif.WriteByte((byte)minimum);
        GifComments.WriteBlocks(gif, Lzw.Encode(pixels, minimum));
    }

    private long Hundredths(int frame)
    {
        var exact = new Rational(frame, 1) * new Rational(100, 1) / _rate;
        return ((2 * exact.Numerator) + exact.Denominator) / (2 * exact.Denominator);
    }

    private (int Left, int Top, int Right, int Bottom) Changed(byte[] indices, byte[] before)
    {
        int left = _width, top = _height, right = 0, bottom = 0;
        for (int y = 0; y < _height; y++)
        {
            ReadOnlySpan<byte> row = indices.AsSpan(y * _width, _width);
            ReadOnlySpan<byte> old = before.AsSpan(y * _width, _width);
            int first = row.CommonPrefixLength(old);
            if (first == _width)
            {
                continue;
            }

            int last = _width - 1;
            while (row[last] == old[last])
            {
                last--;
            }

            left = Math.Min(left, first);
            right = Math.Max(right, last + 1);
            top = Math.Min(top, y);
            bottom = y + 1;
        }

        // Nothing moved: one pixel carries the delay.
        return right == 0 ? (0, 0, 1, 1) : (left, top, right, bottom);
    }
}
