namespace Kinora.Media.Tests;

public sealed class DamageTests
{
    [Fact]
    public void ReadFrames_TruncatedClip_GivesTheGoodFramesThenSaysWhere()
    {
        byte[] whole = SmallClip("clip.mp4", 40);
        var half = whole.AsMemory(0, whole.Length * 6 / 10);
        using var reader = VideoReader.Open(half, "half.mp4");
        var good = new List<VideoFrame>();

        var e = Should.Throw<MediaException>(() => good.AddRange(Collect(reader, good)));

        e.Kind.ShouldBe(MediaErrorKind.Truncated);
        e.Path.ShouldBe("half.mp4");
        good.Count.ShouldBeInRange(5, 39);
        e.Frames.ShouldBe(good.Count);
        e.Time.ShouldBe(good[^1].Pts);
        e.Message.ShouldContain("truncated");
    }

    [Fact]
    public void ReadFrames_TruncatedWebM_IsReported()
    {
        byte[] whole = SmallClip("clip.webm", 40);
        using var reader = VideoReader.Open(whole.AsMemory(0, whole.Length * 6 / 10), "half.webm");

        var e = Should.Throw<MediaException>(() => reader.ReadFrames().Count());

        e.Kind.ShouldBe(MediaErrorKind.Truncated);
        e.Frames.ShouldBeInRange(1, 39);
    }

    [Fact]
    public void ReadFrames_TruncatedGif_IsReported()
    {
        byte[] whole = SmallClip("clip.gif", 10);
        using var reader = VideoReader.Open(whole.AsMemory(0, whole.Length / 2), "half.gif");

        var e = Should.Throw<MediaException>(() => reader.ReadFrames().Count());

        e.Kind.ShouldBe(MediaErrorKind.Truncated);
    }

    [Fact]
    public void ReadFrames_OverwrittenBytes_IsReportedAndNeverCrashes()
    {
        byte[] clip = SmallClip("clip.mp4", 40);
        int media = clip.AsSpan().IndexOf("mdat"u8);
        clip.AsSpan(media + ((clip.Length - media) / 2), 400).Fill(0xa5);
        using var reader = VideoReader.Open(clip, "damaged.mp4");

        var e = Should.Throw<MediaException>(() => reader.ReadFrames().Count());

        e.Kind.ShouldBe(MediaErrorKind.Corrupt);
        e.Frames.ShouldBeLessThan(40);
    }

    [Fact]
    public void Open_IndexCutOff_IsTruncated()
    {
        byte[] whole = SmallClip("clip.mp4", 10);
        var e = Should.Throw<MediaException>(() => VideoReader.Open(whole.AsMemory(..60), "start.mp4"));

        e.Kind.ShouldBe(MediaErrorKind.Truncated);
    }

    [Fact]
    public void Open_RandomCuts_AlwaysEndInATypedError()
    {
        byte[] whole = SmallClip("clip.mp4", 12);
        for (int length = 0; length < whole.Length; length += 97)
        {
            Should.Throw<MediaException>(() =>
            {
                using var reader = VideoReader.Open(whole.AsMemory(..length), "cut.mp4");
                reader.ReadAll();
            });
        }
    }

    [Theory]
    [InlineData("vfr.mp4")]
    [InlineData("latestart.mkv")]
    [InlineData("quad.jpg")]
    [InlineData("quadalpha.png")]
    [InlineData("quad.webp")]
    public void Open_ChangedBytes_EndInFramesOrATypedErrorAboutTheContent(string name)
    {
        byte[] whole = File.ReadAllBytes(Fixture.File(name));
        var random = new Random(11);
        int refused = 0;
        for (int trial = 0; trial < 40; trial++)
        {
            byte[] changed = [.. whole];
            for (int i = 0; i < 6; i++)
            {
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            }

            try
            {
                using var reader = VideoReader.Open(changed, name, new VideoReaderOptions { Threads = 1, Width = 16, Height = 16 });
                reader.ReadFrames().Take(100).ShouldAllBe(frame => frame.Width == 16 && frame.Height == 16);
            }
            catch (MediaException e)
            {
                refused++;
                e.Kind.ShouldBeOneOf(MediaErrorKind.Corrupt, MediaErrorKind.Truncated, MediaErrorKind.NotMedia, MediaErrorKind.MissingCodec);
            }
        }

        refused.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Open_MissingFile_SaysSo()
    {
        var e = Should.Throw<MediaException>(() => VideoReader.Open("/nonexistent/clip.mp4"));

        e.Kind.ShouldBe(MediaErrorKind.NotFound);
        e.Message.ShouldContain("/nonexistent/clip.mp4");
    }

    [Fact]
    public void Open_NoMedia_SaysSo()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["note.mp4"], "this is a text and not a clip, whatever its name says");

        var e = Should.Throw<MediaException>(() => VideoReader.Open(folder["note.mp4"]));

        e.Kind.ShouldBe(MediaErrorKind.NotMedia);
    }

    [Fact]
    public void Open_SoundAlone_SaysThatNoVideoIsThere()
    {
        const int Rate = 8000;
        using var folder = new TemporaryFolder();
        using (var wave = new BinaryWriter(File.Create(folder["sound.wav"])))
        {
            // A canonical WAVE file: 8-bit mono, one second of silence.
            wave.Write("RIFF"u8); wave.Write(36 + Rate); wave.Write("WAVEfmt "u8); wave.Write(16); wave.Write((short)1); wave.Write((short)1);
            wave.Write(Rate); wave.Write(Rate); wave.Write((short)1); wave.Write((short)8); wave.Write("data"u8); wave.Write(Rate);
            wave.Write(Enumerable.Repeat((byte)128, Rate).ToArray());
        }

        var e = Should.Throw<MediaException>(() => VideoReader.Open(folder["sound.wav"]));

        e.Kind.ShouldBe(MediaErrorKind.NotMedia);
        e.Message.ShouldContain("it holds no video stream");
        e.Message.ShouldNotContain("Invalid data");
    }

    [Fact]
    public void Open_Playlist_ReachesNoOtherFile()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Fixture.File("vfr.mp4"), folder["secret.mp4"]);
        File.WriteAllText(folder["list.m3u8"], $"#EXTM3U\n#EXT-X-TARGETDURATION:11\n#EXTINF:11,\nfile://{folder["secret.mp4"]}\n#EXT-X-ENDLIST\n");
        File.WriteAllText(folder["list.ffconcat"], $"ffconcat version 1.0\nfile secret.mp4\n");

        foreach (string name in new[] { "list.m3u8", "list.ffconcat" })
        {
            Should.Throw<MediaException>(() =>
            {
                using var reader = VideoReader.Open(folder[name]);
                reader.ReadAll();
            });
        }
    }

    [Fact]
    public void Open_FolderWithoutManifest_SaysSo()
    {
        using var folder = new TemporaryFolder();

        var e = Should.Throw<MediaException>(() => VideoReader.Open(folder.Root));

        e.Kind.ShouldBe(MediaErrorKind.NotMedia);
        e.Message.ShouldContain("manifest.json");
    }

    [Fact]
    public void Open_ManifestNamingForeignFiles_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Fixture.WavesClip(16, 16, 2, 10).Save(folder["clip"]);
        string manifest = folder["clip/manifest.json"];
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("000001.png", "../../etc/passwd", StringComparison.Ordinal));

        Should.Throw<MediaException>(() => VideoReader.Open(folder["clip"])).Kind.ShouldBe(MediaErrorKind.Corrupt);
    }

    private static IEnumerable<VideoFrame> Collect(VideoReader reader, List<VideoFrame> into)
    {
        foreach (var frame in reader.ReadFrames())
        {
            into.Add(frame);
        }

        return [];
    }

    private static byte[] SmallClip(string name, int frames)
    {
        using var folder = new TemporaryFolder();
        Fixture.WavesClip(128, 96, frames, 25).Save(folder[name], new VideoWriterOptions { Quality = 4, Preset = "veryfast" });
        return File.ReadAllBytes(folder[name]);
    }
}
