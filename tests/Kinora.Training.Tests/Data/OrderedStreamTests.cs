using Kinora.Training.Data;

namespace Kinora.Training.Tests.Data;

public sealed class OrderedStreamTests
{
    [Fact]
    public void Take_FromAFirstNumber_GivesItemsInOrder()
    {
        using var stream = new OrderedStream<long>(5, number => number * number);
        for (long number = 5; number < 50; number++)
            stream.Take().ShouldBe(number * number);
    }

    [Fact]
    public void Take_AfterProductionFailed_ThrowsItsException()
    {
        using var stream = new OrderedStream<long>(0, number => number < 2 ? number : throw new InvalidDataException("third"));
        stream.Take().ShouldBe(0);
        stream.Take().ShouldBe(1);
        Should.Throw<InvalidDataException>(() => stream.Take()).Message.ShouldBe("third");
    }

    [Fact]
    public void Dispose_WhileTheQueueIsFull_Returns()
    {
        using var full = new ManualResetEventSlim();
        var stream = new OrderedStream<long>(0, number =>
        {
            if (number == 1)
                full.Set();
            return number;
        }, ahead: 1);
        full.Wait();
        stream.Dispose();
        Should.Throw<ObjectDisposedException>(() => stream.Take());
    }
}
