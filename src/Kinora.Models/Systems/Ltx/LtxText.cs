using Kinora.Engine;

namespace Kinora.Models.Systems.Ltx;

/// <summary>An embedded prompt.</summary>
/// <param name="Embeddings">Output of the text encoder, [B, K, E].</param>
/// <param name="Mask">1 at real tokens, [B, K].</param>
public sealed record LtxText(Tensor Embeddings, Tensor Mask);

/// <summary>Frames that the clip is to show.</summary>
/// <param name="Pixels">Frames in [−1, 1], [1, 3, n, H, W]: 1 + 8k of them at the clip's beginning, one anywhere else.</param>
/// <param name="Frame">The frame of the clip that the first of them is.</param>
/// <param name="Strength">1 keeps them; less lets sampling change them from noise level 1 − strength on.</param>
public sealed record LtxKnownFrames(Tensor Pixels, int Frame, double Strength = 1);
