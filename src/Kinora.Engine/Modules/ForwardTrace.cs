namespace Kinora.Engine;

/// <summary>
/// Lets a caller see what the parts of a network put out, by the parts' names: comparisons with a reference, studies of activations.
/// A part ends its Forward with <c>return scope.Keep(ForwardTrace.Report(this, y));</c>; while nobody listens that costs one field read.
/// </summary>
public static class ForwardTrace
{
    [ThreadStatic] private static Action<string, Tensor>? t_listener;

    /// <summary>Calls <paramref name="listener"/> with the name and the output of every part that reports on this thread, until disposed.</summary>
    /// <param name="listener">The tensor belongs to the part; to keep it beyond the call, take <c>output.Alias().Own()</c>.</param>
    public static ForwardTraceGuard Listen(Action<string, Tensor> listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        Action<string, Tensor>? previous = t_listener;
        t_listener = listener;
        return new ForwardTraceGuard(previous);
    }

    /// <summary>Shows the output of a part to the listener, if there is one, and returns it.</summary>
    public static Tensor Report(Module part, Tensor output)
    {
        t_listener?.Invoke(part.Path.Prefix, output);
        return output;
    }

    internal static void Restore(Action<string, Tensor>? previous) => t_listener = previous;
}

/// <summary>Ends listening when disposed.</summary>
public readonly ref struct ForwardTraceGuard
{
    private readonly Action<string, Tensor>? _previous;

    internal ForwardTraceGuard(Action<string, Tensor>? previous) => _previous = previous;

    public void Dispose() => ForwardTrace.Restore(_previous);
}
