using System.Globalization;
using System.Text;
using Kinora.Cli.Shell;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Cli.Generation;

/// <summary>Where clips go, checked before anything is computed.</summary>
internal static class OutputPaths
{
    private const int MaxNameLength = 48;

    /// <summary>A path for every clip of a plan.</summary>
    /// <param name="output">What the user named; null for a name made from the prompt.</param>
    /// <param name="plan">The clips to write.</param>
    /// <exception cref="CommandException">The format cannot hold the clip.</exception>
    /// <exception cref="MediaException">The folder cannot be written, or the codec is missing.</exception>
    public static string[] For(string? output, GenerationPlan plan)
    {
        string path = output ?? $"{Slug(plan.Prompt)}-{plan.Seed.ToString(CultureInfo.InvariantCulture)}{(plan.Frames == 1 ? ".png" : ".mp4")}";
        if (plan.Frames > 1 && Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase))
        {
            throw CommandException.Usage($"{path}: a PNG holds one picture and the clip has {plan.Frames.ToString(CultureInfo.InvariantCulture)} frames. Use --frames 1, name a .mp4, .webm or .gif, or a folder for one PNG per frame.");
        }
        string[] paths = plan.Count == 1 ? [path] : [.. Enumerable.Range(1, plan.Count).Select(i => Numbered(path, i))];
        // Opening a writer finds an unknown format, a missing codec and a folder that cannot be written; unfinished, it leaves nothing.
        using (VideoWriter.Create(paths[0], plan.Width, plan.Height, plan.FrameRate))
        {
        }
        return paths;
    }

    /// <summary>clip.mp4 → clip-2.mp4.</summary>
    public static string Numbered(string path, int index) => Beside(path, string.Create(CultureInfo.InvariantCulture, $"-{index}"));

    /// <summary>clip.mp4 → clip-and.mp4.</summary>
    public static string Beside(string path, string suffix)
    {
        string extension = Path.GetExtension(path);
        return $"{path[..^extension.Length].TrimEnd('/')}{suffix}{extension}";
    }

    private static string Slug(string prompt)
    {
        var name = new StringBuilder();
        foreach (Rune rune in prompt.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune))
            {
                name.Append(Rune.ToLowerInvariant(rune).ToString());
            }
            else if (name.Length > 0 && name[^1] != '-')
            {
                name.Append('-');
            }
            if (name.Length >= MaxNameLength)
            {
                break;
            }
        }
        string slug = name.ToString().Trim('-');
        return slug.Length > 0 ? slug : "clip";
    }
}
