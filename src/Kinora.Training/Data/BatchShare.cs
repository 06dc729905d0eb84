namespace Kinora.Training.Data;

/// <summary>
/// Which samples of a step belong to this process and to each of its parts. Samples count over all steps and processes:
/// step s has the samples s·B … s·B + B − 1, whoever computes them.
/// </summary>
internal sealed record BatchShare(int BatchSize, int Rank, int WorldSize, int Parts)
{
    /// <summary>Samples in one part.</summary>
    public int PartSize => BatchSize / WorldSize / Parts;

    /// <summary>The first sample of a part; the others follow.</summary>
    public long First(long step, int part) => step * BatchSize + (long)Rank * (BatchSize / WorldSize) + (long)part * PartSize;
}
