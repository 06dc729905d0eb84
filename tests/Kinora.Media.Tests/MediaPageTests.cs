// The snippets of docs/media.md, compiled and run. Each region below is one code block of the page, word for word.
namespace Kinora.Media.Tests;

public sealed class MediaPageTests
{
    [Fact]
    public void Snippets_AreThoseOfTheTestsBelow()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Kinora.slnx")))
        {
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("The tests run outside the repository.");
        }

        string[] shown = Between(File.ReadAllText(Path.Combine(root, "docs", "media.md")), "```csharp\n", "```");
        string[] compiled = Between(File.ReadAllText(Path.Combine(root, "tests", "Kinora.Media.Tests", "MediaPageTests.cs")), "#region snippet\n", "#endregion");

        shown.Length.ShouldBe(2);
        compiled.ShouldBe(shown);
    }

    [Fact]
    public void ReadingSnippet_Runs()
    {
        string footage = Fixture.File("nasa_13013.mp4");
        var times = new List<double>();
        Action<VideoFrame> use = frame => times.Add(frame.Pts!.Value.TotalSeconds);

        #region snippet
        using var reader = VideoReader.Open(footage, new VideoReaderOptions { Width = 256 });   // height follows by aspect
        Console.WriteLine($"{reader.Info.Codec} {reader.Info.Width}×{reader.Info.Height}, {reader.Info.AverageFrameRate} fps");

        foreach (VideoFrame frame in reader.ReadFrames()) { use(frame); }            // every frame, in order of presentation
        reader.SeekTo(TimeSpan.FromSeconds(2.5));                                    // the next frame read is the one on screen then
        foreach (VideoFrame frame in reader.ReadRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2))) { use(frame); }
        foreach (VideoFrame frame in reader.Sample(fps: 8)) { use(frame); }          // a constant rate from any clip, from here on
        #endregion

        // 390 frames, then those from 1 s (frame 29) to before 2 s (frame 59), then samples of the rest.
        times.Count.ShouldBeGreaterThan(390 + 31);
        times[390].ShouldBe(29 * 1001 / 30000.0, 1e-6);
        times[390 + 30].ShouldBe(59 * 1001 / 30000.0, 1e-6);
    }

    [Fact]
    public void WritingSnippet_Runs()
    {
        using var folder = new TemporaryFolder();
        string path = folder["clip.mp4"];
        var frames = Fixture.WavesClip(64, 48, 3, 8).Frames;
        const string manifestJson = "{\"seed\":7}";

        #region snippet
        var clip = new Clip(frames, fps: 8);
        clip.Metadata[MediaMetadata.ManifestKey] = manifestJson;
        clip.Save(path);                                                             // or .webm, .gif, .png (one frame), a folder
        string manifest = MediaMetadata.Read(path)[MediaMetadata.ManifestKey];
        #endregion

        manifest.ShouldBe(manifestJson);
    }

    private static string[] Between(string text, string start, string end) =>
        [.. text.Split(start).Skip(1).Select(part => string.Join('\n', part[..part.IndexOf(end, StringComparison.Ordinal)].Split('\n').Select(line => line.Trim())).Trim())];
}
