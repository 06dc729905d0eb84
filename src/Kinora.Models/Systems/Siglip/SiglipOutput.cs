using Kinora.Engine;

namespace Kinora.Models.Systems.Siglip;

/// <summary>What a SigLIP encoder makes of prompts or pictures.</summary>
/// <param name="LastHiddenState">Normed vectors of the last layer, [B, L, D].</param>
/// <param name="Pooled">One vector each, [B, P]; for pictures P = D. Null for an image encoder without head.</param>
/// <param name="HiddenStates">The embeddings and the result of every layer, none of them normed.</param>
public sealed record SiglipOutput(Tensor LastHiddenState, Tensor? Pooled, IReadOnlyList<Tensor> HiddenStates);
