// A random stream on the host: the only source of randomness in Kinora, so that a seed means the same noise on every device.
//
// Layout    key = seed; counter = (block in the low 64 bits, stream in the high 64 bits); each block gives four 32-bit words x0 x1 x2 x3.
//           Scalars take words in order (a 64-bit value is low word first). A fill starts at a fresh block:
//           uniform element i is word i mod 4 of block i / 4; normal elements 2j and 2j+1 are the Box–Muller pair of block j.
// Numerics  Box–Muller in double with our own logarithm, sine and cosine, built from IEEE operations only: the C library's
//           differ in the last place between processors, ours do not.

namespace Kinora.Engine.Random;

/// <summary>
/// A deterministic random stream. Two generators with different seeds or different streams are independent;
/// give every sample of a batch its own, so that a seed draws the same noise whatever the batch size.
/// Not thread-safe: one generator, one user.
/// </summary>
public sealed partial class Generator
{
    private readonly uint[] _words = new uint[4];
    private ulong _seed, _stream, _block;
    private int _used = 4;

    /// <summary>Starts at the beginning of stream <paramref name="stream"/> of <paramref name="seed"/>.</summary>
    public Generator(ulong seed, ulong stream = 0)
    {
        _seed = seed;
        _stream = stream;
    }

    /// <summary>Continues from a saved state.</summary>
    public Generator(GeneratorState state) => State = state;

    /// <summary>The seed this generator was made with.</summary>
    public ulong Seed => _seed;

    /// <summary>The position in the sequence; setting it rewinds or forwards exactly.</summary>
    public GeneratorState State
    {
        get => new(_seed, _stream, _block, _used);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value.Used, nameof(value));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Used, 4, nameof(value));
            (_seed, _stream, _block, _used) = value;
            if (_used < 4)
            {
                Compute(_block - 1);
            }
        }
    }

    /// <summary>The generator of sample <paramref name="index"/> under <paramref name="seed"/>: sample i of a batch and sample i alone draw alike.</summary>
    public static Generator ForSample(ulong seed, int index) => new(seed + (ulong)index);

    /// <summary>An independent generator derived from this one's seed and stream and a purpose number; does not advance this one.</summary>
    public Generator Derive(ulong purpose)
    {
        var (x0, x1, x2, x3) = Philox.Block((uint)purpose, (uint)(purpose >> 32), (uint)_stream ^ 0xA5A5A5A5, (uint)(_stream >> 32) ^ 0x5A5A5A5A, (uint)_seed, (uint)(_seed >> 32));
        return new Generator(x0 | ((ulong)x1 << 32), x2 | ((ulong)x3 << 32));
    }

    /// <summary>The next 32 random bits.</summary>
    public uint NextUInt32()
    {
        if (_used == 4)
        {
            Compute(_block++);
            _used = 0;
        }
        return _words[_used++];
    }

    /// <summary>The next 64 random bits (low word first).</summary>
    public ulong NextUInt64()
    {
        ulong low = NextUInt32();
        return low | ((ulong)NextUInt32() << 32);
    }

    /// <summary>Uniform in [0, 1) with 53 random bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform integer in [0, <paramref name="n"/>), without bias.</summary>
    public int NextInt(int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(n);
        // Lemire's multiply-shift with rejection (arXiv:1805.10941, algorithm 5).
        ulong product = (ulong)NextUInt32() * (uint)n;
        if ((uint)product < (uint)n)
        {
            uint threshold = (uint)(-(long)n & 0xFFFFFFFF) % (uint)n;
            while ((uint)product < threshold)
            {
                product = (ulong)NextUInt32() * (uint)n;
            }
        }
        return (int)(product >> 32);
    }

    /// <summary>Uniform integer in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    public int NextInt(int low, int high) => low + NextInt(checked(high - low));

    /// <summary>True with probability <paramref name="probability"/>.</summary>
    public bool NextBool(double probability) => NextDouble() < probability;

    /// <summary>One standard normal value in double precision.</summary>
    public double NextNormal()
    {
        ulong first = NextUInt64();
        ulong second = NextUInt64();
        return BoxMuller.Pair(first, second).First;
    }

    /// <summary>Fills with uniform values in [0, 1), 24 random bits each.</summary>
    public void FillUniform(Span<float> values)
    {
        StartFill();
        for (int i = 0; i < values.Length; i += 4)
        {
            Compute(_block++);
            for (int k = 0; k < 4 && i + k < values.Length; k++)
            {
                values[i + k] = (_words[k] >> 8) * (1f / 16777216f);
            }
        }
    }

    /// <summary>Fills with standard normal values.</summary>
    public void FillNormal(Span<float> values)
    {
        StartFill();
        for (int i = 0; i < values.Length; i += 2)
        {
            Compute(_block++);
            var (first, second) = BoxMuller.Pair(_words[0] | ((ulong)_words[1] << 32), _words[2] | ((ulong)_words[3] << 32));
            values[i] = (float)first;
            if (i + 1 < values.Length)
            {
                values[i + 1] = (float)second;
            }
        }
    }

    /// <summary>Random order in place (Fisher–Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private void StartFill() => _used = 4;

    private void Compute(ulong block)
        => (_words[0], _words[1], _words[2], _words[3]) = Philox.Block((uint)block, (uint)(block >> 32), (uint)_stream, (uint)(_stream >> 32), (uint)_seed, (uint)(_seed >> 32));
}
