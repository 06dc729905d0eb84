using System.Globalization;
using Kinora.Cli.Shell;

namespace Kinora.Cli.Generation;

/// <summary>The values of <c>--keyframe</c>: which frame is to be which picture.</summary>
internal static class KeyframeArguments
{
    private const string Last = "last";

    /// <summary>Reads N=file and last=file; the frame of the latter is −1.</summary>
    /// <exception cref="CommandException">A value has another form.</exception>
    public static IReadOnlyList<(int Frame, string Path)> Parse(IReadOnlyList<string> values) => [.. values.Select(Parse)];

    private static (int Frame, string Path) Parse(string value)
    {
        int at = value.IndexOf('=', StringComparison.Ordinal);
        string frame = at < 0 ? "" : value[..at], path = value[(at + 1)..];
        if (path.Length > 0 && frame == Last)
        {
            return (-1, path);
        }
        return path.Length > 0 && int.TryParse(frame, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? (number, path)
            : throw CommandException.Usage($"--keyframe {value}: expected a frame and a picture, such as 40=middle.png or last=end.png.");
    }
}
