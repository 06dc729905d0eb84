// The clips of a complete dataset, one by one and in any order, straight out of its shards.
using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Kinora.Curation.Datasets;

/// <summary>
/// Reads clips and captions of a dataset that <see cref="CurationRun"/> wrote. Opening compares index, manifest and the members of
/// the shards; a clip's bytes are compared with its hash in the manifest each time it is read. Any number of threads may read at once.
/// </summary>
public sealed class DatasetReader : IDisposable
{
    private readonly string _folder;
    private readonly Dictionary<string, SafeFileHandle> _shards = new(StringComparer.Ordinal);
    private readonly Place[] _clips, _captions;

    private DatasetReader(string folder, DatasetIndex index, IReadOnlyList<ClipRow> rows)
    {
        (_folder, Index, Rows) = (folder, index, rows);
        (_clips, _captions) = (new Place[rows.Count], new Place[rows.Count]);
    }

    /// <summary>The dataset's index.</summary>
    public DatasetIndex Index { get; }

    /// <summary>The clips in the order of the manifest.</summary>
    public IReadOnlyList<ClipRow> Rows { get; }

    /// <summary>Opens a dataset's folder.</summary>
    /// <param name="folder">The dataset.</param>
    /// <exception cref="FileNotFoundException">The folder has no index: it is no dataset, or not a complete one.</exception>
    /// <exception cref="InvalidDataException">Index, manifest and shards do not belong together; the message names what differs.</exception>
    public static DatasetReader Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string indexPath = Path.Combine(folder, Workspace.IndexName);
        if (!File.Exists(indexPath)) { throw new FileNotFoundException($"{folder}: there is no {Workspace.IndexName}, so this is no complete dataset. \"kinora curate FOOTAGE -o {folder}\" makes one, or finishes one that was stopped.", indexPath); }
        DatasetIndex index;
        ClipRow[] rows;
        try
        {
            index = DatasetIndex.FromJson(File.ReadAllText(indexPath));
            rows = [.. File.ReadLines(Path.Combine(folder, Workspace.ManifestName)).Select(ClipRow.FromJson)];
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{folder}: {Workspace.IndexName} or {Workspace.ManifestName} is damaged ({e.Message}). Run the same curate command again.", e);
        }
        string root = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(index.Shards.Select(s => s.Sha256)))));
        if (root != index.Root) { throw Differs(folder, $"{Workspace.IndexName}: its root does not belong to its shards"); }
        if (rows.Length != index.Kept) { throw Differs(folder, $"{Workspace.ManifestName} has {rows.Length} clips, {Workspace.IndexName} says {index.Kept}"); }
        var reader = new DatasetReader(folder, index, rows);
        try
        {
            reader.FindMembers();
            return reader;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>The MP4 file of a clip.</summary>
    /// <param name="clip">Its place in <see cref="Rows"/>.</param>
    /// <exception cref="InvalidDataException">Its bytes are not those of the manifest.</exception>
    public byte[] ReadClip(int clip)
    {
        byte[] content = Read(_clips[clip]);
        return Convert.ToHexStringLower(SHA256.HashData(content)) == Rows[clip].File.Sha256
            ? content
            : throw Differs(_folder, $"{Rows[clip].Shard}: {Rows[clip].Key}.mp4 has other bytes than the manifest says");
    }

    /// <summary>The caption of a clip: the text beside it in its shard.</summary>
    /// <param name="clip">Its place in <see cref="Rows"/>.</param>
    public string ReadCaption(int clip) => Encoding.UTF8.GetString(Read(_captions[clip])).Trim();

    /// <summary>Closes the shards.</summary>
    public void Dispose()
    {
        foreach (var shard in _shards.Values) { shard.Dispose(); }
    }

    private byte[] Read(Place place)
    {
        byte[] content = new byte[place.Length];
        int at = 0;
        while (at < content.Length)
        {
            int read = RandomAccess.Read(_shards[place.Shard], content.AsSpan(at), place.Offset + at);
            if (read == 0) { throw Differs(_folder, $"{place.Shard} ends early"); }
            at += read;
        }
        return content;
    }

    private void FindMembers()
    {
        var byKey = Rows.Select((row, i) => (row.Key, i)).ToDictionary(x => x.Key, x => x.i, StringComparer.Ordinal);
        foreach (var shard in Index.Shards)
        {
            string path = Path.Combine(_folder, shard.File);
            if (!File.Exists(path)) { throw Differs(_folder, $"{shard.File} is missing"); }
            var handle = File.OpenHandle(path);
            _shards.Add(shard.File, handle);
            if (RandomAccess.GetLength(handle) != shard.Bytes) { throw Differs(_folder, string.Create(CultureInfo.InvariantCulture, $"{shard.File} has {RandomAccess.GetLength(handle)} bytes, the index says {shard.Bytes}")); }
            try
            {
                FindMembers(path, shard.File, byKey);
            }
            catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
            {
                throw Differs(_folder, $"{shard.File}: {e.Message}");
            }
        }
        int missing = Array.FindIndex(_clips, place => place.Length == 0);
        if (missing >= 0) { throw Differs(_folder, $"{Rows[missing].Key}: in the manifest, but in no shard"); }
        missing = Array.FindIndex(_captions, place => place.Shard is null);
        if (missing >= 0) { throw Differs(_folder, $"{Rows[missing].Key}: its shard has no .txt for it"); }
    }

    private void FindMembers(string path, string shard, Dictionary<string, int> byKey)
    {
        using var tar = new TarReader(File.OpenRead(path));
        while (tar.GetNextEntry() is { } entry)
        {
            string extension = Path.GetExtension(entry.Name);
            if (extension is not (".mp4" or ".txt") || !byKey.TryGetValue(Path.GetFileNameWithoutExtension(entry.Name), out int clip)) { continue; }
            var places = extension == ".mp4" ? _clips : _captions;
            places[clip] = new Place(shard, entry.DataOffset, checked((int)entry.Length));
        }
    }

    private static InvalidDataException Differs(string folder, string what) => new($"{folder}: {what}. The dataset was changed since it was made: \"kinora curate verify {folder}\" lists everything, and running its curate command again repairs it.");

    private readonly record struct Place(string Shard, long Offset, int Length);
}
