namespace Kinora.Engine.Layers;

/// <summary>y = x Wᵀ + b. Inside <see cref="Autocast"/> the product runs in its type, else in the type of the weight.</summary>
public sealed class Linear : Module
{
    private readonly Tensor _weight;
    private readonly Tensor? _bias;

    public Linear(ParameterPath path, long inFeatures, long outFeatures, bool bias = true, Init? init = null, Init? biasInit = null) : base(path)
    {
        _weight = path.Create("weight", [outFeatures, inFeatures], init ?? Init.XavierUniform);
        _bias = bias ? path.Create("bias", [outFeatures], biasInit ?? Init.Zeros) : null;
    }

    public Tensor Weight => _weight;
    public Tensor? Bias => _bias;

    public Tensor Forward(Tensor x)                                                    // [.., in] → [.., out]
    {
        DType t = Autocast.Target ?? _weight.DType;
        return F.Linear(x.To(t), _weight.To(t), _bias?.To(t));
    }
}
