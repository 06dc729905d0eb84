using Kinora.Engine;

namespace Kinora.Training.Loop;

/// <summary>What the loop needs to know about a stage: what moves, and the loss of one part of one step.</summary>
internal interface ITrainingStage : IDisposable
{
    /// <summary>The stage's name: its folder and its line in the progress.</summary>
    string Name { get; }

    /// <summary>The parameters that the optimizer moves, in a fixed order.</summary>
    IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    /// <summary>Names of the values that <see cref="Loss"/> reports, the loss first.</summary>
    IReadOnlyList<string> Metrics { get; }

    /// <summary>Floating-point operations of one sample's forward and backward pass, in units of 10⁹; 0 when unknown.</summary>
    double GigaflopsPerSample { get; }

    /// <summary>Whether the parameter of this name maps hidden features to hidden features, so that Muon may orthogonalize its updates.</summary>
    bool IsHiddenMatrix(string name) => false;

    /// <summary>Data are drawn by step, so that a resumed run sees what the first run would have seen.</summary>
    void Start(long firstStep);

    /// <summary>
    /// The loss of part <paramref name="part"/> of this process's share of the batch of <paramref name="step"/>, and the metrics
    /// (detached scalars, the loss first). Both are means over the part's samples.
    /// </summary>
    (Tensor Loss, Tensor[] Metrics) Loss(long step, int part);

    /// <summary>Writes validation pictures or clips into <paramref name="folder"/>, with the averaged weights in place. Returns one line about them, or null.</summary>
    string? Sample(long step, string folder);
}
