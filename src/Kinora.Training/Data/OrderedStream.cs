// Batches prepared on a background thread ahead of training. What a step sees depends on its number alone.

using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Kinora.Training.Data;

/// <summary>A bounded queue of items 0, 1, 2, … from a first number on, filled in order by one thread.</summary>
internal sealed class OrderedStream<T> : IDisposable
{
    private readonly BlockingCollection<T> _queue;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Starts producing item <paramref name="first"/>.</summary>
    /// <param name="first">The first item's number.</param>
    /// <param name="produce">Makes an item; called on the background thread, in order.</param>
    /// <param name="ahead">Items that may wait.</param>
    public OrderedStream(long first, Func<long, T> produce, int ahead = 3)
    {
        _queue = new BlockingCollection<T>(ahead);
        _thread = new Thread(() => Fill(first, produce)) { IsBackground = true, Name = "Kinora data" };
        _thread.Start();
    }

    /// <summary>The next item; waits when production is behind, and throws what production threw.</summary>
    public T Take()
    {
        if (_queue.TryTake(out var item, Timeout.Infinite))
            return item;
        _failure?.Throw();
        throw new ObjectDisposedException(nameof(OrderedStream<T>));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _queue.Dispose();
        _stop.Dispose();
    }

    private void Fill(long first, Func<long, T> produce)
    {
        try
        {
            for (long number = first; !_stop.IsCancellationRequested; number++)
                _queue.Add(produce(number), _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed while waiting for room: nobody reads the queue any more.
        }
        catch (Exception e)
        {
            _failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            _queue.CompleteAdding();
        }
    }
}
