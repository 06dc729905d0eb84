using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Tests.Diffusion;

public sealed class FlowScheduleTests
{
    // wan/utils/fm_solvers_unipc.py of Wan-Video/Wan2.1, 10 steps, shift 3.
    private static readonly double[] Wan =
    [
        0.9996664524078369, 0.9639410972595215, 0.9227216839790344, 0.8746352195739746, 0.8178097009658813, 0.7496247887611389,
        0.666296124458313, 0.5621483325958252, 0.42826521396636963, 0.24979163706302643, 0.0,
    ];

    // FlowMatchEulerDiscreteScheduler of huggingface/diffusers d035dcd7, 10 steps, shift 3.
    private static readonly double[] Diffusers =
    [
        1.0, 0.9601293206214905, 0.9133489727973938, 0.857692301273346, 0.7903682589530945, 0.7072784900665283, 0.602150559425354,
        0.4648760259151459, 0.2780487835407257, 0.008928571827709675, 0.0,
    ];

    [Fact]
    public void Sigmas_WanSpacing_AreTheReference() => ShouldAgree(new FlowSchedule(3, FlowSpacing.Wan).Sigmas(10), Wan);

    [Fact]
    public void Sigmas_DiffusersSpacing_AreTheReference() => ShouldAgree(new FlowSchedule(3, FlowSpacing.DiffusersEuler).Sigmas(10), Diffusers);

    [Fact]
    public void Sigmas_UniformWithShift7_HaveTheValuesOfHunyuan()
    {
        double[] sigmas = new FlowSchedule(7).Sigmas(50);
        sigmas[0].ShouldBe(1);
        sigmas[1].ShouldBe(0.99709, 1e-5);
        sigmas[25].ShouldBe(0.875, 1e-12);
        sigmas[49].ShouldBe(0.125, 1e-12);
        sigmas[50].ShouldBe(0);
    }

    [Theory]
    [InlineData(1, FlowSpacing.Uniform)]
    [InlineData(1, FlowSpacing.DiffusersEuler)]
    [InlineData(7, FlowSpacing.Wan)]
    public void Sigmas_AnyNumberOfSteps_FallStrictlyToZero(int steps, FlowSpacing spacing)
    {
        double[] sigmas = new FlowSchedule(5, spacing).Sigmas(steps);
        sigmas.Length.ShouldBe(steps + 1);
        sigmas[^1].ShouldBe(0);
        for (int i = 0; i < steps; i++)
        {
            sigmas[i].ShouldBeGreaterThan(sigmas[i + 1]);
        }
    }

    private static void ShouldAgree(double[] actual, double[] expected)
    {
        actual.Length.ShouldBe(expected.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            actual[i].ShouldBe(expected[i], 1e-6);
        }
    }
}
