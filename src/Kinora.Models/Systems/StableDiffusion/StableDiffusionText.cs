using Kinora.Engine;
using Kinora.Models.Systems.Clip;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>A prompt as the U-Net reads it.</summary>
/// <param name="States">What the transformers attend to, [B, K, E].</param>
/// <param name="Pooled">XL: one vector for the whole prompt, [B, E']; null for the others.</param>
public sealed record StableDiffusionText(Tensor States, Tensor? Pooled)
{
    /// <summary>
    /// From token ids. One encoder gives its last states (Stable Diffusion 1 and 2; the published encoders of 2 leave out their last layer
    /// already); a second, with projection, makes it XL: the states before the last layer of both side by side, and its projected vector.
    /// Podell et al., "SDXL", arXiv:2307.01952, section 2.1.
    /// </summary>
    /// <param name="first">Null only for the refiner of XL, which has the second encoder alone.</param>
    /// <param name="firstIds">Ids for it, int64 [B, K].</param>
    /// <param name="second">Null for Stable Diffusion 1 and 2.</param>
    /// <param name="secondIds">Ids for it, int64 [B, K].</param>
    public static StableDiffusionText Encode(ClipTextModel? first, Tensor firstIds, ClipTextModelWithProjection? second, Tensor secondIds)
    {
        using var scope = TensorScope.Enter();
        if (second is null)
            return new StableDiffusionText(scope.Keep(first!.Forward(firstIds).LastHiddenState), null);
        var projected = second.Forward(secondIds);
        Tensor penultimate = projected.HiddenStates[^2], pooled = projected.TextEmbeds!;
        var states = first is null ? penultimate : Tensor.Cat([first.Forward(firstIds).HiddenStates[^2], penultimate], -1);
        return new StableDiffusionText(scope.Keep(states), scope.Keep(pooled));
    }

    /// <summary>All zeros in the same shapes: what XL was trained with in the place of an empty prompt.</summary>
    public StableDiffusionText Zeros() => new(Tensor.ZerosLike(States), Pooled is null ? null : Tensor.ZerosLike(Pooled));

    // Both take part in one batch: first the negative, then the prompt, the order that guidance expects.
    internal StableDiffusionText After(StableDiffusionText negative)
    {
        using var scope = TensorScope.Enter();
        return new StableDiffusionText(scope.Keep(Tensor.Cat([negative.States, States], 0)), Pooled is null ? null : scope.Keep(Tensor.Cat([negative.Pooled!, Pooled], 0)));
    }
}
