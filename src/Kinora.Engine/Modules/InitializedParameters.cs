using Kinora.Engine.Random;

namespace Kinora.Engine;

/// <summary>Fresh parameters for training. Values depend on the seed and the name alone, not on the order of creation or the device.</summary>
public sealed class InitializedParameters(ulong seed) : IParameterSource
{
    public bool Trainable => true;

    public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device)
    {
        ArgumentNullException.ThrowIfNull(fullName);
        ArgumentNullException.ThrowIfNull(init);
        long count = 1;
        foreach (long s in shape)
            count *= s;
        var values = new float[count];
        init.Fill(values, shape, new Generator(seed, NameHash(fullName)));
        using var scope = TensorScope.Enter();
        // A copy when the type is float32 already: To returns the same tensor then, and the scope must not free it.
        return scope.Keep(Tensor.FromArray<float>(values, shape).To(dtype).To(device));
    }

    // FNV-1a, 64 bits: stable across processes, unlike string.GetHashCode.
    private static ulong NameHash(string name)
    {
        ulong h = 14695981039346656037;
        foreach (char c in name)
            h = (h ^ c) * 1099511628211;
        return h;
    }
}
