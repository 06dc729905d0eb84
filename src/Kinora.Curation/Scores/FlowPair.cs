// What a dense flow field between two pictures says, and how much of it can be believed.
//
// A pixel is followed when there is texture around it (a flat region fits every motion) and when the flow back from where it went returns
// (Sundaram, Brox and Keutzer, "Dense point trajectories by GPU-accelerated large displacement optical flow", 2010):
//     |f + b|² < 0.01 (|f|² + |b|²) + 0.5        b read bilinearly at the pixel's target, which must lie in the picture
namespace Kinora.Curation.Scores;

/// <summary>The flow of one pair of pictures in numbers.</summary>
public sealed record FlowPair
{
    private const double Relative = 0.01, Absolute = 0.5;
    private const int TextureRadius = 4, Spacing = 8, LeastPlaces = 12;

    // Mean of |∂x| + |∂y| over the window, gray levels: above what coding leaves in flat regions.
    private const double LeastTexture = 4;

    /// <summary>Number of the earlier frame.</summary>
    public required long From { get; init; }

    /// <summary>Number of the later frame.</summary>
    public required long To { get; init; }

    /// <summary>Between the two.</summary>
    public required double Seconds { get; init; }

    /// <summary>Pixels of the compared pictures.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels of the compared pictures.</summary>
    public required int Height { get; init; }

    /// <summary>Mean length of the flow of all pixels, in pixels of the compared pictures.</summary>
    public required double Mean { get; init; }

    /// <summary>Mean length over the pixels that were followed; 0 when there are none.</summary>
    public required double FollowedMean { get; init; }

    /// <summary>Share of pixels that were followed.</summary>
    public required double Followed { get; init; }

    /// <summary>The camera; null when too few pixels were followed.</summary>
    public required CameraMotion? Camera { get; init; }

    /// <summary>Reads a pair of flow fields.</summary>
    /// <param name="forward">From the earlier picture to the later: dx, dy of each pixel in rows.</param>
    /// <param name="backward">From the later to the earlier.</param>
    /// <param name="gray">The earlier picture.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="from">The earlier frame and its time.</param>
    /// <param name="to">The later frame and its time.</param>
    public static FlowPair Of(ReadOnlySpan<float> forward, ReadOnlySpan<float> backward, ReadOnlySpan<byte> gray, int width, (long Index, double Time) from, (long Index, double Time) to)
    {
        int height = gray.Length / width;
        if (gray.Length != width * height || forward.Length != 2 * gray.Length || backward.Length != forward.Length) { throw new ArgumentException($"FlowPair: {width} pixels wide, {gray.Length} gray samples; expected flows of {2 * gray.Length} numbers, got {forward.Length} and {backward.Length}.", nameof(forward)); }
        bool[] textured = Textured(gray, width, height);
        double sum = 0, followedSum = 0;
        int followed = 0;
        var moves = new List<Displacement>();
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = (y * width) + x;
                float dx = forward[2 * at], dy = forward[(2 * at) + 1];
                double length = Math.Sqrt((dx * dx) + (dy * dy));
                sum += length;
                if (!textured[at] || !Returns(backward, width, height, x + dx, y + dy, dx, dy)) { continue; }
                followed++;
                followedSum += length;
                if (x % Spacing == Spacing / 2 && y % Spacing == Spacing / 2) { moves.Add(new Displacement(x + 0.5 - (width / 2.0), y + 0.5 - (height / 2.0), dx, dy)); }
            }
        }
        double share = (double)followed / gray.Length;
        return new FlowPair
        {
            From = from.Index, To = to.Index, Seconds = to.Time - from.Time, Width = width, Height = height,
            Mean = sum / gray.Length, FollowedMean = followed == 0 ? 0 : followedSum / followed, Followed = share,
            Camera = moves.Count < LeastPlaces ? null : SimilarityFit.Of(moves, share),
        };
    }

    private static bool Returns(ReadOnlySpan<float> backward, int width, int height, float x, float y, float dx, float dy)
    {
        if (!(x >= 0 && y >= 0 && x <= width - 1 && y <= height - 1)) { return false; }
        int left = Math.Min((int)x, width - 2), top = Math.Min((int)y, height - 2);
        if (left < 0 || top < 0) { return false; }
        float u = x - left, v = y - top;
        int at = 2 * ((top * width) + left), below = at + (2 * width);
        float bx = ((1 - v) * (((1 - u) * backward[at]) + (u * backward[at + 2]))) + (v * (((1 - u) * backward[below]) + (u * backward[below + 2])));
        float by = ((1 - v) * (((1 - u) * backward[at + 1]) + (u * backward[at + 3]))) + (v * (((1 - u) * backward[below + 1]) + (u * backward[below + 3])));
        double miss = ((dx + bx) * (dx + bx)) + ((dy + by) * (dy + by)), size = (dx * dx) + (dy * dy) + (bx * bx) + (by * by);
        return miss < (Relative * size) + Absolute;
    }

    // Box sums of the gradient's length in the city-block sense, by running sums along columns and rows.
    private static bool[] Textured(ReadOnlySpan<byte> gray, int width, int height)
    {
        int[] gradient = new int[gray.Length], columns = new int[width];
        for (int y = 0; y < height - 1; y++)
        {
            var row = gray.Slice(y * width, width);
            var below = gray.Slice((y + 1) * width, width);
            for (int x = 0; x < width - 1; x++) { gradient[(y * width) + x] = Math.Abs(row[x + 1] - row[x]) + Math.Abs(below[x] - row[x]); }
        }
        var textured = new bool[gray.Length];
        for (int y = 0; y < Math.Min(TextureRadius, height); y++) { Add(columns, gradient, y, width, 1); }
        for (int y = 0; y < height; y++)
        {
            if (y + TextureRadius < height) { Add(columns, gradient, y + TextureRadius, width, 1); }
            if (y - TextureRadius > 0) { Add(columns, gradient, y - TextureRadius - 1, width, -1); }
            int rows = Math.Min(height - 1, y + TextureRadius) - Math.Max(0, y - TextureRadius) + 1, sum = 0;
            for (int x = 0; x < Math.Min(TextureRadius, width); x++) { sum += columns[x]; }
            for (int x = 0; x < width; x++)
            {
                if (x + TextureRadius < width) { sum += columns[x + TextureRadius]; }
                if (x - TextureRadius > 0) { sum -= columns[x - TextureRadius - 1]; }
                int across = Math.Min(width - 1, x + TextureRadius) - Math.Max(0, x - TextureRadius) + 1;
                textured[(y * width) + x] = sum >= LeastTexture * rows * across;
            }
        }
        return textured;
    }

    private static void Add(int[] columns, int[] gradient, int y, int width, int sign)
    {
        for (int x = 0; x < width; x++) { columns[x] += sign * gradient[(y * width) + x]; }
    }
}
