// The files of a corpus with their hashes.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Curation.Datasets;

/// <summary>One file of the corpus.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Name">Path below the corpus folder, with forward slashes: the dataset's order and the name in its files.</param>
/// <param name="Sha256">Its content, lower-case hexadecimal.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Side">The text that came with it; null when there is none.</param>
public sealed record SourceFile(string Path, string Name, string Sha256, long Bytes, SideText? Side = null)
{
    /// <summary>What the text beside it says; null when there is none that can be used.</summary>
    public string? Given => Side is { Problem: null } ? Side.Text : null;
}

/// <summary>Finds the files of a corpus.</summary>
internal static class Corpus
{
    private static readonly string[] Extensions = [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".flv", ".ogv", ".3gp", ".gif", ".mxf", ".vob", ".mjpeg", ".y4m"];

    private static readonly EnumerationOptions Everywhere = new() { RecurseSubdirectories = true, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.Hidden };

    /// <summary>Every video below a folder, the pieces of other runs left out, or the one file named, by name in ordinal order; names and absolute paths.</summary>
    public static IReadOnlyList<(string Path, string Name)> Find(string root)
    {
        string full = Path.GetFullPath(root);
        if (File.Exists(full)) { return [(full, Path.GetFileName(full))]; }
        if (!Directory.Exists(full)) { throw new FileNotFoundException($"{root}: there is no such file or folder.", root); }
        string[] work = [.. Directory.EnumerateDirectories(full, "*", Everywhere).Where(Workspace.IsWork)];
        var files = Directory.EnumerateFiles(full, "*", Everywhere)
            .Where(path => !Array.Exists(work, folder => path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
            .Where(path => Extensions.Contains(Path.GetExtension(path).ToLowerInvariant(), StringComparer.Ordinal))
            .Select(path => (path, Path.GetRelativePath(full, path).Replace('\\', '/')));
        return [.. files.OrderBy(file => file.Item2, StringComparer.Ordinal)];
    }

    /// <summary>The file's hash, remembered in the workspace as long as its size and time stay.</summary>
    public static SourceFile Hash(string path, string name, Workspace workspace)
    {
        var facts = new FileInfo(path);
        string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..32];
        string remembered = workspace.SourcePath(key);
        if (File.Exists(remembered))
        {
            var known = JsonSerializer.Deserialize(File.ReadAllBytes(remembered), CorpusJson.Default.KnownSource);
            if (known is not null && known.Bytes == facts.Length && known.Modified == facts.LastWriteTimeUtc.Ticks) { return new SourceFile(path, name, known.Sha256, known.Bytes, SideText.Find(path, name)); }
        }
        using var stream = File.OpenRead(path);
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(stream));
        Workspace.Write(remembered, JsonSerializer.SerializeToUtf8Bytes(new KnownSource(facts.Length, facts.LastWriteTimeUtc.Ticks, sha256), CorpusJson.Default.KnownSource));
        return new SourceFile(path, name, sha256, facts.Length, SideText.Find(path, name));
    }

    /// <summary>Which of <paramref name="parts"/> parts of a corpus a piece of work belongs to.</summary>
    public static int PartOf(string sha256, int parts) => (int)(uint.Parse(sha256.AsSpan(0, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture) % (uint)parts);
}

internal sealed record KnownSource(long Bytes, long Modified, string Sha256);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(KnownSource))]
internal sealed partial class CorpusJson : JsonSerializerContext;
