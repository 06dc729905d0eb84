using Kinora.Engine;

namespace Kinora.Models.Systems.Wan;

/// <summary>What a clip is to follow, as the transformer reads it.</summary>
/// <param name="Text">Embedded prompt, zero beyond it, [B, K, E].</param>
/// <param name="NegativeText">Embedded negative prompt, [B, K, E]; null without guidance.</param>
/// <param name="Image">Tokens of the image encoder, as <see cref="WanTransformer.Forward"/> takes them; null without one.</param>
/// <param name="Concatenated">Mask and latents of known frames that are concatenated to the noisy latents, [B, C, f, h, w]; null for none.</param>
/// <param name="KnownLatents">Latents of the clip's first n latent frames, which stay, [B, Z, n, h, w]; null for none.</param>
public sealed record WanConditioning(Tensor Text, Tensor? NegativeText, Tensor? Image = null, Tensor? Concatenated = null, Tensor? KnownLatents = null);
