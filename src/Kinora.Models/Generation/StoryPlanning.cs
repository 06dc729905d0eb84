// A story clip by clip: each clip has the length that its model was made for, or less, and holds the last frames of the one before.

using Kinora.Media;

namespace Kinora.Models.Generation;

/// <summary>Plans the clips of a story.</summary>
internal static class StoryPlanning
{
    private const string Separator = "; ";
    private const int MostClips = 1000;

    /// <summary>The prompts of a story in one line.</summary>
    public static string Words(IEnumerable<StoryPart> story) => string.Join(Separator, story.Select(p => p.Prompt));

    /// <summary>Checks what any story must have.</summary>
    /// <exception cref="GenerationRequestException">It has not.</exception>
    public static void Check(VideoGenerationRequest request, VideoGenerationOptions options)
    {
        RequestChecks.Refuse("a story", ("prompt beside its own", request.Prompt.Length > 0), ("clip to continue", request.Continue is not null), ("keyframe", request.Keyframes.Count > 0),
            ("mask", request.Mask is not null), ("controlling picture", request.Control is not null));
        int total = 0;
        foreach (StoryPart part in request.Story)
        {
            if (string.IsNullOrWhiteSpace(part.Prompt) || part.Frames < 1)
            {
                throw new GenerationRequestException("story", RequestChecks.Invariant($"every part of a story has a prompt and at least 1 frame; one has \"{part.Prompt}\" and {part.Frames}."));
            }
            total = checked(total + part.Frames);
        }
        if (options.Frames is { } frames && frames != total)
        {
            throw new GenerationRequestException("frames", RequestChecks.Invariant($"the story has {total} frames, {frames} were asked for."));
        }
    }

    /// <summary>A plan whose clips follow one another.</summary>
    /// <param name="request">With a story that <see cref="Check"/> passed.</param>
    /// <param name="options">As for one clip.</param>
    /// <param name="plan">Plans one clip.</param>
    public static GenerationPlan Continue(VideoGenerationRequest request, VideoGenerationOptions options, Func<VideoGenerationRequest, VideoGenerationOptions, GenerationPlan> plan)
    {
        options = options with { Frames = null, Seed = RequestChecks.Seed(options) };
        GenerationPlan usual = plan(request with { Story = [], Prompt = request.Story[0].Prompt }, options);
        VideoFrame black = new(usual.Width, usual.Height, new byte[usual.Width * usual.Height * 3]);
        var clips = new List<StoryClip>();
        int made = 0;
        for (int part = 0; part < request.Story.Count; part++)
        {
            var (prompt, left) = (request.Story[part].Prompt, request.Story[part].Frames);
            while (left > 0)
            {
                bool continues = made > 0;
                VideoGenerationRequest one = request with { Story = [], Prompt = prompt };
                if (continues)
                {
                    one = one with { FirstFrame = null, Continue = new Clip([.. Enumerable.Repeat(black, Math.Min(made, usual.Frames))], usual.FrameRate) };
                }
                GenerationPlan clip = Fitting(left, continues, usual, frames => plan(one, options with { Frames = frames, Width = usual.Width, Height = usual.Height, FrameRate = usual.FrameRate }));
                int fresh = Math.Min(left, clip.Frames - (continues ? clip.HeldFrames : 0));
                clips.Add(new StoryClip(clip with { StoryPrompts = [.. request.Story.Select(p => p.Prompt)] }, part, fresh, continues));
                (left, made) = (left - fresh, made + fresh);
                if (clips.Count > MostClips)
                {
                    throw new GenerationRequestException("story", RequestChecks.Invariant($"the story needs more than {MostClips} clips of {usual.Frames} frames."));
                }
            }
        }
        return usual with
        {
            Prompt = Words(request.Story), Frames = made, Clips = clips, Story = request.Story, NetworkCalls = clips.Sum(c => c.Plan.NetworkCalls), Flops = clips.Sum(c => c.Plan.Flops),
            Memory = usual.Memory with { Phases = [.. clips.SelectMany(c => c.Plan.Memory.Phases)], FrameBytes = clips.Max(c => c.Plan.Memory.FrameBytes) + (long)made * usual.Width * usual.Height * 3 }, HeldFrames = clips[0].Plan.HeldFrames, GivenFrames = clips[0].Plan.GivenFrames, Input = clips[0].Plan.Input,
        };
    }

    // The shortest clip with enough new frames that holds as many as the model's usual clip would, or the usual one.
    private static GenerationPlan Fitting(int left, bool continues, GenerationPlan usual, Func<int, GenerationPlan> plan)
    {
        int step = usual.FrameStep, held = continues ? plan(usual.Frames).HeldFrames : 0;
        GenerationPlan clip = plan(Legal(left + held));
        // At most half of a clip is held, so that a short one may hold less.
        return clip.HeldFrames >= held ? clip : plan(Legal(Math.Max(left + held, 2 * held - 1)));

        // 1 + a multiple of the step, at least one step: a lone picture cannot be continued.
        int Legal(int count) => Math.Min(usual.Frames, 1 + Math.Max(step, (count + step - 2) / step * step));
    }
}
