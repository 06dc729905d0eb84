// Oracle: diffusers.optimization.get_scheduler v0.40.0 (fixture train/lr_schedules): base rate 1e-3, warm-up 8, total 50; value k is the rate of step k.

using Kinora.Engine.Optimization;

namespace Kinora.Engine.Tests.Optimization;

public sealed class LearningRateScheduleTests
{
    [Theory]
    [InlineData(LearningRateShape.Linear, 8, "out.diffusers_linear")]
    [InlineData(LearningRateShape.Cosine, 8, "out.diffusers_cosine")]
    [InlineData(LearningRateShape.Constant, 8, "out.diffusers_constant_with_warmup")]
    [InlineData(LearningRateShape.Constant, 0, "out.diffusers_constant")]
    public void At_EveryStep_EqualsDiffusers(LearningRateShape shape, long warmup, string tensor)
    {
        using var golden = new GoldenFile("lr_schedules");
        var schedule = new LearningRateSchedule { Shape = shape, Peak = 1e-3, WarmupSteps = warmup, TotalSteps = 50 };
        double[] expected = golden.Doubles(tensor);
        for (int step = 0; step < expected.Length; step++)
            schedule.At(step).ShouldBe(expected[step], 1e-9 * 1e-3 + 1e-9 * expected[step], $"step {step}");
    }

    [Fact]
    public void At_WarmupStableDecay_RisesStaysAndFalls()
    {
        var schedule = new LearningRateSchedule { Shape = LearningRateShape.WarmupStableDecay, Peak = 2, WarmupSteps = 10, TotalSteps = 100, DecaySteps = 25, FinalFraction = 0.1 };
        schedule.At(0).ShouldBe(0);
        schedule.At(5).ShouldBe(1);
        schedule.At(10).ShouldBe(2);
        schedule.At(75).ShouldBe(2);
        schedule.At(79).ShouldBe(2 * (0.1 + 0.9 * (1 - Math.Sqrt(4 / 25.0))), 1e-12);
        schedule.At(100).ShouldBe(0.2, 1e-12);
    }
}
