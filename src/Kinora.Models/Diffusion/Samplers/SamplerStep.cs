using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers;

/// <summary>What a sampler knows after a step. The tensor belongs to the sampler: copy what must outlive the call.</summary>
/// <param name="Index">Steps finished, from 1.</param>
/// <param name="Count">Steps in all.</param>
/// <param name="Sigma">The noise level that the step started from.</param>
/// <param name="Denoised">The estimate of the clean latents, x − σ v.</param>
public readonly record struct SamplerStep(int Index, int Count, double Sigma, Tensor Denoised);
