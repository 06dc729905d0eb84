using Kinora.Engine;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>What a Stable Diffusion U-Net reads besides latents, timestep and text; each only where the network has it.</summary>
public sealed record UNetConditions
{
    /// <summary>No conditions.</summary>
    public static UNetConditions None { get; } = new();

    /// <summary>1 or true at text tokens that take part, [B, K]; all when null.</summary>
    public Tensor? TextMask { get; init; }
    /// <summary>Class numbers [B], or what the class embedding projects [B, ·].</summary>
    public Tensor? ClassLabels { get; init; }
    /// <summary>Guidance embedding [B, K] of latent consistency models.</summary>
    public Tensor? TimestepCondition { get; init; }
    /// <summary>XL: the pooled output of the second text encoder, [B, E'].</summary>
    public Tensor? PooledText { get; init; }
    /// <summary>XL: original height and width, top and left of the crop, target height and width, [B, 6].</summary>
    public Tensor? TimeIds { get; init; }
    /// <summary>A ControlNet's residuals for every intermediate of the way down, from fine to coarse.</summary>
    public IReadOnlyList<Tensor>? DownResiduals { get; init; }
    /// <summary>A ControlNet's residual for the middle.</summary>
    public Tensor? MidResidual { get; init; }

    // What is added to the scores of the text, as the reference has it: [B, 1, 1, K].
    internal Tensor? AdditiveTextMask()
    {
        const double Excluded = -10_000;
        if (TextMask is null) return null;
        using var scope = TensorScope.Enter();
        return scope.Keep(((1 - TextMask.To(DType.Float32)) * Excluded).Unsqueeze(1).Unsqueeze(1));
    }
}
