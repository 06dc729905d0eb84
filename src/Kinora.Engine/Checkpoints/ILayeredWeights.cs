namespace Kinora.Engine.Checkpoints;

/// <summary>
/// Weights with changes on top of a base. Reading a tensor gives the changed values; a matrix or kernel may stay as the base has it and take
/// its changes each time its layer runs.
/// </summary>
public interface ILayeredWeights : IWeights
{
    /// <summary>The weights without changes.</summary>
    IWeights Base { get; }

    /// <summary>Whether a weight takes its changes on use.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="staysStored">Whether the weight itself is decoded on use, so that changing its values would mean keeping them decoded.</param>
    bool IsLayered(string name, bool staysStored);

    /// <summary>A weight that takes its changes on use.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="weight">The weight without changes; owned by the result.</param>
    Weight Over(string name, Weight weight);
}
