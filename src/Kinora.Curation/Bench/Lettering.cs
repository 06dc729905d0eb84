// Draws text with letters that come with the assembly, so that a test's text does not depend on the fonts of a machine.
using Kinora.Media;

namespace Kinora.Curation.Bench;

/// <summary>Three fonts as pictures of their letters.</summary>
internal sealed class Lettering
{
    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,!?:'-&";
    private const int CellWidth = 48, CellHeight = 60, Base = 44, CapitalHeight = 29, Spacing = 4, SpaceWidth = 14, Samples = 3;

    /// <summary>Number of fonts: bold sans, serif, mono.</summary>
    public const int Fonts = 3;

    private readonly byte[] _ink;
    private readonly int _width;

    private Lettering(VideoFrame sheet)
    {
        _width = sheet.Width;
        _ink = [.. Enumerable.Range(0, sheet.Width * sheet.Height).Select(i => sheet.Rgb[3 * i])];
    }

    /// <summary>The letters of the assembly.</summary>
    public static Lettering Load()
    {
        using var resource = typeof(Lettering).Assembly.GetManifestResourceStream("Kinora.Curation.Bench.Fonts.letters.png")!;
        using var content = new MemoryStream();
        resource.CopyTo(content);
        return new Lettering(ImageFile.Read(content.ToArray(), "letters.png"));
    }

    /// <summary>Draws a line of text and returns the box of its ink.</summary>
    /// <param name="bgr">The picture, rows of B, G, R.</param>
    /// <param name="width">Of the picture, pixels.</param>
    /// <param name="text">Letters, digits, blanks and .,!?:'-&amp;.</param>
    /// <param name="font">0 to <see cref="Fonts"/> − 1.</param>
    /// <param name="x">Left end of the line, pixels.</param>
    /// <param name="y">Base line, pixels.</param>
    /// <param name="capital">Height of a capital letter, pixels.</param>
    /// <param name="color">B, G, R.</param>
    public (int X, int Y, int Width, int Height) Draw(Span<byte> bgr, int width, string text, int font, double x, double y, double capital, (byte B, byte G, byte R) color)
    {
        double scale = capital / CapitalHeight, at = x;
        int height = bgr.Length / 3 / width, left = width, top = height, right = 0, bottom = 0;
        foreach (char letter in text)
        {
            int cell = Letters.IndexOf(letter, StringComparison.Ordinal);
            if (letter == ' ')
            {
                at += SpaceWidth * scale;
                continue;
            }
            if (cell < 0) { throw new ArgumentException($"Lettering: there is no letter \"{letter}\".", nameof(text)); }
            int ink = InkWidth(font, cell), firstX = Math.Max(0, (int)at), lastX = Math.Min(width - 1, (int)Math.Ceiling(at + (ink * scale))), firstY = Math.Max(0, (int)(y - (Base * scale))), lastY = Math.Min(height - 1, (int)Math.Ceiling(y + ((CellHeight - Base) * scale)));
            for (int v = firstY; v <= lastY; v++)
            {
                for (int u = firstX; u <= lastX; u++)
                {
                    double cover = 0;
                    for (int s = 0; s < Samples * Samples; s++) { cover += InkAt(font, cell, ink, (u + (((s % Samples) + 0.5) / Samples) - at) / scale, Base + ((v + (((s / Samples) + 0.5) / Samples) - y) / scale)); }
                    cover /= Samples * Samples * 255;
                    if (cover <= 0) { continue; }
                    var pixel = bgr.Slice(3 * ((v * width) + u), 3);
                    (pixel[0], pixel[1], pixel[2]) = (Mix(pixel[0], color.B, cover), Mix(pixel[1], color.G, cover), Mix(pixel[2], color.R, cover));
                    (left, top, right, bottom) = (Math.Min(left, u), Math.Min(top, v), Math.Max(right, u + 1), Math.Max(bottom, v + 1));
                }
            }
            at += (ink + Spacing) * scale;
        }
        return (left, top, Math.Max(0, right - left), Math.Max(0, bottom - top));
    }

    private static byte Mix(byte under, byte over, double cover) => (byte)Math.Round(under + ((over - under) * cover));

    private int InkWidth(int font, int cell)
    {
        int w = CellWidth;
        while (w > 1 && Enumerable.Range(0, CellHeight).All(v => _ink[(((font * CellHeight) + v) * _width) + (cell * CellWidth) + w - 1] == 0)) { w--; }
        return w;
    }

    private double InkAt(int font, int cell, int ink, double u, double v)
    {
        if (u < 0 || u >= ink || v < 0 || v >= CellHeight) { return 0; }
        return _ink[(((font * CellHeight) + (int)v) * _width) + (cell * CellWidth) + (int)u];
    }
}
