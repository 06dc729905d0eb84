using Kinora.Engine;
using Kinora.Models.Generation;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>
/// A story for a network that reads text for every frame: each frame has the embedding of its part, and around a border the two embeddings
/// are mixed, as s9roll7/animatediff-cli-prompt-travel does between the frames that have prompts.
/// </summary>
internal static class PromptTravel
{
    // Frames before and after a border over which one text turns into the next.
    private const int Reach = 2;

    /// <summary>Text for every frame, [F, K, E].</summary>
    /// <param name="texts">One for each part, [1, K, E].</param>
    /// <param name="story">The parts.</param>
    public static Tensor Frames(IReadOnlyList<Tensor> texts, IReadOnlyList<StoryPart> story)
    {
        using var scope = TensorScope.Enter();
        var frames = new List<Tensor>();
        for (int part = 0; part < story.Count; part++)
        {
            int length = story[part].Frames;
            for (int f = 0; f < length; f++)
            {
                double toNext = part + 1 < story.Count ? Share(length - f - 0.5, Math.Min(Reach, Math.Min(length, story[part + 1].Frames) / 2.0)) : 0;
                double toLast = part > 0 ? Share(f + 0.5, Math.Min(Reach, Math.Min(length, story[part - 1].Frames) / 2.0)) : 0;
                frames.Add(toNext > 0 ? texts[part].Lerp(texts[part + 1], toNext) : toLast > 0 ? texts[part].Lerp(texts[part - 1], toLast) : texts[part]);
            }
        }
        return scope.Keep(Tensor.Cat([.. frames], 0));
    }

    // Of the other part's text in a frame at a distance from the border: half at the border, nothing from the reach on.
    private static double Share(double distance, double reach) => Math.Max(0, 0.5 * (1 - distance / reach));
}
