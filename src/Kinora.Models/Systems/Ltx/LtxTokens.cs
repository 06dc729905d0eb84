using Kinora.Engine;

namespace Kinora.Models.Systems.Ltx;

// The token sequence that the transformer sees: the clip's latents, and in front of them tokens of known frames that are not at its beginning.
// Papers: HaCohen et al., arXiv:2501.00103, section 2.4 (a noise level for every token); the order of tokens and the coordinates of known
// frames follow huggingface/diffusers d035dcd7, pipelines/ltx/pipeline_ltx_condition.py.
//
// Shapes    S tokens, S' of them in front of the clip's  C channels  f,h,w latent frames, height, width

/// <summary>Tokens with what each of them knows.</summary>
/// <param name="Latents">Noise, and the latents of known frames, [1, S, C].</param>
/// <param name="Strength">1 at known tokens, 0 at noise, between them where known frames may change, [1, S].</param>
/// <param name="Coordinates">Second, row and column, [S, 3].</param>
/// <param name="InFront">How many tokens stand in front of the clip's.</param>
internal sealed record LtxTokens(Tensor Latents, Tensor Strength, Tensor Coordinates, long InFront)
{
    /// <summary>Latents [B, C, f, h, w] as tokens [B, f·h·w, C] in (frame, row, column) order.</summary>
    public static Tensor Pack(Tensor latents)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(latents.Flatten(2).Transpose(1, 2).Contiguous());
    }

    /// <summary>The inverse of <see cref="Pack"/>.</summary>
    public static Tensor Unpack(Tensor tokens, long frames, long rows, long columns)
    {
        using var scope = TensorScope.Enter();
        var (b, _, c) = tokens.Dims3();
        return scope.Keep(tokens.Transpose(1, 2).Reshape(b, c, frames, rows, columns));
    }
}
