// Two models in one command: the first makes a picture from the words, the second animates it.
// Paper: Girdhar et al., "Emu Video", arXiv:2311.10709, section 3 (factorized generation).

using Kinora.Cli.Shell;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Generation;

namespace Kinora.Cli.Generation;

/// <summary>The first frame of a clip, made from words by a model of its own.</summary>
internal static class FirstFrame
{
    /// <summary>Checks both models' requests, makes the picture, keeps it beside the clip, and plans the clip from it.</summary>
    /// <param name="images">The model that makes the picture.</param>
    /// <param name="folder">The model that animates it.</param>
    /// <param name="request">Words for the picture; words for the clip too where its model reads any.</param>
    /// <param name="options">How to make the clip; the picture has its size and seed.</param>
    /// <param name="output">Where the clip goes, as the user said.</param>
    /// <param name="dryRun">Whether to plan alone, with a black picture.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    public static async Task<GenerationPlan> PlanAsync(KinoraOptions images, ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options, string? output, bool dryRun, CancellationToken cancellationToken)
    {
        GenerationPlan picture = GenerationPlan.Create(ModelFolder.Find(images.Model), request with { Keyframes = [] }, new VideoGenerationOptions { Seed = options.Seed, Width = options.Width, Height = options.Height, Frames = 1 });
        options = options with { Seed = picture.Seed };
        var (clip, plan) = WithOrWithoutWords(folder, request with { FirstFrame = new VideoFrame(picture.Width, picture.Height, new byte[picture.Width * picture.Height * 3]) }, options);
        if (dryRun)
        {
            return plan;
        }
        string path = PathBeside(OutputPaths.For(output, plan)[0]);
        using var generator = new KinoraVideoGenerator(images);
        using var progress = new ConsoleProgress();
        VideoFrame frame = (await generator.GenerateAsync(picture, new GenerationConsole(progress), cancellationToken).ConfigureAwait(false))[0].Clip.Frames[0];
        ImageFile.WritePng(path, frame);
        progress.Line($"{path}: the first frame");
        plan = GenerationPlan.Create(folder, clip with { FirstFrame = frame }, options);
        return plan with { Input = plan.Input! with { Path = path } };
    }

    // Some models animate a picture without words and refuse them; others need them.
    private static (VideoGenerationRequest Request, GenerationPlan Plan) WithOrWithoutWords(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        VideoGenerationRequest wordless = request with { Prompt = "", NegativePrompt = "" };
        try
        {
            return (wordless, GenerationPlan.Create(folder, wordless, options));
        }
        catch (GenerationRequestException e) when (e.Parameter == "prompt")
        {
            return (request, GenerationPlan.Create(folder, request, options));
        }
    }

    // clip.mp4 → clip-first-frame.png
    private static string PathBeside(string clip) => $"{clip[..^Path.GetExtension(clip).Length].TrimEnd('/')}-first-frame.png";
}
