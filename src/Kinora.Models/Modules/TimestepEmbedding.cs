using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// The two-layer perceptron that turns timestep phases (or class and added conditions) into what residual blocks read.
// Names follow huggingface/diffusers d035dcd7, models/embeddings.py (TimestepEmbedding).
//
// Shapes    B batch  P width of the phases  T width of the embedding  K width of a guidance embedding (latent consistency models)
public sealed class TimestepEmbedding : Module
{
    private readonly Linear _linear1, _linear2;
    private readonly Linear? _condProj;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="inDim">P.</param>
    /// <param name="dim">T.</param>
    /// <param name="condDim">K; null without.</param>
    /// <param name="outDim">Width of the result when it is not T.</param>
    public TimestepEmbedding(ParameterPath path, int inDim, int dim, int? condDim = null, int? outDim = null) : base(path)
    {
        _linear1 = new Linear(path["linear_1"], inDim, dim, init: Init.TorchLinear);
        _condProj = condDim is { } k ? new Linear(path["cond_proj"], k, inDim, bias: false, init: Init.TorchLinear) : null;
        _linear2 = new Linear(path["linear_2"], dim, outDim ?? dim, init: Init.TorchLinear);
    }

    /// <param name="phases">[B, P]</param>
    /// <param name="condition">[B, K], added to the phases by a projection; null for none.</param>
    /// <exception cref="ShapeException">A condition was given to an embedding without one.</exception>
    public Tensor Forward(Tensor phases, Tensor? condition = null)
    {
        using var scope = TensorScope.Enter();
        if (condition is not null)
            phases += (_condProj ?? throw new ShapeException($"{Path}: a timestep condition was given; this network has none (`time_cond_proj_dim` is null).")).Forward(condition);
        return scope.Keep(ForwardTrace.Report(this, _linear2.Forward(F.Silu(_linear1.Forward(phases))))); // [B, T]
    }
}
