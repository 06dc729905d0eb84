using System.Formats.Tar;
using System.Globalization;
using System.Text;

namespace Kinora.World.Datasets;

/// <summary>Tar shards in the WebDataset convention: the files of a clip lie side by side under one base name. The same clips give the same bytes.</summary>
internal sealed class ShardWriter(string folder, int clipsPerShard) : IDisposable
{
    private const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private TarWriter? _tar;
    private int _clips;

    /// <summary>The shard that clip number <paramref name="index"/> belongs to.</summary>
    public string ShardOf(int index) => string.Create(CultureInfo.InvariantCulture, $"shard-{index / clipsPerShard:D5}.tar");

    /// <summary>Appends a clip; clips come in order.</summary>
    public void Add(RenderedClip clip)
    {
        if (_clips % clipsPerShard == 0)
        {
            _tar?.Dispose();
            _tar = new TarWriter(File.Create(Path.Combine(folder, ShardOf(_clips))), TarEntryFormat.Ustar);
        }
        _clips++;
        Append(clip.Key + ".mp4", clip.Video);
        Append(clip.Key + ".txt", Encoding.UTF8.GetBytes(clip.Caption));
        Append(clip.Key + ".json", Encoding.UTF8.GetBytes(clip.Truth));
    }

    public void Dispose() => _tar?.Dispose();

    private void Append(string name, byte[] content)
    {
        using var data = new MemoryStream(content);
        // A fixed owner, mode and time: a shard depends on its clips alone.
        _tar!.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = data, ModificationTime = DateTimeOffset.UnixEpoch, Mode = ReadableByAll });
    }
}

/// <summary>One clip with what belongs to it.</summary>
/// <param name="Key">Base name of its files.</param>
/// <param name="Video">The MP4 file's bytes.</param>
/// <param name="Truth">The ground truth as JSON.</param>
internal sealed record RenderedClip(string Key, Scene Scene, string Caption, string Truth, byte[] Video);
