using System.Formats.Tar;
using System.Security.Cryptography;
using Kinora.Media;
using Kinora.World.Datasets;

namespace Kinora.World.Tests;

public sealed class DatasetWriterTests : IDisposable
{
    private static readonly DatasetOptions Small = new() { Count = 3, Seed = 7, Width = 32, Height = 32, Frames = 5 };
    private readonly string _root = Directory.CreateTempSubdirectory("kinora-world-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Write_Clips_LeavesVideoCaptionTruthManifestAndSheet()
    {
        string folder = Write("clips", Small);
        Names(folder).ShouldBe([.. new[] { "000000", "000001", "000002" }.SelectMany(k => new[] { $"{k}.json", $"{k}.mp4", $"{k}.txt" }), "contact-sheet.png", "manifest.jsonl"]);
        ManifestRow[] rows = [.. File.ReadLines(Path.Combine(folder, DatasetWriter.ManifestName)).Select(ManifestRow.FromJson)];
        rows.Length.ShouldBe(3);
        rows.Select(r => r.Id).Distinct().Count().ShouldBe(3);
        for (int i = 0; i < rows.Length; i++)
        {
            Scene scene = DatasetWriter.SceneOf(Small, i);
            string name = Path.Combine(folder, rows[i].Key);
            rows[i].Seed.ShouldBe(SceneTruth.FromJson(File.ReadAllText(name + ".json")).Seed);
            rows[i].Caption.ShouldBe(File.ReadAllText(name + ".txt"));
            rows[i].Caption.ShouldBe(DatasetWriter.CaptionOf(scene));
            rows[i].Sha256.ShouldBe(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(name + ".mp4"))));
            ((rows[i].Id.ToByteArray(bigEndian: true)[6] >> 4)).ShouldBe(5, "a UUIDv5");
            Clip clip = Clip.Read(name + ".mp4");
            (clip.Frames.Count, clip.Width, clip.Height, clip.Fps).ShouldBe((5, 32, 32, 8.0));
            byte[] exact = Clips.Render(scene, 32, 5);
            clip.Frames[2].Rgb.Zip(Clips.Frame(exact, 2, 32).ToArray(), (a, b) => Math.Abs(a - b)).Average().ShouldBeLessThan(8);
        }
    }

    [Fact]
    public void Write_WebDataset_PutsTheFilesOfAClipSideBySide()
    {
        string folder = Write("shards", Small with { Format = DatasetFormat.WebDataset, ShardSize = 2 });
        Names(folder).ShouldBe(["contact-sheet.png", "manifest.jsonl", "shard-00000.tar", "shard-00001.tar"]);
        var entries = Entries(Path.Combine(folder, "shard-00000.tar"));
        entries.Select(e => e.Name).ShouldBe(["000000.mp4", "000000.txt", "000000.json", "000001.mp4", "000001.txt", "000001.json"]);
        entries.ShouldAllBe(e => e.Uid == 0 && e.Gid == 0 && e.ModificationTime == DateTimeOffset.UnixEpoch);
        Entries(Path.Combine(folder, "shard-00001.tar")).Select(e => e.Name).ShouldBe(["000002.mp4", "000002.txt", "000002.json"]);
        File.ReadLines(Path.Combine(folder, DatasetWriter.ManifestName)).Select(l => ManifestRow.FromJson(l).Shard).ShouldBe(["shard-00000.tar", "shard-00000.tar", "shard-00001.tar"]);
    }

    [Theory]
    [InlineData(DatasetFormat.Clips)]
    [InlineData(DatasetFormat.WebDataset)]
    public void Write_Twice_GivesTheSameBytes(DatasetFormat format)
    {
        string first = Write("a", Small with { Format = format }), second = Write("b", Small with { Format = format });
        Names(second).ShouldBe(Names(first));
        foreach (string name in Names(first))
            File.ReadAllBytes(Path.Combine(second, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(first, name))).ShouldBeTrue(name);
    }

    [Fact]
    public void Write_MoreClips_BeginsWithTheSame()
    {
        string few = Write("few", Small), more = Write("more", Small with { Count = 12 });
        File.ReadLines(Path.Combine(more, DatasetWriter.ManifestName)).Take(3).ShouldBe(File.ReadLines(Path.Combine(few, DatasetWriter.ManifestName)));
        Write("other", Small with { Seed = 8 }).ShouldSatisfyAllConditions(f => File.ReadAllText(Path.Combine(f, DatasetWriter.ManifestName)).ShouldNotBe(File.ReadAllText(Path.Combine(few, DatasetWriter.ManifestName))));
    }

    [Fact]
    public void Write_HeldOut_ShowsHeldOutCombinations()
    {
        string folder = Write("heldout", Small with { Split = WorldSplit.HeldOut });
        for (int i = 0; i < Small.Count; i++)
            HeldOut.Contains(DatasetWriter.SceneOf(Small with { Split = WorldSplit.HeldOut }, i)).ShouldBeTrue();
        File.ReadLines(Path.Combine(folder, DatasetWriter.ManifestName)).ShouldAllBe(l => ManifestRow.FromJson(l).Split == "held_out");
    }

    [Fact]
    public void Write_Canceled_LeavesNothing()
    {
        using var cancellation = new CancellationTokenSource();
        var stop = new Callback(_ => cancellation.Cancel());
        Should.Throw<OperationCanceledException>(() => DatasetWriter.Write(Path.Combine(_root, "stopped"), Small with { Count = 500 }, stop, cancellation.Token));
        Names(_root).ShouldBeEmpty();
    }

    [Fact]
    public void Write_FolderWithFiles_IsRefusedUntouched()
    {
        File.WriteAllText(Path.Combine(_root, "mine.txt"), "keep");
        Should.Throw<IOException>(() => DatasetWriter.Write(_root, Small)).Message.ShouldContain("not empty");
        Names(_root).ShouldBe(["mine.txt"]);
    }

    [Fact]
    public void Problem_ImpossibleOptions_NamesEachAndTheNearestSize()
    {
        new DatasetOptions().Problem().ShouldBeNull();
        string problem = new DatasetOptions { Width = 65, Height = 4, Count = 0, Fps = double.NaN, World = new WorldOptions(Camera: 2) }.Problem()!;
        problem.ShouldContain("64 and 66");
        problem.ShouldContain("nearest is 16");
        problem.ShouldContain("count");
        problem.ShouldContain("frames per second");
        problem.ShouldContain("probability");
    }

    [Fact]
    public void ClipId_KnownName_IsItsUuid5()
    {
        // uuid.uuid5(uuid.UUID("6f1d3b5e-0c5a-4e0e-9d0b-6d2c1a7c4f58"), "abc:0-2.125") of Python 3.
        ManifestRow.ClipId("abc", 0, 2.125).ShouldBe(new Guid("1296e9f8-c48a-5430-9194-c5f301510220"));
    }

    [Fact]
    public void ContactSheet_Scenes_HasARowPerClipAndAColumnPerMoment()
    {
        Scene[] scenes = [Clips.Plainly(motion: Motion.Right), Clips.Plainly(Noun.Fish)];
        VideoFrame sheet = ContactSheet.Draw(scenes, 64, 64, Clips.Frames);
        (sheet.Width, sheet.Height).ShouldBe((9 * 66 - 2, 2 * 66 - 2));
        byte[] clip = Clips.Render(scenes[0]);
        for (int y = 0; y < 64; y++)
            sheet.Rgb.AsSpan((y * sheet.Width + 8 * 66) * 3, 64 * 3).SequenceEqual(Clips.Frame(clip, 16).Slice(y * 64 * 3, 64 * 3)).ShouldBeTrue();
    }

    private string Write(string name, DatasetOptions options)
    {
        string folder = Path.Combine(_root, name);
        DatasetWriter.Write(folder, options);
        return folder;
    }

    private static string[] Names(string folder) => [.. Directory.EnumerateFileSystemEntries(folder, "*", new EnumerationOptions { AttributesToSkip = FileAttributes.None }).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal)];

    private static List<TarEntry> Entries(string path)
    {
        using var reader = new TarReader(File.OpenRead(path));
        var entries = new List<TarEntry>();
        while (reader.GetNextEntry(copyData: true) is { } entry)
            entries.Add(entry);
        return entries;
    }

    private sealed class Callback(Action<int> action) : IProgress<int>
    {
        public void Report(int value) => action(value);
    }
}
