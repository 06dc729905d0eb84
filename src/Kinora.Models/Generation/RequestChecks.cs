using System.Globalization;
using System.Security.Cryptography;
using Kinora.Media;
using Kinora.Models.Text;

namespace Kinora.Models.Generation;

/// <summary>Checks that the plans of all systems share. Nothing is rounded: what is impossible is refused with what is possible.</summary>
internal static class RequestChecks
{
    private const int MaxSide = 4096, MaxFrames = 1025, MaxSteps = 1000, MaxCount = 10_000;
    private const double MaxGuidance = 100, MaxFrameRate = 240, LeastCache = 1e-6, MostCache = 10;

    /// <summary>The seed asked for, or one drawn at random.</summary>
    public static ulong Seed(VideoGenerationOptions options) => options.Seed ?? (ulong)RandomNumberGenerator.GetInt32(int.MaxValue);

    public static int Count(VideoGenerationOptions options) => InRange("count", options.Count, 1, MaxCount);

    public static int Steps(VideoGenerationOptions options, int otherwise) => InRange("steps", options.Steps ?? otherwise, 1, MaxSteps);

    public static double Guidance(VideoGenerationOptions options, double otherwise) => InRange("guidance", options.Guidance ?? otherwise, 0, MaxGuidance);

    public static double GuidanceRescale(VideoGenerationOptions options, double otherwise) => InRange("guidance rescale", options.GuidanceRescale ?? otherwise, 0, 1);

    /// <summary>The threshold of step caching; the first and the last step are computed whole, so that there must be one between them.</summary>
    public static double? Cache(VideoGenerationOptions options, int steps)
    {
        if (options.Cache is not { } threshold)
        {
            return null;
        }
        const int fewestSteps = 3;
        return steps >= fewestSteps ? InRange("cache", threshold, LeastCache, MostCache)
            : throw new GenerationRequestException("cache", Invariant($"step caching computes the first and the last step whole, so {steps} {(steps == 1 ? "step has" : "steps have")} nothing to reuse; take {fewestSteps} or more, or leave it out."));
    }

    /// <summary>What to say of a sampler that a model does not have.</summary>
    /// <param name="what">The kind of model.</param>
    /// <param name="name">As asked for.</param>
    /// <param name="known">Those it has.</param>
    public static GenerationRequestException UnknownSampler(string what, string name, IReadOnlyList<string> known) =>
        new("sampler", $"sampler '{name}' is unknown here;{(NearestWord.Of(name, known) is { } nearest ? $" did you mean {nearest}?" : "")} {what} has {string.Join(", ", known)}.");

    /// <summary>What transformers that read T5's tokens have in common: a prompt that they can read whole, none of the inputs of picture models, and one sampler.</summary>
    public static void WordsForTransformer(string what, ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options, int textTokens, string sampler)
    {
        RequirePrompt(request);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Component("tokenizer"));
        PromptLengths(request, prompt => tokenizer.Encode(PromptText.Clean(prompt)).Length, textTokens);
        Refuse(what, ("mask", request.Mask is not null), ("image strength", options.ImageStrength is not null), ("guidance rescale", options.GuidanceRescale > 0), ("control picture", request.Control is not null));
        if (options.Sampler is { } asked && asked != sampler)
        {
            throw UnknownSampler(what, asked, [sampler]);
        }
    }

    public static double FrameRate(double value) => InRange("frame rate", value, 0.1, MaxFrameRate);

    /// <summary>A prompt that says something.</summary>
    public static void RequirePrompt(VideoGenerationRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Prompt))
        {
            throw new GenerationRequestException("prompt", "the prompt is empty; say what the clip should show.");
        }
    }

    /// <summary>Refuses prompts that an encoder of limited length would cut.</summary>
    /// <param name="request">Prompt and negative prompt.</param>
    /// <param name="count">Tokens of a text, special ones included.</param>
    /// <param name="most">Tokens that the model reads.</param>
    public static void PromptLengths(VideoGenerationRequest request, Func<string, int> count, int most)
    {
        foreach (var (name, prompt) in Prompts(request))
        {
            int tokens = count(prompt);
            if (tokens > most)
            {
                throw new GenerationRequestException(name, Invariant($"the {name} has {prompt.Length} characters, {tokens} tokens; the model reads at most {most} tokens. Shorten it to about {Math.Max(1, (long)prompt.Length * most / tokens)} characters."));
            }
        }
    }

    /// <summary>Refuses prompts whose weights are impossible. Their length has no limit: see <see cref="WeightedPrompt.Windows"/>.</summary>
    public static void WeightedPrompts(VideoGenerationRequest request)
    {
        foreach (var (name, prompt) in Prompts(request))
        {
            try
            {
                WeightedPrompt.Parse(prompt);
            }
            catch (FormatException e)
            {
                throw new GenerationRequestException(name, $"the {name} cannot be read: {e.Message}");
            }
        }
    }

    /// <summary>Refuses what a system does not use but was given: an input that is passed over in silence would be a wrong result.</summary>
    /// <param name="what">The kind of model.</param>
    /// <param name="parts">Parameter, and whether it was given.</param>
    public static void Refuse(string what, params ReadOnlySpan<(string Parameter, bool Given)> parts)
    {
        foreach (var (parameter, given) in parts)
        {
            if (given)
            {
                throw new GenerationRequestException(parameter, $"{what} takes no {parameter}.");
            }
        }
    }

    public static void Side(string name, int value, int multiple)
    {
        if (value >= multiple && value % multiple == 0 && value <= MaxSide)
        {
            return;
        }
        throw new GenerationRequestException(name, Invariant($"a {name} of {value} is impossible: it must be a multiple of {multiple} up to {MaxSide}. {Nearest(value, multiple, 0, MaxSide / multiple * multiple)}"));
    }

    public static void Frames(int value, int multiple)
    {
        if (value >= 1 && (value - 1) % multiple == 0 && value <= MaxFrames)
        {
            return;
        }
        throw new GenerationRequestException("frames", multiple == 1 ? Invariant($"a clip of {value} frames is impossible: it must have 1 to {MaxFrames}.")
            : Invariant($"a clip of {value} frames is impossible: it must have 1 + a multiple of {multiple}, up to {MaxFrames}. {Nearest(value, multiple, 1, MaxFrames)}"));
    }

    public static int InRange(string name, int value, int least, int most) =>
        value >= least && value <= most ? value
        : throw new GenerationRequestException(name, Invariant($"{name} is {value}; it must be within {least} and {most}."));

    public static double InRange(string name, double value, double least, double most) =>
        value >= least && value <= most ? value
        : throw new GenerationRequestException(name, Invariant($"{name} is {value}; it must be within {least} and {most}."));

    /// <summary>A frame at the size of the clip: cropped about the center and resized where it has another.</summary>
    public static VideoFrame Fit(VideoFrame frame, int width, int height) =>
        frame.Width == width && frame.Height == height ? frame : ImageResize.CropToAspect(frame, width, height);

    /// <summary>The frames that a clip begins with: an image, or those of a clip to continue.</summary>
    /// <param name="request">With one of them, or none.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="frames">Frames of the clip, held ones included.</param>
    /// <param name="most">Frames that the model can hold; half of the clip at most are held, so that at least half is new.</param>
    /// <param name="step">1 + a multiple of so many are held.</param>
    /// <returns>All given frames at the clip's size, how many of the last are held, and what the manifest says.</returns>
    public static (IReadOnlyList<VideoFrame> Frames, int Held, ManifestInput? Input) Given(VideoGenerationRequest request, int width, int height, int frames, int most, int step)
    {
        if (request.FirstFrame is not null && request.Continue is not null)
        {
            throw new GenerationRequestException("image", "a first image and a clip to continue were both given; give one of them.");
        }
        IReadOnlyList<VideoFrame> source = request.Continue?.Frames ?? (request.FirstFrame is { } first ? [first] : []);
        if (source.Count == 0)
        {
            return ([], 0, null);
        }
        if (frames <= 1)
        {
            throw new GenerationRequestException("frames", Invariant($"with a given first frame or clip at least {1 + step} frames are needed; {frames} were asked for."));
        }
        int held = 1 + (Math.Min(Math.Min(source.Count, most), (frames + 1) / 2) - 1) / step * step;
        var input = new ManifestInput { Kind = request.Continue is null ? "image" : "clip", HeldFrames = held, Sha256 = GenerationManifest.HashFrames(source) };
        return ([.. source.Select(f => Fit(f, width, height))], held, input);
    }

    /// <summary>The keyframes at the size of the clip, by frame, and what the manifest says of them.</summary>
    public static (IReadOnlyList<Keyframe> Fitted, IReadOnlyList<ManifestKeyframe> Inputs) Keyframes(VideoGenerationRequest request, int width, int height, int frames)
    {
        Keyframe[] ordered = [.. request.Keyframes.Select(k => k.Frame < 0 ? k with { Frame = frames + k.Frame } : k).OrderBy(k => k.Frame)];
        foreach (Keyframe keyframe in ordered)
        {
            InRange("keyframe", keyframe.Frame, 1, frames - 1);
        }
        if (ordered.DistinctBy(k => k.Frame).Count() != ordered.Length)
        {
            throw new GenerationRequestException("keyframe", "one frame was given two pictures.");
        }
        return ([.. ordered.Select(k => k with { Picture = Fit(k.Picture, width, height) })],
            [.. ordered.Select(k => new ManifestKeyframe { Frame = k.Frame, Sha256 = GenerationManifest.HashFrames([k.Picture]) })]);
    }

    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static IEnumerable<(string Name, string Text)> Prompts(VideoGenerationRequest request) =>
        [.. request.Story.Count > 0 ? request.Story.Select(p => ("prompt", p.Prompt)) : [("prompt", request.Prompt)], ("negative prompt", request.NegativePrompt), .. request.SourcePrompt is { } source ? [("words of the inversion", source)] : Array.Empty<(string, string)>()];

    // The legal values on both sides; at the ends, the first two or the last two.
    private static string Nearest(int value, int multiple, int offset, int most)
    {
        int least = offset == 0 ? multiple : offset;
        long below = value < least ? least : Math.Min(most - multiple, offset + ((long)value - offset) / multiple * multiple);
        return Invariant($"The nearest are {below} and {below + multiple}.");
    }
}
