namespace Kinora.Engine.Checkpoints;

/// <summary>A tensor that is made when its turn to be written comes.</summary>
/// <param name="Name">The parameter name.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="DType">The type to store it in.</param>
/// <param name="Read">Makes it; what it makes is freed once it is written.</param>
public sealed record TensorToWrite(string Name, long[] Shape, DType DType, Func<Tensor> Read);
