namespace Kinora.Engine.Layers;

/// <summary>y = x Wᵀ + b. Inside <see cref="Autocast"/> the product runs in its type, else in the type of the weight.</summary>
public sealed class Linear : Module
{
    private readonly Weight _weight;
    private readonly Tensor? _bias;

    public Linear(ParameterPath path, long inFeatures, long outFeatures, bool bias = true, Init? init = null, Init? biasInit = null) : base(path)
    {
        _weight = path.CreateWeight("weight", [outFeatures, inFeatures], init ?? Init.XavierUniform);
        _bias = bias ? path.Create("bias", [outFeatures], biasInit ?? Init.Zeros) : null;
    }

    public Weight Weight => _weight;
    public Tensor? Bias => _bias;

    public Tensor Forward(Tensor x)                                                    // [.., in] → [.., out]
    {
        using var scope = TensorScope.Enter();
        DType t = Autocast.Target ?? _weight.DType;
        Tensor input = x.To(t);
        return scope.Keep(_weight.Apply(t, _bias?.To(t), (w, b) => F.Linear(input, w, b), channels: -1));
    }
}
