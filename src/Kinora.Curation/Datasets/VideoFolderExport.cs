// A dataset as a folder of files with metadata.jsonl, the layout that the hub's "videofolder" loader reads.
using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;

namespace Kinora.Curation.Datasets;

/// <summary>Unpacks shards.</summary>
public static class VideoFolderExport
{
    /// <summary>Writes every clip as a file, with one line of metadata.jsonl for each: file_name, text, source, times and scores.</summary>
    /// <param name="dataset">A complete dataset.</param>
    /// <param name="target">The folder to make; must not exist, or be empty. It appears when it is complete.</param>
    /// <param name="cancellationToken">Stops between clips; then nothing is left behind.</param>
    /// <returns>Clips written.</returns>
    /// <exception cref="FileNotFoundException">The dataset is not complete.</exception>
    /// <exception cref="IOException">The target holds files already or cannot be written.</exception>
    public static int Write(string dataset, string target, CancellationToken cancellationToken = default)
    {
        string indexPath = Path.Combine(dataset, Workspace.IndexName);
        if (!File.Exists(indexPath)) { throw new FileNotFoundException($"{dataset}: there is no {Workspace.IndexName}; the dataset is not complete. Run the same curate command again.", indexPath); }
        string final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        if (Directory.Exists(final) && Directory.EnumerateFileSystemEntries(final).Any()) { throw new IOException($"{target}: the folder is not empty; name another one."); }
        string building = $"{final}.{Path.GetRandomFileName()}.partial";
        Directory.CreateDirectory(building);
        try
        {
            var index = DatasetIndex.FromJson(File.ReadAllText(indexPath));
            foreach (var shard in index.Shards) { Unpack(Path.Combine(dataset, shard.File), building, cancellationToken); }
            var rows = File.ReadLines(Path.Combine(dataset, Workspace.ManifestName)).Select(ClipRow.FromJson).ToList();
            File.WriteAllText(Path.Combine(building, "metadata.jsonl"), string.Concat(rows.Select(row => Line(row) + "\n")), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            if (Directory.Exists(final)) { Directory.Delete(final); }
            Directory.Move(building, final);
            return rows.Count;
        }
        finally
        {
            if (Directory.Exists(building)) { Directory.Delete(building, recursive: true); }
        }
    }

    private static void Unpack(string shard, string folder, CancellationToken cancellationToken)
    {
        using var tar = new TarReader(File.OpenRead(shard));
        while (tar.GetNextEntry() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (entry.Name.EndsWith(".mp4", StringComparison.Ordinal)) { entry.ExtractToFile(Path.Combine(folder, Path.GetFileName(entry.Name)), overwrite: false); }
        }
    }

    private static string Line(ClipRow row)
    {
        var line = new JsonObject { ["file_name"] = row.Key + ".mp4", ["text"] = row.Caption, ["text_by"] = row.CaptionBy ?? "measured", ["source"] = row.Source, ["start"] = row.Start, ["end"] = row.End, ["bucket"] = row.Bucket };
        foreach (var (name, value) in row.Scores) { line[name] = value; }
        return line.ToJsonString();
    }
}
