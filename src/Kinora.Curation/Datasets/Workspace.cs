// Where a run keeps what it has done: every file appears by rename under a name that says what is in it.
using System.Globalization;

namespace Kinora.Curation.Datasets;

/// <summary>The files of a dataset folder. Several processes may work in it at once.</summary>
public sealed class Workspace
{
    public const string IndexName = "index.json", ManifestName = "manifest.jsonl", ScoresName = "scores.jsonl", DecisionsName = "decisions.jsonl", SourcesName = "sources.jsonl", RecipeName = "recipe.json", ReportName = "report.html", ShardsName = "shards";

    private const string WorkName = "work", MeasuresName = "measures", LeasesName = "leases";

    /// <param name="folder">The dataset's folder; <see cref="Create"/> makes it.</param>
    public Workspace(string folder) => Folder = System.IO.Path.GetFullPath(folder);

    /// <summary>Absolute path of the dataset.</summary>
    public string Folder { get; }

    internal string Leases => System.IO.Path.Combine(Folder, WorkName, LeasesName);

    /// <summary>Makes the folders that are missing.</summary>
    /// <exception cref="IOException">They cannot be made.</exception>
    internal void Create()
    {
        try
        {
            foreach (string name in new[] { "sources", MeasuresName, "clips", LeasesName }) { Directory.CreateDirectory(System.IO.Path.Combine(Folder, WorkName, name)); }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{Folder}: the dataset's folder cannot be made there{(File.Exists(Folder) ? ", it is a file" : "")}: {e.Message}", e);
        }
    }

    /// <summary>Whether a folder is where a run keeps its pieces: what lies there is no footage.</summary>
    internal static bool IsWork(string folder) => System.IO.Path.GetFileName(folder) == WorkName && Directory.Exists(System.IO.Path.Combine(folder, LeasesName)) && Directory.Exists(System.IO.Path.Combine(folder, MeasuresName));

    /// <summary>A file of the dataset.</summary>
    public string Path(string name) => System.IO.Path.Combine(Folder, name);

    internal string MeasurePath(string sha256, string options) => System.IO.Path.Combine(Folder, WorkName, MeasuresName, $"{sha256}.{options}.json");

    internal string SourcePath(string key) => System.IO.Path.Combine(Folder, WorkName, "sources", $"{key}.json");

    internal string ClipPath(Guid clip, string output, string extension) => System.IO.Path.Combine(Folder, WorkName, "clips", string.Create(CultureInfo.InvariantCulture, $"{clip}.{output}.{extension}"));

    internal string CaptionPath(Guid clip, string output, string model, string? given) => ClipPath(clip, $"{output}.{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(model + given)))[..8]}", "caption.json");

    /// <summary>Writes a file that is complete or not there.</summary>
    internal static void Write(string path, ReadOnlySpan<byte> content)
    {
        string temporary = $"{path}.{System.IO.Path.GetRandomFileName()}.partial";
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
