// Oracle: diffusers.training_utils.EMAModel v0.40.0 (fixture train/ema_snr_weights).

using Kinora.Engine.Optimization;

namespace Kinora.Engine.Tests.Optimization;

public sealed class ExponentialMovingAverageTests
{
    public static TheoryData<ExponentialMovingAverageOptions, string> Cases => new()
    {
        { new() { Decay = 0.99 }, "plain" },
        { new() { Decay = 0.9999, WarmupPower = 0.75 }, "warmup" },
        { new() { Decay = 0.95, MinDecay = 0.2, UpdateAfter = 3 }, "after3_min" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Update_ElevenTimes_EqualsDiffusers(ExponentialMovingAverageOptions options, string name)
    {
        using var golden = new GoldenFile("ema_snr_weights");
        using var scope = TensorScope.Enter();
        float[] values = golden.Floats("in.p"), expected = golden.Floats("out.ema_" + name);
        double[] decays = golden.Doubles("out.decay_" + name);
        var parameter = Tensor.FromArray<float>(values.AsSpan(0, 6), 3, 2);
        using var ema = new ExponentialMovingAverage([("p", parameter)], options);
        for (int update = 1; update <= 11; update++)
        {
            parameter.CopyInPlace(Tensor.FromArray<float>(values.AsSpan(update * 6, 6), 3, 2));
            ema.Update();
            ema.DecayAt(update).ShouldBe(decays[update - 1], 1e-12, $"update {update}");
            float[] actual = ema.State().Single().Value.ToArray<float>();
            for (int i = 0; i < 6; i++)
                actual[i].ShouldBe(expected[(update - 1) * 6 + i], 1.8e-5f, $"update {update}, element {i}");
        }
    }

    [Fact]
    public void Apply_UntilDisposed_ExchangesAndRestoresBitIdentically()
    {
        using var scope = TensorScope.Enter();
        var parameter = Tensor.FromArray([0.1f, 0.2f], 2).RequiresGradInPlace();
        using var ema = new ExponentialMovingAverage([("p", parameter)], new ExponentialMovingAverageOptions());
        using (GradMode.NoGrad())
            parameter.AddInPlace(1.0 / 3);
        float[] training = parameter.ToArray<float>();
        using (ema.Apply())
            parameter.ToArray<float>().ShouldBe([0.1f, 0.2f]);
        parameter.ToArray<float>().ShouldBe(training);
        parameter.RequiresGrad.ShouldBeTrue();
    }
}
