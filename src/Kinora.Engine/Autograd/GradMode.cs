using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>Whether operators record a graph on this thread. Each guard restores what was before.</summary>
public static class GradMode
{
    public static bool IsEnabled
    {
        get
        {
            EngineRuntime.EnsureStarted();
            return NativeMethods.kn_grad_mode(-1) == 1;
        }
    }

    /// <summary>Records nothing until disposed.</summary>
    public static GradGuard NoGrad() => new(false);

    /// <summary>Records again inside a NoGrad region.</summary>
    public static GradGuard Enable() => new(true);

    /// <summary>Records nothing and keeps no version counters: the fastest mode. Its tensors can never take part in training.</summary>
    public static InferenceGuard Inference() => new(enter: true);
}

/// <summary>Restores the recording mode when disposed.</summary>
public readonly ref struct GradGuard
{
    private readonly int _previous;

    internal GradGuard(bool enabled)
    {
        EngineRuntime.EnsureStarted();
        _previous = NativeMethods.kn_grad_mode(enabled ? 1 : 0);
    }

    public void Dispose() => _ = NativeMethods.kn_grad_mode(_previous);
}

/// <summary>Leaves inference mode when disposed.</summary>
public readonly ref struct InferenceGuard
{
    private readonly nint _guard;

    internal InferenceGuard(bool enter)
    {
        EngineRuntime.EnsureStarted();
        _guard = NativeLoader.Check(NativeMethods.kn_inference_enter(enter ? 1 : 0));
    }

    public void Dispose() => NativeMethods.kn_inference_exit(_guard);
}
