// Oracle for the two real clips: ffprobe 5.1 (-show_streams, -show_frames).
namespace Kinora.Media.Tests;

public sealed class VideoReaderTests
{
    [Fact]
    public void Open_RealClip_StatesWhatFfprobeStates()
    {
        using var reader = VideoReader.Open(Fixture.File("nasa_13013.mp4"));

        var info = reader.Info;
        info.Container.ShouldBe("mov,mp4,m4a,3gp,3g2,mj2");
        info.Codec.ShouldBe("h264");
        (info.Width, info.Height).ShouldBe((480, 270));
        info.StreamIndex.ShouldBe(3);
        info.VideoStreams.ShouldBe(2);
        info.HasAudio.ShouldBeTrue();
        info.AverageFrameRate.ShouldBe(new Rational(30000, 1001));
        info.RealFrameRate.ShouldBe(new Rational(30000, 1001));
        info.TimeBase.ShouldBe(new Rational(1, 30000));
        info.FrameCount.ShouldBe(390);
        info.FrameCountIsExact.ShouldBeTrue();
        info.Duration!.Value.TotalSeconds.ShouldBe(13.013, 1e-6);
        info.StartTime.ShouldBe(TimeSpan.Zero);
        info.PixelFormat.ShouldBe("yuv420p");
        info.BitDepth.ShouldBe(8);
        info.SampleAspectRatio.ShouldBe(new Rational(1, 1));
        info.Rotation.ShouldBe(0);
    }

    [Fact]
    public void Open_StreamByIndex_TakesThatStream()
    {
        using var reader = VideoReader.Open(Fixture.File("nasa_13013.mp4"), new VideoReaderOptions { StreamIndex = 0 });

        (reader.Width, reader.Height).ShouldBe((320, 180));
        reader.Info.AverageFrameRate.ShouldBe(new Rational(25, 1));
        reader.Info.FrameCount.ShouldBe(325);
    }

    [Fact]
    public void Open_StreamThatIsNoVideo_IsRefused()
    {
        var e = Should.Throw<MediaException>(() => VideoReader.Open(Fixture.File("nasa_13013.mp4"), new VideoReaderOptions { StreamIndex = 1 }));

        e.Kind.ShouldBe(MediaErrorKind.InvalidArgument);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public void ReadFrames_RealClipWithBFrames_GivesEveryFrameInOrderAtItsTime(int threads)
    {
        using var reader = VideoReader.Open(Fixture.File("nasa_13013.mp4"), new VideoReaderOptions { Width = 96, Height = 54, Threads = threads });

        var times = reader.ReadFrames().Select(f => f.ExactPts!.Value).ToList();

        times.Count.ShouldBe(390);
        times.ShouldBe(Enumerable.Range(0, 390).Select(n => new Rational(n * 1001L, 30000)));
    }

    [Fact]
    public void ReadFrames_VariableFrameRate_GivesTheContainersTimes()
    {
        using var reader = VideoReader.Open(Fixture.File("vfr.mp4"));

        var frames = reader.ReadFrames().ToList();

        frames.Select(Fixture.GrayNumber).ShouldBe(Enumerable.Range(0, 24));
        frames.Select(f => f.ExactPts!.Value).ShouldBe(Enumerable.Range(0, 24).Select(n => new Rational(n * n, 50)));
        frames.Select((f, n) => f.IsKeyFrame == (n % 8 == 0)).ShouldAllBe(expected => expected);
    }

    [Fact]
    public void SeekTo_EveryTimeInAnyOrder_GivesTheFrameOnScreen()
    {
        using var reader = VideoReader.Open(Fixture.File("vfr.mp4"));

        // Times between frames, on frames, backwards and forwards; sqrt is the inverse of the clip's time law t = N²/50.
        foreach (int milliseconds in new[] { 5000, 0, 19, 20, 21, 979, 980, 981, 10579, 10580, 12000, 1620, 1600, 7219, 7220, 3, 3380, 3379 })
        {
            reader.SeekTo(TimeSpan.FromMilliseconds(milliseconds));
            int expected = Math.Min(23, (int)Math.Floor(Math.Sqrt(milliseconds / 20.0) + 1e-9));

            var frame = reader.Read().ShouldNotBeNull();
            Fixture.GrayNumber(frame).ShouldBe(expected, $"at {milliseconds} ms");
            if (expected < 23)
            {
                Fixture.GrayNumber(reader.Read()!).ShouldBe(expected + 1, $"after {milliseconds} ms");
            }
            else
            {
                reader.Read().ShouldBeNull();
            }
        }
    }

    [Fact]
    public void SeekTo_RealClip_GivesTheSameFrameAsReadingThrough()
    {
        var options = new VideoReaderOptions { Width = 48, Height = 27, Threads = 1 };
        using var straight = VideoReader.Open(Fixture.File("nasa_13013.mp4"), options);
        var all = straight.ReadFrames().ToList();
        using var reader = VideoReader.Open(Fixture.File("nasa_13013.mp4"), options);

        foreach (int n in new[] { 389, 200, 201, 17, 250, 0, 249, 120 })
        {
            // Half a frame later: the frame before is on screen.
            reader.SeekTo((new Rational((2 * n) + 1, 1) * new Rational(1001, 60000)).ToTimeSpan());
            var frame = reader.Read()!;
            frame.ExactPts.ShouldBe(all[n].ExactPts);
            frame.Rgb.ShouldBe(all[n].Rgb);
        }
    }

    [Fact]
    public void SeekTo_AfterTheEndWasReached_ReadsAgain()
    {
        using var reader = VideoReader.Open(Fixture.File("vfr.mp4"));
        reader.ReadFrames().Count().ShouldBe(24);
        reader.Read().ShouldBeNull();

        reader.SeekTo(TimeSpan.FromSeconds(-1));

        reader.ReadFrames().Count().ShouldBe(24);
    }

    [Fact]
    public void LateStart_KeepsTheContainersClock()
    {
        using var reader = VideoReader.Open(Fixture.File("latestart.mkv"));
        reader.Info.StartTime.ShouldBe(TimeSpan.FromSeconds(0.5));

        var first = reader.Read()!;
        first.Pts.ShouldBe(TimeSpan.FromSeconds(0.5));
        Fixture.GrayNumber(first).ShouldBe(0);

        reader.SeekTo(TimeSpan.FromSeconds(0.1));
        Fixture.GrayNumber(reader.Read()!).ShouldBe(0);
        reader.SeekTo(TimeSpan.FromSeconds(1.0));
        Fixture.GrayNumber(reader.Read()!).ShouldBe(12);
    }

    [Fact]
    public void ReadRange_GivesFramesOnScreenInTheRange()
    {
        using var reader = VideoReader.Open(Fixture.File("latestart.mkv"));

        var numbers = reader.ReadRange(TimeSpan.FromSeconds(0.81), TimeSpan.FromSeconds(1.0)).Select(Fixture.GrayNumber).ToArray();

        // Frame 7 (0.78 s) is showing at 0.81 s; frame 12 starts at 0.98 s; frame 13 after the end.
        numbers.ShouldBe([7, 8, 9, 10, 11, 12]);
    }

    [Fact]
    public void Sample_VariableFrameRate_TakesTheNearestPreviousFrame()
    {
        using var reader = VideoReader.Open(Fixture.File("vfr.mp4"));

        var numbers = reader.Sample(4, end: TimeSpan.FromSeconds(10)).Select(Fixture.GrayNumber).ToArray();

        numbers.ShouldBe([.. Enumerable.Range(0, 40).Select(k => (int)Math.Floor(Math.Sqrt(k * 250 / 20.0) + 1e-9))]);
    }

    [Fact]
    public void Sample_FasterThanTheClip_RepeatsFrames()
    {
        using var reader = VideoReader.Open(Fixture.File("latestart.mkv"));

        var frames = reader.Sample(50).ToList();

        frames.Select(Fixture.GrayNumber).ShouldBe(Enumerable.Range(0, 48).Select(k => k / 2));
        frames[1].ShouldBeSameAs(frames[0]);
    }

    [Fact]
    public void Sample_FromAStart_CountsFromThere()
    {
        using var reader = VideoReader.Open(Fixture.File("nasa_13013.mp4"), new VideoReaderOptions { Width = 16, Height = 9 });

        var frames = reader.Sample(2, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5)).ToList();

        // Frame n starts at n·1001/30000 s: 89 is the last not after 3 s, and so on.
        frames.Select(f => f.ExactPts!.Value).ShouldBe(new[] { 89, 104, 119, 134 }.Select(n => new Rational(n * 1001L, 30000)));
    }

    [Fact]
    public void Open_WithOneSide_KeepsTheAspect()
    {
        using var reader = VideoReader.Open(Fixture.File("nasa_13013.mp4"), new VideoReaderOptions { Width = 160 });

        (reader.Width, reader.Height).ShouldBe((160, 90));
        reader.Read()!.Rgb.Length.ShouldBe(160 * 90 * 3);
    }

    [Fact]
    public void SquarePixels_StretchesAnamorphicPictures()
    {
        using var plain = VideoReader.Open(Fixture.File("anamorphic.webm"));
        using var square = VideoReader.Open(Fixture.File("anamorphic.webm"), new VideoReaderOptions { SquarePixels = true });
        using var analysis = AnalysisReader.Open(Fixture.File("anamorphic.webm"), upright: true);
        (analysis.Width, analysis.Height, analysis.CodedWidth).ShouldBe((square.Width, square.Height, 64));

        plain.Info.SampleAspectRatio.ShouldBe(new Rational(85, 64));
        (plain.Width, plain.Height).ShouldBe((64, 48));
        (square.Width, square.Height).ShouldBe((85, 48));
    }

    [Fact]
    public void Open_ContentInMemory_GivesTheSameFrames()
    {
        byte[] content = File.ReadAllBytes(Fixture.File("vfr.mp4"));
        using var fromMemory = VideoReader.Open(content, "shard.tar/vfr.mp4");
        using var fromFile = VideoReader.Open(Fixture.File("vfr.mp4"));

        fromMemory.ReadFrames().Select(f => Convert.ToHexString(f.Rgb)).ShouldBe(fromFile.ReadFrames().Select(f => Convert.ToHexString(f.Rgb)));
    }

    [Fact]
    public void TryRead_FillsTheCallersBuffer()
    {
        using var reader = VideoReader.Open(Fixture.File("vfr.mp4"));
        byte[] buffer = new byte[64 * 48 * 3];
        int count = 0;
        while (reader.TryRead(buffer, out var pts))
        {
            pts.ShouldBe(new Rational(count * count, 50));
            Fixture.GrayNumber(new VideoFrame(64, 48, buffer)).ShouldBe(count);
            count++;
        }

        count.ShouldBe(24);
        Should.Throw<ArgumentException>(() => reader.TryRead(new byte[10], out _));
    }

    // The display matrix of the track header maps picture coordinates to the screen; the clip's quarters show which symmetry was applied.
    [Theory]
    [InlineData(1, 0, 0, 1, 0, false, "BGWR")]
    [InlineData(0, 1, -1, 0, 90, false, "WBRG")]
    [InlineData(-1, 0, 0, -1, 180, false, "RWGB")]
    [InlineData(0, -1, 1, 0, 270, false, "GRBW")]
    [InlineData(-1, 0, 0, 1, 0, true, "GBRW")]
    [InlineData(1, 0, 0, -1, 180, true, "WRBG")]
    [InlineData(0, 1, 1, 0, 270, true, "BWGR")]
    [InlineData(0, -1, -1, 0, 90, true, "RGWB")]
    public void Rotation_AllEightSymmetries_TurnThePicture(int a, int b, int c, int d, int rotation, bool mirrored, string quarters)
    {
        using var folder = new TemporaryFolder();
        string path = folder["turned.mp4"];
        new Clip([ImageFile.Read(Fixture.File("quad.bmp"))], 10).Save(path, new VideoWriterOptions { Lossless = true });
        byte[] file = File.ReadAllBytes(path);
        int matrix = file.AsSpan().IndexOf("tkhd"u8) + 44;
        int[] entries = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30];
        for (int i = 0; i < 9; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(matrix + (4 * i)), entries[i]);
        }

        using var reader = VideoReader.Open(file, "turned.mp4");
        reader.Info.Rotation.ShouldBe(rotation);
        reader.Info.Mirrored.ShouldBe(mirrored);
        bool swapped = a == 0;
        (reader.Width, reader.Height).ShouldBe(swapped ? (16, 24) : (24, 16));
        var frame = reader.Read()!;
        int w = frame.Width, h = frame.Height;
        string seen = string.Concat(new[] { (w / 4, h / 4), (3 * w / 4, h / 4), (w / 4, 3 * h / 4), (3 * w / 4, 3 * h / 4) }
            .Select(p => Fixture.Pixel(frame, p.Item1, p.Item2) switch { (0, 0, 255) => 'B', (0, 255, 0) => 'G', (255, 255, 255) => 'W', (255, 0, 0) => 'R', _ => '?' }));
        seen.ShouldBe(quarters);

        using var untouched = VideoReader.Open(file, "turned.mp4", new VideoReaderOptions { ApplyRotation = false });
        (untouched.Width, untouched.Height).ShouldBe((24, 16));

        // Pictures for measuring are turned the same way.
        File.WriteAllBytes(path, file);
        using var analysis = AnalysisReader.Open(path, upright: true);
        (analysis.Width, analysis.Height, analysis.CodedWidth).ShouldBe((w, h, 24));
        analysis.Advance().ShouldBeTrue();
        byte[] bgr = new byte[w * h * 3];
        analysis.CopySmallBgr(w, h, bgr);
        for (int i = 0; i < bgr.Length; i += 3)
        {
            (bgr[i + 2], bgr[i + 1], bgr[i]).ShouldBe((frame.Rgb[i], frame.Rgb[i + 1], frame.Rgb[i + 2]));
        }
    }

    [Fact]
    public void Read_OwnColorConversion_AgreesWithSwscale()
    {
        // Turned pictures go through swscale, upright ones through the direct path.
        using var folder = new TemporaryFolder();
        var clip = Fixture.WavesClip(70, 46, 3, 10);
        clip.Save(folder["plain.mp4"]);
        byte[] upright = File.ReadAllBytes(folder["plain.mp4"]);
        byte[] turned = [.. upright];
        int matrix = turned.AsSpan().IndexOf("tkhd"u8) + 44;
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(turned.AsSpan(matrix), -1 << 16);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(turned.AsSpan(matrix + 16), -1 << 16);

        using var direct = VideoReader.Open(upright, "upright.mp4");
        using var swscale = VideoReader.Open(turned, "turned.mp4");
        while (direct.Read() is { } expected)
        {
            var actual = swscale.Read()!;
            byte[] back = new byte[actual.Rgb.Length];
            for (int i = 0; i < back.Length; i += 3)
            {
                actual.Rgb.AsSpan(back.Length - 3 - i, 3).CopyTo(back.AsSpan(i));
            }

            Fixture.Psnr(new VideoFrame(70, 46, back), expected).ShouldBeGreaterThan(45);
        }
    }

    [Fact]
    public void MotionVectors_OfAPan_PointAgainstTheMovement()
    {
        using var folder = new TemporaryFolder();
        string path = folder["pan.mp4"];
        const int Shift = 3;
        var noise = new Random(5);
        byte[] texture = new byte[256 * 96];
        noise.NextBytes(texture);
        var frames = Enumerable.Range(0, 12).Select(n =>
        {
            // Blurred noise, so that motion is unique; the content moves right by Shift pixels per frame.
            byte[] rgb = new byte[128 * 96 * 3];
            for (int y = 0, i = 0; y < 96; y++)
            {
                for (int x = 0; x < 128; x++, i += 3)
                {
                    int at = (y * 256) + x + 64 - (n * Shift);
                    rgb[i] = rgb[i + 1] = rgb[i + 2] = (byte)((texture[at] + texture[at + 1] + texture[at + 2] + texture[at + 3]) / 4);
                }
            }

            return new VideoFrame(128, 96, rgb);
        }).ToList();
        new Clip(frames, 25).Save(path);

        using var reader = VideoReader.Open(path, new VideoReaderOptions { MotionVectors = true });
        var decoded = reader.ReadFrames().ToList();
        decoded[0].MotionVectors.ShouldBeEmpty();
        var past = decoded.Skip(1).SelectMany(f => f.MotionVectors).Where(v => v.Source < 0 && v.DestinationX is > 24 and < 104).ToList();
        past.Count.ShouldBeGreaterThan(50);

        // H.264 may refer to any earlier frame: the displacement is a whole multiple of the shift, to the left of the block.
        double matching = past.Count(v => v.MotionScale == 4 && v.MotionX < 0 && v.MotionX % (4 * Shift) == 0 && Math.Abs(v.MotionY) <= 1) / (double)past.Count;
        matching.ShouldBeGreaterThan(0.9);
    }

    [Fact]
    public void MotionVectors_NotAskedFor_AreEmpty()
    {
        using var reader = VideoReader.Open(Fixture.File("vfr.mp4"));

        reader.ReadFrames().ShouldAllBe(f => f.MotionVectors.Count == 0);
    }
}
