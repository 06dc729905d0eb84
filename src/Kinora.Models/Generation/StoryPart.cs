namespace Kinora.Models.Generation;

/// <summary>A prompt for some time.</summary>
/// <param name="Prompt">What to show.</param>
/// <param name="Frames">For how many frames, at least 1.</param>
public sealed record StoryPart(string Prompt, int Frames);

/// <summary>How a system tells a story of several prompts.</summary>
public enum StoryMethod
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Clip by clip: each continues from the last frames of the one before.</summary>
    Continuation,

    /// <summary>In one clip whose frames follow prompts of their own.</summary>
    Travel,
}

/// <summary>One of the clips that a story is made of.</summary>
/// <param name="Plan">The clip; where it continues, its given frames stand for those that will be there by then.</param>
/// <param name="Part">Which part of the story, from 0.</param>
/// <param name="Frames">New frames that are kept of it.</param>
/// <param name="Continues">Whether it begins with the last frames of the clip before.</param>
public sealed record StoryClip(GenerationPlan Plan, int Part, int Frames, bool Continues);
