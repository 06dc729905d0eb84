// Whether a dataset is what its index and manifest say.
using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using Kinora.Media;

namespace Kinora.Curation.Datasets;

/// <summary>Checks a dataset folder.</summary>
public static class DatasetVerifier
{
    /// <summary>Compares shards with the index and every clip in them with the manifest.</summary>
    /// <param name="folder">The dataset.</param>
    /// <param name="decode">Also decode every clip and count its frames.</param>
    /// <param name="cancellationToken">Stops between clips.</param>
    /// <returns>What is wrong; empty when nothing is.</returns>
    /// <exception cref="FileNotFoundException">There is no index: the folder is no dataset, or not a complete one.</exception>
    public static IReadOnlyList<string> Verify(string folder, bool decode, CancellationToken cancellationToken = default)
    {
        string indexPath = Path.Combine(folder, Workspace.IndexName);
        if (!File.Exists(indexPath)) { throw new FileNotFoundException($"{folder}: there is no {Workspace.IndexName}; the dataset is not complete. Run the same curate command again.", indexPath); }
        var index = DatasetIndex.FromJson(File.ReadAllText(indexPath));
        var rows = File.ReadLines(Path.Combine(folder, Workspace.ManifestName)).Select(ClipRow.FromJson).ToDictionary(row => row.Key, StringComparer.Ordinal);
        var problems = new List<string>();
        if (rows.Count != index.Kept) { problems.Add($"{Workspace.ManifestName}: {rows.Count} clips, the index says {index.Kept}"); }
        foreach (var shard in index.Shards)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string path = Path.Combine(folder, shard.File);
            if (!File.Exists(path))
            {
                problems.Add($"{shard.File}: missing");
                continue;
            }
            using (var content = File.OpenRead(path))
            {
                if (Convert.ToHexStringLower(SHA256.HashData(content)) != shard.Sha256) { problems.Add($"{shard.File}: the content differs from the index"); }
            }
            try
            {
                CheckMembers(path, shard, rows, decode, problems, cancellationToken);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                problems.Add($"{shard.File}: {e.Message}");
            }
        }
        foreach (var row in rows.Values) { problems.Add($"{row.Key}: in the manifest, but in no shard"); }
        string root = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(index.Shards.Select(s => s.Sha256)))));
        if (root != index.Root) { problems.Add($"{Workspace.IndexName}: its root does not belong to its shards"); }
        return problems;
    }

    private static void CheckMembers(string path, ShardEntry shard, Dictionary<string, ClipRow> rows, bool decode, List<string> problems, CancellationToken cancellationToken)
    {
        using var tar = new TarReader(File.OpenRead(path));
        while (tar.GetNextEntry(copyData: true) is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!entry.Name.EndsWith(".mp4", StringComparison.Ordinal)) { continue; }
            string key = entry.Name[..^4];
            if (!rows.Remove(key, out var row) || row.Shard != shard.File)
            {
                problems.Add($"{shard.File}: {entry.Name} is not in the manifest");
                continue;
            }
            using var content = new MemoryStream();
            entry.DataStream?.CopyTo(content);
            byte[] bytes = content.ToArray();
            if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != row.File.Sha256)
            {
                problems.Add($"{shard.File}: {entry.Name} differs from the manifest");
                continue;
            }
            if (decode && Count(bytes, entry.Name) is var frames && frames != row.File.Frames) { problems.Add($"{shard.File}: {entry.Name} decodes to {frames} frames, the manifest says {row.File.Frames}"); }
        }
    }

    private static int Count(byte[] clip, string name)
    {
        int frames = 0;
        try
        {
            using var reader = VideoReader.Open(clip, name);
            byte[] rgb = new byte[reader.Width * reader.Height * 3];
            while (reader.TryRead(rgb, out _)) { frames++; }
        }
        catch (MediaException)
        {
            // The count up to the damage is the finding.
            return frames;
        }
        return frames;
    }
}
