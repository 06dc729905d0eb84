using Kinora.Engine;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Tests.Systems.StableDiffusion;

public sealed class FrameWindowsTests
{
    [Theory]
    [InlineData(8, "0")]
    [InlineData(24, "0")]
    [InlineData(25, "0 9")]
    [InlineData(28, "0 12")]
    [InlineData(29, "0 6 13")]
    [InlineData(40, "0 12 24")]
    public void Starts_OfAClip_CoverItWithWindowsOfSixteen(int frames, string starts) =>
        string.Join(' ', new FrameWindows(24, 16, 4).Starts(frames)).ShouldBe(starts);

    [Theory]
    [InlineData(33)]
    [InlineData(50)]
    [InlineData(101)]
    public void Starts_OfAnyClip_LeaveNoFrameOutAndOverlapAlike(int frames)
    {
        var windows = new FrameWindows(24, 16, 4);
        IReadOnlyList<int> starts = windows.Starts(frames);

        (starts[0], starts[^1] + windows.Length).ShouldBe((0, frames));
        int[] shared = [.. starts.Zip(starts.Skip(1), (a, b) => a + windows.Length - b)];
        shared.Min().ShouldBeGreaterThanOrEqualTo(windows.Overlap);
        (shared.Max() - shared.Min()).ShouldBeLessThanOrEqualTo(1);
    }

    [Fact]
    public void Average_OfTheIdentity_IsTheClip()
    {
        using var scope = TensorScope.Enter();
        Tensor clip = new Engine.Random.Generator(1).Normal(1, 2, 21, 3, 3);
        var seen = new List<long>();
        Tensor average = new FrameWindows(8, 8, 3).Average(clip, (part, _) =>
        {
            seen.Add(part.Size(2));
            return part;
        });
        seen.ShouldBe([8, 8, 8, 8]);
        (average - clip).Abs().Max().Item().ShouldBeLessThan(1e-6);
    }

    [Fact]
    public void Average_WhereWindowsDisagree_GoesOverEvenly()
    {
        using var scope = TensorScope.Enter();
        int call = 0;
        Tensor average = new FrameWindows(4, 4, 2).Average(Tensor.Zeros([1, 1, 6, 1, 1]), (part, _) => Tensor.Full(part.Shape, call++));
        float[] values = average.ToArray<float>();
        values[..2].ShouldAllBe(v => v == 0);
        values[4..].ShouldAllBe(v => v == 1);
        values[2].ShouldBe(1f / 3, 1e-6f);
        values[3].ShouldBe(2f / 3, 1e-6f);
    }
}
