using Kinora.Engine;

namespace Kinora.Evaluation.Speed;

/// <summary>How a case's time is told.</summary>
public enum SpeedUnit
{
    /// <summary>Microseconds of one item; less is better.</summary>
    MicrosecondsPerItem,
    /// <summary>Milliseconds of one run; less is better.</summary>
    Milliseconds,
    /// <summary>Items in a second; more is better.</summary>
    ItemsPerSecond,
}

/// <summary>One thing to time.</summary>
/// <param name="Name">What it is, with the type it computes in.</param>
/// <param name="Unit">How its time is told.</param>
/// <param name="Prepare">Builds what a run needs on a device.</param>
public sealed record SpeedCase(string Name, SpeedUnit Unit, Func<Device, SpeedSubject> Prepare)
{
    /// <summary>Items that one run makes: operations, frames, tokens.</summary>
    public int Items { get; init; } = 1;
    /// <summary>What an item is called in a rate.</summary>
    public string Item { get; init; } = "run";
    /// <summary>Floating point operations of one run, a multiply-add counted as two; 0 when these are not what limits it.</summary>
    public double Flops { get; init; }
    /// <summary>The type of the matrix products whose measured rate is the ceiling.</summary>
    public DType Precision { get; init; } = DType.Float32;
    /// <summary>What the case's folder is called when its weights are written for another implementation; null when they cannot be.</summary>
    public string? Folder { get; init; }
    /// <summary>What we aim at on two cores, in <see cref="Unit"/>; null when there is only the ceiling.</summary>
    public double? Goal { get; init; }
}

/// <summary>Something ready to run again and again.</summary>
/// <param name="run">One run; a tensor it returns is waited for.</param>
/// <param name="release">Frees what was prepared.</param>
public class SpeedSubject(Func<Tensor?> run, Action? release = null) : IDisposable
{
    /// <summary>Runs once, to completion also on a device that works asynchronously.</summary>
    public void Run()
    {
        using var scope = TensorScope.Enter();
        Tensor? result = Once();
        // A CUDA kernel has only been queued so far; reading one number waits for it.
        if (result is not null && result.Device.Type == DeviceType.Cuda)
            _ = result.Detach().Flatten().Select(0, 0).Item();
    }

    /// <summary>One run, whose result belongs to the innermost scope.</summary>
    protected Tensor? Once() => run();

    /// <inheritdoc/>
    public void Dispose()
    {
        release?.Invoke();
        GC.SuppressFinalize(this);
    }
}
