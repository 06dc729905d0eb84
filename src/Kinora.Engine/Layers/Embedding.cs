namespace Kinora.Engine.Layers;

/// <summary>A table of vectors, one for each id.</summary>
public sealed class Embedding : Module
{
    private readonly Tensor _weight;

    public Embedding(ParameterPath path, long count, long dim, Init? init = null) : base(path) =>
        _weight = path.Create("weight", [count, dim], init ?? Init.Normal(0.02));

    public Tensor Weight => _weight;

    public Tensor Forward(Tensor ids) => F.Embedding(ids, _weight);                     // int64 [..] → [.., D]
}
