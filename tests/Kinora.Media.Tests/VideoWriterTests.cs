namespace Kinora.Media.Tests;

public sealed class VideoWriterTests
{
    private const string Manifest = """{"prompt":"красный шар над ночным городом 🎈 \"quoted\" = ; # \\","seed":18446744073709551615,"note":"line\nbreak"}""";

    public static TheoryData<string> Names => ["clip.mp4", "clip.webm", "clip.gif", "clip"];

    [Theory]
    [InlineData("clip.mp4", false, 38)]
    [InlineData("clip.webm", false, 38)]
    [InlineData("clip.gif", false, 26)]
    [InlineData("clip.mp4", true, double.PositiveInfinity)]
    [InlineData("clip.webm", true, double.PositiveInfinity)]
    [InlineData("clip", false, double.PositiveInfinity)]
    public void Save_ThenRead_GivesTheFramesBack(string name, bool lossless, double minimumPsnr)
    {
        using var folder = new TemporaryFolder();
        var clip = Fixture.WavesClip(96, 64, 17, 12.5);

        clip.Save(folder[name], new VideoWriterOptions { Lossless = lossless });

        folder.Entries.ShouldBe([name]);
        var back = Clip.Read(folder[name]);
        back.Frames.Count.ShouldBe(17);
        back.Fps.ShouldBe(12.5, 0.01);
        (back.Width, back.Height).ShouldBe((96, 64));
        for (int i = 0; i < 17; i++)
        {
            Fixture.Psnr(back.Frames[i], clip.Frames[i]).ShouldBeGreaterThanOrEqualTo(minimumPsnr, $"frame {i}");
            back.Frames[i].Pts!.Value.TotalSeconds.ShouldBe(i / 12.5, 0.0006);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Metadata_OfSeveralKilobytes_SurvivesEveryContainer(string name)
    {
        using var folder = new TemporaryFolder();
        var clip = Fixture.WavesClip(32, 32, 3, 8);
        string large = string.Concat(Enumerable.Repeat(Manifest, 400));
        clip.Metadata[MediaMetadata.ManifestKey] = large;
        clip.Metadata["comment"] = "Clip with «quotes», = and ; and # and \\";
        clip.Metadata["title"] = "";
        clip.Metadata.Remove("title");

        clip.Save(folder[name]);

        var expected = new Dictionary<string, string> { ["kinora"] = large, ["comment"] = "Clip with «quotes», = and ; and # and \\" };
        MediaMetadata.Read(folder[name]).OrderBy(p => p.Key).ShouldBe(expected.OrderBy(p => p.Key));
        Clip.Read(folder[name]).Metadata.OrderBy(p => p.Key).ShouldBe(expected.OrderBy(p => p.Key));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Save_Twice_GivesTheSameBytes(string name)
    {
        using var folder = new TemporaryFolder();
        var options = new VideoWriterOptions { Metadata = new Dictionary<string, string> { ["kinora"] = Manifest, ["a"] = "b" } };
        var reordered = options with { Metadata = new Dictionary<string, string> { ["a"] = "b", ["kinora"] = Manifest } };
        string second = Path.GetFileNameWithoutExtension(name) + "2" + Path.GetExtension(name);

        Fixture.WavesClip(160, 96, 20, 24).Save(folder[name], options);
        Fixture.WavesClip(160, 96, 20, 24).Save(folder[second], reordered);

        Bytes(folder[second]).ShouldBe(Bytes(folder[name]));
    }

    [Fact]
    public void Save_Mp4_IsPlayableEverywhere()
    {
        using var folder = new TemporaryFolder();
        Fixture.WavesClip(64, 64, 17, 8).Save(folder["clip.mp4"]);

        byte[] file = File.ReadAllBytes(folder["clip.mp4"]);
        file.AsSpan().IndexOf("moov"u8).ShouldBeLessThan(file.AsSpan().IndexOf("mdat"u8), "the index comes first, so that browsers start at once");
        using var reader = VideoReader.Open(folder["clip.mp4"]);
        reader.Info.Codec.ShouldBe("h264");
        reader.Info.PixelFormat.ShouldBe("yuv420p");
        reader.Info.ColorSpace.ShouldBe("bt709");
        reader.Info.ColorRange.ShouldBe("tv");
        reader.Info.AverageFrameRate.ShouldBe(new Rational(8, 1));
        reader.Info.Duration!.Value.TotalSeconds.ShouldBe(17 / 8.0, 1e-6);
        reader.Info.FrameCount.ShouldBe(17);
        reader.Info.StartTime.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void Save_FlatColors_KeepTheirValue()
    {
        using var folder = new TemporaryFolder();
        foreach (var (r, g, b) in new[] { (255, 0, 0), (0, 200, 0), (30, 30, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128) })
        {
            byte[] rgb = [.. Enumerable.Range(0, 32 * 32).SelectMany(_ => new[] { (byte)r, (byte)g, (byte)b })];
            foreach (string name in new[] { "flat.mp4", "flat.webm", "flat.gif" })
            {
                new Clip([new VideoFrame(32, 32, rgb)], 5).Save(folder[name], new VideoWriterOptions { Quality = 1 });
                var (r2, g2, b2) = Fixture.Pixel(Clip.Read(folder[name]).Frames[0], 16, 16);
                (Math.Abs(r2 - r) <= 3 && Math.Abs(g2 - g) <= 3 && Math.Abs(b2 - b) <= 3).ShouldBeTrue($"{name}: {(r, g, b)} became {(r2, g2, b2)}");
            }
        }
    }

    [Fact]
    public void Save_OneFrame_WorksInEveryFormat()
    {
        using var folder = new TemporaryFolder();
        foreach (string name in new[] { "one.mp4", "one.webm", "one.gif", "one.png", "one" })
        {
            Fixture.WavesClip(64, 48, 1, 8).Save(folder[name]);
            Clip.Read(folder[name]).Frames.Count.ShouldBe(1, name);
        }
    }

    [Fact]
    public void Save_GifWithFewColors_IsExactAndStillPixelsCostNothing()
    {
        using var folder = new TemporaryFolder();
        var quad = ImageFile.Read(Fixture.File("quad.bmp"));
        byte[] moved = [.. quad.Rgb];
        moved.AsSpan(0, 30).Fill(77);
        new Clip([quad, quad, new VideoFrame(24, 16, moved)], 10).Save(folder["few.gif"]);

        var back = Clip.Read(folder["few.gif"]);

        back.Frames.Select(f => f.Rgb).ShouldBe([quad.Rgb, quad.Rgb, moved]);
        new FileInfo(folder["few.gif"]).Length.ShouldBeLessThan(300);
    }

    [Fact]
    public void Save_GifLargerThanTheCodeTable_DecodesExactly()
    {
        // Random indices fill the LZW table several times; 200 gray levels are stored exactly.
        using var folder = new TemporaryFolder();
        var random = new Random(3);
        byte[] rgb = [.. Enumerable.Range(0, 150 * 100).SelectMany(_ => { byte v = (byte)random.Next(200); return new[] { v, v, v }; })];
        new Clip([new VideoFrame(150, 100, rgb)], 10).Save(folder["noise.gif"]);

        Clip.Read(folder["noise.gif"]).Frames[0].Rgb.ShouldBe(rgb);
    }

    [Theory]
    [InlineData(65, 64, "64×64 or 66×64")]
    [InlineData(64, 1, "64×2 or 64×2")]
    public void Create_OddSizeForH264_NamesTheNearestLegalOnes(int width, int height, string legal)
    {
        using var folder = new TemporaryFolder();

        var e = Should.Throw<MediaException>(() => VideoWriter.Create(folder["odd.mp4"], width, height, 8));

        e.Kind.ShouldBe(MediaErrorKind.InvalidArgument);
        e.Message.ShouldContain(legal);
        folder.Entries.ShouldBeEmpty();
    }

    [Fact]
    public void Save_OddSizeWhereLegal_Works()
    {
        using var folder = new TemporaryFolder();
        Fixture.WavesClip(33, 17, 3, 8).Save(folder["odd.webm"]);
        Fixture.WavesClip(33, 17, 3, 8).Save(folder["odd.gif"]);
        Fixture.WavesClip(33, 17, 3, 8).Save(folder["odd.mp4"], new VideoWriterOptions { Lossless = true });

        foreach (string name in new[] { "odd.webm", "odd.gif", "odd.mp4" })
        {
            var back = Clip.Read(folder[name]);
            (back.Width, back.Height, back.Frames.Count).ShouldBe((33, 17, 3));
        }
    }

    [Theory]
    [InlineData("a.avi", 64, 64, 8.0)]
    [InlineData("a.mp4", 0, 64, 8.0)]
    [InlineData("a.mp4", 64, 20000, 8.0)]
    [InlineData("a.mp4", 64, 64, 0.0)]
    [InlineData("a.mp4", 64, 64, double.NaN)]
    [InlineData("a.gif", 64, 64, 60.0)]
    public void Create_ImpossibleRequest_IsRefusedWithoutTrace(string name, int width, int height, double fps)
    {
        using var folder = new TemporaryFolder();

        Should.Throw<MediaException>(() => VideoWriter.Create(folder[name], width, height, fps)).Kind.ShouldBe(MediaErrorKind.InvalidArgument);

        folder.Entries.ShouldBeEmpty();
    }

    [Fact]
    public void Create_BadOptions_AreRefused()
    {
        using var folder = new TemporaryFolder();
        foreach (var options in new[]
        {
            new VideoWriterOptions { Quality = 52 },
            new VideoWriterOptions { Preset = "quick" },
            new VideoWriterOptions { Metadata = new Dictionary<string, string> { ["a b"] = "x" } },
            new VideoWriterOptions { Metadata = new Dictionary<string, string> { ["encoder"] = "x" } },
            new VideoWriterOptions { Metadata = new Dictionary<string, string> { ["a"] = "x\0y" } },
            new VideoWriterOptions { Metadata = new Dictionary<string, string> { ["a"] = "\ud800" } },
            new VideoWriterOptions { Metadata = new Dictionary<string, string> { ["a"] = "x", ["A"] = "y" } },
        })
        {
            Should.Throw<MediaException>(() => VideoWriter.Create(folder["a.mp4"], 64, 64, 8, options)).Kind.ShouldBe(MediaErrorKind.InvalidArgument);
        }

        folder.Entries.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Dispose_WithoutComplete_LeavesNothingAndKeepsTheOldFile(string name)
    {
        using var folder = new TemporaryFolder();
        Fixture.WavesClip(32, 32, 2, 8).Save(folder[name]);
        var before = Bytes(folder[name]);

        using (var writer = VideoWriter.Create(folder[name], 32, 32, 8))
        {
            writer.Write(Fixture.Waves(32, 32, 5));
            folder.Entries.Length.ShouldBe(2);
        }

        folder.Entries.ShouldBe([name]);
        Bytes(folder[name]).ShouldBe(before);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Save_OverAnOlderClip_ReplacesIt(string name)
    {
        using var folder = new TemporaryFolder();
        Fixture.WavesClip(32, 32, 5, 8).Save(folder[name]);

        Fixture.WavesClip(48, 32, 2, 8).Save(folder[name]);

        folder.Entries.ShouldBe([name]);
        var back = Clip.Read(folder[name]);
        (back.Width, back.Frames.Count).ShouldBe((48, 2));
    }

    [Fact]
    public void Save_IntoAFolderOfOtherThings_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["photos"]);
        File.WriteAllText(folder["photos/diary.txt"], "mine");

        Should.Throw<MediaException>(() => Fixture.WavesClip(32, 32, 2, 8).Save(folder["photos"])).Kind.ShouldBe(MediaErrorKind.InvalidArgument);

        File.ReadAllText(folder["photos/diary.txt"]).ShouldBe("mine");
        folder.Entries.ShouldBe(["photos"]);
    }

    [Fact]
    public void Complete_WithoutFrames_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using (var writer = VideoWriter.Create(folder["none.mp4"], 32, 32, 8))
        {
            Should.Throw<MediaException>(writer.Complete).Kind.ShouldBe(MediaErrorKind.InvalidArgument);
        }

        folder.Entries.ShouldBeEmpty();
    }

    [Fact]
    public void Write_SecondFrameToPng_IsRefused()
    {
        using var folder = new TemporaryFolder();

        Should.Throw<MediaException>(() => Fixture.WavesClip(32, 32, 2, 8).Save(folder["two.png"])).Message.ShouldContain("one frame");

        folder.Entries.ShouldBeEmpty();
    }

    [Fact]
    public void Write_WrongSize_NamesBothSizes()
    {
        using var folder = new TemporaryFolder();
        using var writer = VideoWriter.Create(folder["a.mp4"], 32, 32, 8);

        var e = Should.Throw<MediaException>(() => writer.Write(Fixture.Waves(16, 32, 0)));

        e.Message.ShouldContain("16×32");
        e.Message.ShouldContain("32×32");
    }

    [Theory]
    [InlineData("clip.mp4")]
    [InlineData("clip.gif")]
    [InlineData("clip.png")]
    [InlineData("clip")]
    public void Create_InAMissingFolder_SaysSo(string name)
    {
        using var folder = new TemporaryFolder();

        var e = Should.Throw<MediaException>(() => VideoWriter.Create(folder["missing/" + name], 32, 32, 8));

        e.Kind.ShouldBe(MediaErrorKind.NotFound);
        e.Message.ShouldContain("missing");
    }

    [Theory]
    [InlineData("clip.mp4")]
    [InlineData("clip.webm")]
    [InlineData("clip.gif")]
    [InlineData("clip")]
    public void Create_WhereNothingMayBeCreated_SaysSo(string name)
    {
        // /proc refuses new entries even to root.
        var e = Should.Throw<MediaException>(() => Fixture.WavesClip(32, 32, 1, 8).Save("/proc/" + name));

        e.Kind.ShouldBeOneOf(MediaErrorKind.AccessDenied, MediaErrorKind.NotFound, MediaErrorKind.IO);
        e.Message.ShouldContain("/proc/" + name);
    }

    [Fact]
    public void Save_BroadcastRate_IsExact()
    {
        using var folder = new TemporaryFolder();
        Fixture.WavesClip(32, 32, 5, 23.976).Save(folder["film.mp4"]);

        using var reader = VideoReader.Open(folder["film.mp4"]);
        reader.Info.AverageFrameRate.ShouldBe(new Rational(24000, 1001));
    }

    private static List<string> Bytes(string path) => Directory.Exists(path)
        ? [.. Directory.EnumerateFiles(path).Order(StringComparer.Ordinal).Select(f => Path.GetFileName(f) + Convert.ToHexString(File.ReadAllBytes(f)))]
        : [Convert.ToHexString(File.ReadAllBytes(path))];
}
