// The clips of a folder with their prompts.

using System.Text.Json;
using Kinora.Media;

namespace Kinora.Evaluation.Clips;

/// <summary>A clip file and what it should show.</summary>
/// <param name="Path">The file.</param>
/// <param name="Name">Relative to its folder, with forward slashes.</param>
/// <param name="Prompt">What it was made for; null when unknown.</param>
public sealed record ClipFile(string Path, string Name, string? Prompt);

/// <summary>Finds clips and their prompts.</summary>
public static class ClipFiles
{
    private static readonly string[] Extensions = [".mp4", ".webm", ".mkv", ".mov", ".avi", ".gif"];

    /// <summary>The clips under a folder in ordinal order of their names, prompts from the manifests inside them where there are any.</summary>
    /// <exception cref="EvaluationException">There is no such folder, or no clip in it.</exception>
    public static IReadOnlyList<ClipFile> Find(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
            throw new EvaluationException($"{folder}: there is no such folder. Expected a folder with clips ({string.Join(", ", Extensions)}).");
        ClipFile[] found = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => Extensions.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
            .Select(f => new ClipFile(f, Path.GetRelativePath(folder, f).Replace('\\', '/'), null))
            .OrderBy(f => f.Name, StringComparer.Ordinal)];
        return found.Length > 0 ? found : throw new EvaluationException($"{folder}: no clips ({string.Join(", ", Extensions)}).");
    }

    /// <summary>The prompt in a clip's generation manifest; null without one.</summary>
    public static string? ManifestPrompt(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        if (!clip.Metadata.TryGetValue(MediaMetadata.ManifestKey, out string? text))
            return null;
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.TryGetProperty("prompt", out JsonElement prompt) && prompt.ValueKind == JsonValueKind.String ? prompt.GetString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>
    /// Gives clips their prompts from a file. Its lines are prompts in the order of the clips' names, or "name, tab, prompt", or
    /// JSON objects {"file", "prompt"}.
    /// </summary>
    /// <exception cref="EvaluationException">Counts differ, or a line names no clip.</exception>
    public static IReadOnlyList<ClipFile> WithPrompts(IReadOnlyList<ClipFile> clips, string path)
    {
        ArgumentNullException.ThrowIfNull(clips);
        string[] lines = [.. File.ReadAllLines(path).Where(l => l.Trim().Length > 0)];
        bool json = lines.Length > 0 && lines[0].TrimStart().StartsWith('{'), tabbed = !json && lines.Any(l => l.Contains('\t'));
        if (!json && !tabbed)
        {
            return lines.Length == clips.Count
                ? [.. clips.Zip(lines, (c, l) => c with { Prompt = l.Trim() })]
                : throw new EvaluationException($"{path}: {Words.Count(lines.Length, "prompt")} for {Words.Count(clips.Count, "clip")}. Write one line for each clip in the order of their names, or 'name, tab, prompt'.");
        }
        var prompts = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            var (name, prompt) = json ? FromJson(path, i + 1, lines[i]) : FromTab(path, i + 1, lines[i]);
            if (!clips.Any(c => c.Name == name))
                throw new EvaluationException($"{path}, line {i + 1}: '{name}' is none of the clips; they are named like '{clips[0].Name}'.");
            if (!prompts.TryAdd(name, prompt))
                throw new EvaluationException($"{path}, line {i + 1}: '{name}' has a prompt already.");
        }
        ClipFile? bare = clips.FirstOrDefault(c => !prompts.ContainsKey(c.Name));
        return bare is null ? [.. clips.Select(c => c with { Prompt = prompts[c.Name] })] : throw new EvaluationException($"{path}: no prompt for '{bare.Name}'.");
    }

    private static (string Name, string Prompt) FromTab(string path, int number, string line) =>
        line.Split('\t', 2) is [var name, var prompt] ? (name.Trim(), prompt.Trim()) : throw new EvaluationException($"{path}, line {number}: expected 'name, tab, prompt', got '{line}'.");

    private static (string Name, string Prompt) FromJson(string path, int number, string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return (json.RootElement.GetProperty("file").GetString()!, json.RootElement.GetProperty("prompt").GetString()!);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new EvaluationException($"{path}, line {number}: expected {{\"file\", \"prompt\"}} ({e.Message}).", e);
        }
    }
}
