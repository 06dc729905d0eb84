// Two members of a Gloo group on two threads of this process; training across real processes is tested in Kinora.Training.Tests.

using System.Runtime.ExceptionServices;
using Kinora.Engine.Distributed;

namespace Kinora.Engine.Tests.Distributed;

public sealed class ProcessGroupTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private readonly string _store = Path.Combine(Path.GetTempPath(), $"kinora-{Guid.NewGuid():N}");

    [Fact]
    public void Single_CollectiveCalls_ChangeNothing()
    {
        using var scope = TensorScope.Enter();
        var tensor = Tensor.FromArray([1f, 2f], 2);
        ProcessGroup.Single.AllReduce(tensor);
        ProcessGroup.Single.Barrier();
        tensor.ToArray<float>().ShouldBe([1f, 2f]);
        ProcessGroup.Single.Mean([3.0]).ShouldBe([3.0]);
        ProcessGroup.Single.Any(false).ShouldBeFalse();
    }

    [Fact]
    public void AllReduce_TwoMembers_SumsMaximizesAndAverages()
    {
        Together(group =>
        {
            var sum = Tensor.FromArray([group.Rank + 1f, 10f], 2);
            group.AllReduce(sum);
            sum.ToArray<float>().ShouldBe([3f, 20f]);
            var largest = Tensor.FromArray([(float)group.Rank], 1);
            group.AllReduce(largest, ReduceOperation.Max);
            largest.Item().ShouldBe(1);
            group.Mean([group.Rank, 5.0]).ShouldBe([0.5, 5.0]);
            group.Any(group.Rank == 1).ShouldBeTrue();
            group.Any(false).ShouldBeFalse();
        });
    }

    [Fact]
    public void Broadcast_TwoMembers_BothHoldTheValuesOfRankZero()
    {
        Together(group =>
        {
            var parameter = Tensor.FromArray([group.Rank + 7f], 1).RequiresGradInPlace();
            group.Broadcast([parameter]);
            parameter.Item().ShouldBe(7);
        });
    }

    [Fact]
    public void Reduce_TwoMembers_AveragesAndCountsAMissingGradientAsZero()
    {
        Together(group =>
        {
            var both = Tensor.FromArray([0f, 0f, 0f], 3).RequiresGradInPlace();
            var one = Tensor.FromArray([0f], 1).RequiresGradInPlace();
            using var reducer = new GradientReducer(group, [both, one]);
            for (int step = 1; step <= 2; step++)
            {
                (both * (step * (group.Rank + 1.0))).Sum().Backward();
                if (group.Rank == 0)
                    (one * 4.0).Sum().Backward();
                reducer.Reduce();
                both.Grad!.ToArray<float>().ShouldBe([1.5f * step, 1.5f * step, 1.5f * step]);
                one.Grad!.ToArray<float>().ShouldBe([2f]);
                both.Grad = null;
                one.Grad = null;
            }
        });
    }

    public void Dispose() => File.Delete(_store);

    private void Together(Action<ProcessGroup> member)
    {
        var failures = new ExceptionDispatchInfo?[2];
        var threads = Enumerable.Range(0, 2).Select(rank => new Thread(() =>
        {
            try
            {
                using var scope = TensorScope.Enter();
                using var group = ProcessGroup.Join("file://" + _store, rank, 2, timeout: Timeout);
                member(group);
                group.Barrier();
            }
            catch (Exception e)
            {
                failures[rank] = ExceptionDispatchInfo.Capture(e);
            }
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        foreach (var failure in failures)
            failure?.Throw();
    }
}
