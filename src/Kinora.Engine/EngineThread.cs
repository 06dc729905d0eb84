using System.Collections.Concurrent;

namespace Kinora.Engine;

/// <summary>
/// The one thread that calls the tensor library for a device. Every thread that enters a parallel region gets an OpenMP team
/// of its own, so work that hops over the thread pool would oversubscribe the cores; asynchronous code posts here instead.
/// </summary>
public sealed class EngineThread : IDisposable
{
    private static readonly Lazy<EngineThread> SharedThread = new(() => new EngineThread("Kinora engine"));
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    public EngineThread(string name)
    {
        _thread = new Thread(Loop, maxStackSize: 16 << 20) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>The process's engine thread.</summary>
    public static EngineThread Shared => SharedThread.Value;

    /// <summary>Runs <paramref name="work"/> on the engine thread. Tensors it creates must end inside it or leave by <see cref="Tensor.Own"/>.</summary>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (Thread.CurrentThread == _thread)
            throw new InvalidOperationException("RunAsync was called on the engine thread itself; call the function directly.");
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            if (cancellationToken.IsCancellationRequested)
            {
                completion.SetCanceled(cancellationToken);
                return;
            }
            try
            {
                completion.SetResult(work());
            }
            catch (OperationCanceledException e)
            {
                completion.SetCanceled(e.CancellationToken);
            }
            catch (Exception e)
            {
                completion.SetException(e);
            }
        }, cancellationToken);
        return completion.Task;
    }

    public Task RunAsync(Action work, CancellationToken cancellationToken = default) =>
        RunAsync(() =>
        {
            work();
            return true;
        }, cancellationToken);

    private void Loop()
    {
        foreach (Action work in _work.GetConsumingEnumerable())
            work();
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
        _work.Dispose();
    }
}
