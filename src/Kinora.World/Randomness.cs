namespace Kinora.World;

/// <summary>A stream of numbers that depends on its seed alone: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).</summary>
public struct Randomness(ulong seed)
{
    private ulong _state = seed;

    /// <summary>An independent stream for one purpose.</summary>
    public static Randomness For(ulong seed, ulong purpose) => new(Mix(seed ^ Mix(purpose + 0x9E3779B97F4A7C15)));

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        return Mix(_state);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    public double Range(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>Uniform in 0 … count − 1.</summary>
    public int NextInt(int count) => (int)(((UInt128)Next() * (uint)count) >> 64);

    public bool Chance(double probability) => NextDouble() < probability;

    public T Pick<T>(IReadOnlyList<T> items) => items[NextInt(items.Count)];

    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
