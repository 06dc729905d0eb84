// The snippets of docs/library.md, compiled and run. Each region below is one code block of the page, word for word.

using Kinora.Media;
using Kinora.Models.Generation;
using Microsoft.Extensions.DependencyInjection;

namespace Kinora.Cli.Tests.Docs;

public sealed class LibraryPageTests(TinyModel model) : IClassFixture<TinyModel>
{
    [Fact]
    public void Snippets_AreThoseOfTheTestBelow()
    {
        string page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "library.md"));
        string source = File.ReadAllText(Path.Combine(Checkout.Root, "tests", "Kinora.Cli.Tests", "Docs", "LibraryPageTests.cs"));
        string[] shown = [.. Between(page, "```csharp\n", "```").Select(Unindent)];
        string[] compiled = [.. Between(source, "#region snippet\n", "#endregion").Select(Unindent)];

        shown.Length.ShouldBe(5);
        compiled.ShouldBe(shown);
    }

    [Fact]
    public async Task Snippets_MakeAndWriteClips()
    {
        string modelFolder = model.Folder, path = Path.Combine(model.Base, "library.mp4"), imagePath = Path.Combine(model.Base, "first.png");
        int sent = 0;
        Action<byte[]> send = bytes => sent += bytes.Length;
        var cancellationToken = CancellationToken.None;

        #region snippet
        var services = new ServiceCollection();
        services.AddKinora(options =>
        {
            options.Model = modelFolder;   // a model folder, or the name of one in models/
            options.Device = "cpu";        // cpu, cuda, cuda:1, or auto
            options.DType = "fp32";        // fp32, bf16, or auto for what is faster here
        });
        await using var provider = services.BuildServiceProvider();
        var generator = provider.GetRequiredService<IVideoGenerator>();
        #endregion

        #region snippet
        var request = new VideoGenerationRequest("a red balloon rises over a night city");
        var options = new VideoGenerationOptions { Seed = 7, Steps = 4 };
        var progress = new Progress<GenerationProgress>(p => Console.Error.WriteLine($"{p.Stage} {p.Step}/{p.Steps}, {p.Remaining} left"));

        IReadOnlyList<GeneratedVideo> videos = await generator.GenerateAsync(request, options, progress, cancellationToken);

        Clip clip = videos[0].Clip;
        using (var writer = VideoWriter.Create(path, clip.Frames[0].Width, clip.Frames[0].Height, clip.Fps))
        {
            foreach (VideoFrame frame in clip.Frames) { writer.Write(frame); }
            writer.Complete();             // without it the file is removed: no half clips
        }
        #endregion

        #region snippet
        await foreach (VideoFrame frame in generator.StreamAsync(request, options, cancellationToken: cancellationToken))
        {
            send(frame.Rgb);               // width × height × 3 bytes: R, G, B, row by row
        }
        #endregion

        ImageFile.WritePng(imagePath, clip.Frames[0]);
        #region snippet
        var animate = request with { FirstFrame = ImageFile.Read(imagePath) };
        var extend = request with { Continue = clip };
        #endregion

        #region snippet
        var story = new VideoGenerationRequest
        {
            Prompt = "",
            Story = [new StoryPart("a red balloon rises over a night city", Frames: 17), new StoryPart("a red balloon bounces on a beach", Frames: 16)],
        };
        #endregion

        clip.Frames.Count.ShouldBe(TinyModel.Frames);
        (await generator.GenerateAsync(story, options, cancellationToken: cancellationToken))[0].Clip.Frames.Count.ShouldBe(33);
        sent.ShouldBe(TinyModel.Frames * TinyModel.Size * TinyModel.Size * 3);
        using var reader = VideoReader.Open(path);
        reader.ReadAll().Frames.Count.ShouldBe(TinyModel.Frames);
        foreach (var variant in new[] { animate, extend })
        {
            var result = await generator.GenerateAsync(variant, options, cancellationToken: cancellationToken);
            result[0].Manifest.Input!.HeldFrames.ShouldBe(1);
        }
    }

    private static IEnumerable<string> Between(string text, string open, string close) =>
        text.Split(open).Skip(1).Select(part => part[..part.IndexOf(close, StringComparison.Ordinal)]);

    private static string Unindent(string block)
    {
        string[] lines = block.TrimEnd().Split('\n');
        int indent = lines.Where(l => l.Length > 0).Min(l => l.Length - l.TrimStart().Length);
        return string.Join('\n', lines.Select(l => l.Length == 0 ? l : l[indent..]));
    }
}
