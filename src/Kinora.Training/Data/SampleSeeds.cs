using Kinora.Engine.Random;

namespace Kinora.Training.Data;

/// <summary>What randomness is for; each purpose has its own streams, so that none disturbs another.</summary>
internal enum Purpose
{
    CodecScene = 1,
    CodecNoise = 2,
    TextScene = 3,
    LatentScene = 4,
    GeneratorNoise = 5,
    GeneratorOrder = 6,
    GeneratorBatch = 7,
    TokenizerCorpus = 8,
    Validation = 9,
    ClipScene = 10,
    ClipDisturbance = 11,
    DatasetOrder = 12,
}

/// <summary>Generators addressed by purpose and sample number. A sample's number counts over all processes, so data-parallel runs draw what one process would.</summary>
internal static class SampleSeeds
{
    public static Generator For(ulong seed, Purpose purpose, long sample) => new(new Generator(seed).Derive((ulong)purpose).NextUInt64(), (ulong)sample);

    /// <summary>A 64-bit seed for code that takes seeds.</summary>
    public static ulong Seed(ulong seed, Purpose purpose, long sample) => For(seed, purpose, sample).NextUInt64();

    /// <summary>The seed of a sample's wording: what its generator draws after <see cref="Seed"/>.</summary>
    public static ulong Wording(ulong seed, Purpose purpose, long sample)
    {
        var random = For(seed, purpose, sample);
        random.NextUInt64();
        return random.NextUInt64();
    }
}
