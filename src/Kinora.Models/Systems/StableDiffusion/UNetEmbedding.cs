using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>What the conditions of a U-Net or ControlNet are embedded by; the words are those of its configuration.</summary>
internal sealed record UNetEmbeddingShape(
    int PhaseDim, int TembDim, bool FlipSinToCos, double FreqShift, int? TimeCondProjDim, string? ClassEmbedType, int? NumClassEmbeds, bool ClassEmbeddingsConcat,
    string? AdditionEmbedType, int AdditionTimeEmbedDim, int ProjectionDim);

// Timestep, class, and added conditions (text and sizes of XL) in one vector.
// Papers: Podell et al., "SDXL", arXiv:2307.01952, section 2.2; Luo et al., "Latent Consistency Models", arXiv:2310.04378, section 4.3.
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_2d_condition.py. The parameters stand beside the blocks, not below a name of their own.
//
// Shapes    B batch  T width of the timestep embedding  N added numbers  E' width of the pooled text
internal sealed class UNetEmbedding
{
    private readonly UNetEmbeddingShape _shape;
    private readonly TimestepEmbedding _timeEmbedding;
    private readonly TimestepEmbedding? _addEmbedding;
    private readonly Func<Tensor, Tensor>? _embedClass;

    public UNetEmbedding(ParameterPath path, UNetEmbeddingShape shape)
    {
        _shape = shape;
        _timeEmbedding = new TimestepEmbedding(path["time_embedding"], shape.PhaseDim, shape.TembDim, shape.TimeCondProjDim);
        _embedClass = ClassEmbedding(path["class_embedding"]);
        _addEmbedding = shape.AdditionEmbedType is null ? null : new TimestepEmbedding(path["add_embedding"], shape.ProjectionDim, shape.TembDim);
    }

    /// <summary>[B, T], or [B, 2T] where the class is put beside the timestep.</summary>
    public Tensor Forward(long batch, Tensor timestep, UNetConditions conditions)                // [1] or [B]
    {
        using var scope = TensorScope.Enter();
        var temb = _timeEmbedding.Forward(Phases(timestep.Expand(batch), _shape.PhaseDim), conditions.TimestepCondition); // [B, T]
        if (_embedClass is not null)
        {
            var label = _embedClass(conditions.ClassLabels ?? throw Missing("class labels"));
            temb = _shape.ClassEmbeddingsConcat ? Tensor.Cat([temb, label], -1) : temb + label;
        }
        if (_addEmbedding is not null)
        {
            var pooled = conditions.PooledText ?? throw Missing("pooled text");                  // [B, E']
            var numbers = conditions.TimeIds ?? throw Missing("time ids");                       // [B, N]
            var added = Phases(numbers.Flatten(), _shape.AdditionTimeEmbedDim).Reshape(batch, -1);
            temb = temb + _addEmbedding.Forward(Tensor.Cat([pooled.To(DType.Float32), added], -1));
        }
        return scope.Keep(temb);
    }

    private Tensor Phases(Tensor t, int dim) => TimestepPhases.Forward(t, dim, _shape.FlipSinToCos, _shape.FreqShift);

    private Func<Tensor, Tensor>? ClassEmbedding(ParameterPath path)
    {
        switch (_shape.ClassEmbedType)
        {
            case "timestep":
                var embedding = new TimestepEmbedding(path, _shape.PhaseDim, _shape.TembDim);
                return t => embedding.Forward(Phases(t, _shape.PhaseDim));
            case "projection":
                var projection = new TimestepEmbedding(path, _shape.ProjectionDim, _shape.TembDim);
                return labels => projection.Forward(labels);
            case "simple_projection":
                return new Linear(path, _shape.ProjectionDim, _shape.TembDim, init: Init.TorchLinear).Forward;
            case "identity":
                return labels => labels;
            default:
                return _shape.NumClassEmbeds is { } count ? new Embedding(path, count, _shape.TembDim).Forward : null;
        }
    }

    private ShapeException Missing(string what) =>
        new($"this U-Net needs {what} (`class_embed_type` {_shape.ClassEmbedType ?? "null"}, `addition_embed_type` {_shape.AdditionEmbedType ?? "null"}); none were given.");
}
