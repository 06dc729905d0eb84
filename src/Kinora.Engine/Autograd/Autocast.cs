namespace Kinora.Engine;

/// <summary>
/// Mixed precision: inside <see cref="Enter"/>, matrix products and convolutions of layers run in a 16-bit type while weights,
/// residual sums, norms and softmax stay in float32. Layers ask <see cref="Target"/>; no operator changes type behind one's back.
/// </summary>
public static class Autocast
{
    [ThreadStatic] private static DType? t_target;

    /// <summary>The type that matrix products run in now; null means the type of their weights.</summary>
    public static DType? Target => t_target;

    /// <summary>Sets the type until disposed; float32 or null switches mixed precision off.</summary>
    public static AutocastGuard Enter(DType? dtype)
    {
        DType? previous = t_target;
        t_target = dtype == DType.Float32 ? null : dtype;
        return new AutocastGuard(previous);
    }

    internal static void Restore(DType? previous) => t_target = previous;
}

/// <summary>Restores the mixed-precision type when disposed.</summary>
public readonly ref struct AutocastGuard
{
    private readonly DType? _previous;

    internal AutocastGuard(DType? previous) => _previous = previous;

    public void Dispose() => Autocast.Restore(_previous);
}
