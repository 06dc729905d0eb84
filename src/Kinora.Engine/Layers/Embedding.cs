namespace Kinora.Engine.Layers;

/// <summary>A table of vectors, one for each id.</summary>
public sealed class Embedding : Module
{
    private readonly Weight _weight;

    public Embedding(ParameterPath path, long count, long dim, Init? init = null) : base(path) =>
        _weight = path.CreateWeight("weight", [count, dim], init ?? Init.Normal(0.02));

    public Weight Weight => _weight;

    public Tensor Forward(Tensor ids) => _weight.Rows(ids);                             // int64 [..] → [.., D]
}
