// Classes of clips that can be batched together.
using System.Globalization;

namespace Kinora.Curation.Datasets;

/// <summary>Class of a clip by shorter side, aspect ratio and length.</summary>
internal static class Bucket
{
    private static readonly int[] Sides = [144, 240, 360, 480, 720, 1080, 1440, 2160];
    private static readonly (string Name, double Ratio)[] Aspects = [("9x16", 9 / 16.0), ("3x4", 3 / 4.0), ("1x1", 1), ("4x3", 4 / 3.0), ("16x9", 16 / 9.0), ("21x9", 21 / 9.0)];
    private static readonly int[] Seconds = [1, 2, 4, 8, 16];

    // Sides of pictures that fill a class: what the autoencoders of video models divide by.
    private const int Multiple = 8;

    /// <summary>Such as <c>480p-16x9-4s</c>: the largest class side and length not above the clip's, the nearest aspect.</summary>
    public static string Of(int width, int height, int frames, double fps)
    {
        int side = Math.Min(width, height);
        int level = Sides.LastOrDefault(s => s <= side, 0);
        double ratio = Math.Log((double)width / height), seconds = frames / fps;
        string aspect = Aspect(ratio).Name;
        return string.Create(CultureInfo.InvariantCulture, $"{level}p-{aspect}-{Seconds.LastOrDefault(s => s <= seconds + 1e-9, 0)}s");
    }

    /// <summary>
    /// The size of all pictures of a class: the nearest aspect and the largest side that need no enlarging, both sides multiples of 8, such as 848×480 of 854×480 and
    /// 560×240 of 800×332; null for pictures smaller than the smallest class.
    /// </summary>
    /// <param name="width">As the picture is shown.</param>
    /// <param name="height">As the picture is shown.</param>
    /// <param name="maxShortSide">Longest shorter side; 0 = any.</param>
    public static (int Width, int Height)? SizeWithin(int width, int height, int maxShortSide)
    {
        double ratio = Aspect(Math.Log((double)width / height)).Ratio;
        foreach (int side in Sides.Where(s => maxShortSide == 0 || s <= maxShortSide).Reverse())
        {
            int longer = (int)((side * Math.Max(ratio, 1 / ratio)) + 1e-9) / Multiple * Multiple;
            var (w, h) = ratio >= 1 ? (longer, side) : (side, longer);
            if (w <= width && h <= height) { return (w, h); }
        }
        return null;
    }

    private static (string Name, double Ratio) Aspect(double logRatio) => Aspects.MinBy(a => Math.Abs(Math.Log(a.Ratio) - logRatio));
}
