// Samplers against closed forms. For Gaussian data of standard deviation s the best denoiser is linear, and the probability-flow ODE
// only scales the latents: from √(α² s² + σ²) at a level to s at the end (Karras et al., arXiv:2206.00364, appendix B).

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Tests.Diffusion;

public sealed class StepwiseSamplerTests
{
    private const double DataStd = 0.5, OdeTolerance = 0.03;
    private const int Steps = 100;

    [Theory]
    [InlineData("DDIMScheduler")]
    [InlineData("PNDMScheduler")]
    [InlineData("EulerDiscreteScheduler")]
    [InlineData("HeunDiscreteScheduler")]
    [InlineData("KDPM2DiscreteScheduler")]
    [InlineData("LMSDiscreteScheduler")]
    [InlineData("DPMSolverMultistepScheduler")]
    [InlineData("DPMSolverSinglestepScheduler")]
    [InlineData("DEISMultistepScheduler")]
    [InlineData("UniPCMultistepScheduler")]
    public void Sample_VariancePreservingGaussian_ScalesAsTheOde(string className)
    {
        using var scope = TensorScope.Enter();
        var config = new SchedulerConfig { ClassName = className, BetaSchedule = "scaled_linear", BetaStart = 0.00085, BetaEnd = 0.012, ClipSample = false, TimestepSpacing = "linspace", SkipPrkSteps = true };
        using StepwiseSampler sampler = PublishedSamplers.Create(config, new SamplingOptions(Steps));
        double[] levels = sampler.Training!.Sigmas();
        Tensor start = Start();

        Tensor end = sampler.Sample((z, t) => z * Epsilon(SigmaGrid.At(levels, t)), start * sampler.InitialNoiseScale, NoNoise);

        double first = SigmaGrid.At(levels, sampler.Timesteps[0]), beginning = sampler.InitialNoiseScale > 1 ? sampler.InitialNoiseScale / Math.Sqrt(first * first + 1) : 1;
        double alpha2 = 1 / (first * first + 1);
        Ratio(end, start).ShouldBe(beginning * DataStd / Math.Sqrt(alpha2 * DataStd * DataStd + 1 - alpha2), OdeTolerance * DataStd);
    }

    [Theory]
    [InlineData("FlowMatchEulerDiscreteScheduler")]
    [InlineData("FlowMatchHeunDiscreteScheduler")]
    [InlineData("FlowDPMSolverMultistepScheduler")]
    [InlineData("FlowUniPCMultistepScheduler")]
    public void Sample_FlowOfAGaussian_ScalesAsTheOde(string className)
    {
        using var scope = TensorScope.Enter();
        using StepwiseSampler sampler = PublishedSamplers.Create(new SchedulerConfig { ClassName = className, Shift = 3 }, new SamplingOptions(Steps));
        Tensor start = Start();

        Tensor end = sampler.Sample((z, t) => z * Velocity(t / 1000), start, NoNoise);

        Ratio(end, start).ShouldBe(DataStd, OdeTolerance * DataStd);
    }

    [Theory]
    [InlineData("EulerAncestralDiscreteScheduler", 400)] // first order: a fourth of the error needs four times the steps
    [InlineData("KDPM2AncestralDiscreteScheduler", 100)]
    [InlineData("DPMSolverSDEScheduler", 100)]
    [InlineData("SASolverScheduler", 100)]
    public void Sample_WithNoiseOnTheWay_EndsWithTheSpreadOfTheData(string className, int steps)
    {
        using var scope = TensorScope.Enter();
        var config = new SchedulerConfig { ClassName = className, BetaSchedule = "scaled_linear", BetaStart = 0.00085, BetaEnd = 0.012, TimestepSpacing = "linspace" };
        using StepwiseSampler sampler = PublishedSamplers.Create(config, new SamplingOptions(steps));
        double[] levels = sampler.Training!.Sigmas();
        var random = new Generator(7);
        Tensor Noise() => random.Normal(1, 1, 128, 128);
        int calls = 0;

        Tensor end = sampler.Sample((z, t) =>
        {
            calls++;
            return z * Epsilon(SigmaGrid.At(levels, t));
        }, Noise() * sampler.InitialNoiseScale, Noise);

        calls.ShouldBe(className is "KDPM2AncestralDiscreteScheduler" or "DPMSolverSDEScheduler" ? 2 * steps - 1 : steps);
        end.Flatten().Var([0], unbiased: true).Sqrt().Item().ShouldBe(DataStd, OdeTolerance * DataStd);
    }

    [Theory]
    [InlineData("EDMEulerScheduler", "epsilon")]
    [InlineData("EDMDPMSolverMultistepScheduler", "epsilon")]
    [InlineData("EDMDPMSolverMultistepScheduler", "v_prediction")]
    public void Sample_EdmOfAGaussian_ScalesAsTheOde(string className, string prediction)
    {
        const double SigmaData = 0.8;
        using var scope = TensorScope.Enter();
        using StepwiseSampler sampler = PublishedSamplers.Create(new SchedulerConfig { ClassName = className, SigmaData = SigmaData, PredictionType = prediction }, new SamplingOptions(Steps));
        Tensor start = Start();

        // c_skip x + c_out F is to be the best estimate, x s²/(s² + σ²); F sees c_in x at ¼ ln σ.
        Tensor end = sampler.Sample((z, t) =>
        {
            double sigma = Math.Exp(4 * t), square = sigma * sigma + SigmaData * SigmaData, skip = SigmaData * SigmaData / square, best = DataStd * DataStd / (DataStd * DataStd + sigma * sigma);
            return z * (Math.Sqrt(square) * (best - skip) / (sigma * SigmaData / Math.Sqrt(square)) * (prediction == "epsilon" ? 1 : -1));
        }, start * sampler.InitialNoiseScale, NoNoise);

        double first = Math.Exp(4 * sampler.Timesteps[0]);
        Ratio(end, start).ShouldBe(sampler.InitialNoiseScale * DataStd / Math.Sqrt(DataStd * DataStd + first * first), OdeTolerance * DataStd);
    }

    [Fact]
    public void Sample_IpndmOfAGaussian_ScalesAsTheOde()
    {
        using var scope = TensorScope.Enter();
        using StepwiseSampler sampler = PublishedSamplers.Create(new SchedulerConfig { ClassName = "IPNDMScheduler" }, new SamplingOptions(Steps));
        Tensor start = Start();

        // v = α ε − β x₀ of the best estimates at the angle t.
        Tensor end = sampler.Sample((z, t) =>
        {
            double beta = Math.Sin(t * Math.PI / 2), alpha = Math.Cos(t * Math.PI / 2);
            return z * (alpha * beta * (1 - DataStd * DataStd) / (alpha * alpha * DataStd * DataStd + beta * beta));
        }, start, NoNoise);

        Ratio(end, start).ShouldBe(DataStd, OdeTolerance * DataStd);
    }

    [Theory]
    [InlineData("DDIMInverseScheduler", "DDIMScheduler")]
    [InlineData("DPMSolverMultistepInverseScheduler", "DPMSolverMultistepScheduler")]
    public void Sample_InversionThenTheMethodItself_ReturnsToTheBeginning(string inverse, string method)
    {
        using var scope = TensorScope.Enter();
        var config = new SchedulerConfig { ClassName = inverse, BetaSchedule = "scaled_linear", BetaStart = 0.00085, BetaEnd = 0.012, ClipSample = false, StepsOffset = 1, SetAlphaToOne = false, FinalSigmasType = "sigma_min" };
        using StepwiseSampler inversion = PublishedSamplers.Create(config, new SamplingOptions(Steps));
        using StepwiseSampler forward = PublishedSamplers.Create(config with { ClassName = method }, new SamplingOptions(Steps));
        double[] levels = forward.Training!.Sigmas();
        Tensor clean = Start();

        Tensor noise = inversion.Sample((z, t) => z * Epsilon(SigmaGrid.At(levels, t)), clean, NoNoise);
        Tensor back = forward.Sample((z, t) => z * Epsilon(SigmaGrid.At(levels, t)), noise, NoNoise);

        // A multistep method goes through the same N + 1 levels both ways, and calls the network at all but the last.
        inversion.Timesteps.Skip(method == "DDIMScheduler" ? 0 : 1).ShouldBe(forward.Timesteps.Reverse().SkipLast(method == "DDIMScheduler" ? 0 : 1));
        Ratio(noise, clean).ShouldBeGreaterThan(1.5);
        Ratio(back, clean).ShouldBe(1, OdeTolerance);
    }

    // In the limit of the ODE the predictor of one point and the corrector of two are those of UniPC of order 1 with B = hh.
    [Fact]
    public void Sample_SaSolverWithoutNoise_EqualsUniPc()
    {
        using var scope = TensorScope.Enter();
        var config = new SchedulerConfig { ClassName = "SASolverScheduler", BetaSchedule = "scaled_linear", BetaStart = 0.00085, BetaEnd = 0.012, PredictorOrder = 1, CorrectorOrder = 2, FinalSigmasType = "sigma_min" };
        using StepwiseSampler sa = PublishedSamplers.Create(config, new SamplingOptions(12) { Tau = _ => 0 });
        using StepwiseSampler uniPc = PublishedSamplers.Create(config with { ClassName = "UniPCMultistepScheduler", SolverOrder = 1, SolverType = "bh1" }, new SamplingOptions(12));
        Tensor start = Start();

        Tensor ours = sa.Sample((z, t) => z.Tanh() * 0.7 + Math.Sin(t), start, () => Tensor.ZerosLike(start)), theirs = uniPc.Sample((z, t) => z.Tanh() * 0.7 + Math.Sin(t), start, NoNoise);

        sa.Timesteps.ShouldBe(uniPc.Timesteps);
        (ours - theirs).Abs().Max().Item().ShouldBeLessThan(1e-5 * theirs.Abs().Max().Item());
    }

    // In the limit of DDPM's SDE the first step, which nothing corrects, is that of DPM-Solver++'s.
    [Fact]
    public void Step_FirstOfSaSolverWithAllNoise_EqualsSdeDpmSolver()
    {
        using var scope = TensorScope.Enter();
        var config = new SchedulerConfig { ClassName = "SASolverScheduler", BetaSchedule = "scaled_linear", BetaStart = 0.00085, BetaEnd = 0.012 };
        using StepwiseSampler sa = PublishedSamplers.Create(config, new SamplingOptions(12) { Tau = _ => 1 });
        using StepwiseSampler dpm = PublishedSamplers.Create(config with { ClassName = "DPMSolverMultistepScheduler", AlgorithmType = "sde-dpmsolver++" }, new SamplingOptions(12));
        Tensor start = Start(), noise = start * -0.3 + 1;

        Tensor ours = sa.Step(start * 0.4, 0, start, () => noise).Next, theirs = dpm.Step(start * 0.4, 0, start, () => noise).Next;

        (ours - theirs).Abs().Max().Item().ShouldBeLessThan(1e-6 * theirs.Abs().Max().Item());
    }

    // The error at the end falls as N^-order. The first step has one point to begin with, corrected to two, so that order 3 is the most.
    [Theory]
    [InlineData("data_prediction", 1, 1, 1)]
    [InlineData("data_prediction", 1, 2, 2)]
    [InlineData("data_prediction", 2, 2, 2)]
    [InlineData("data_prediction", 2, 3, 3)]
    [InlineData("data_prediction", 3, 4, 3)]
    [InlineData("noise_prediction", 1, 1, 1)]
    [InlineData("noise_prediction", 2, 3, 3)]
    public void Sample_SaSolverOnALinearOde_ConvergesWithItsOrder(string algorithm, int predictor, int corrector, int order)
    {
        double coarse = Math.Abs(Error(40)), fine = Math.Abs(Error(80));

        Math.Log2(coarse / fine).ShouldBeGreaterThan(order - 0.25);

        double Error(int steps)
        {
            using var scope = TensorScope.Enter();
            var config = new SchedulerConfig
            {
                ClassName = "SASolverScheduler", BetaSchedule = "scaled_linear", BetaStart = 0.00085, BetaEnd = 0.012, UseExponentialSigmas = true,
                AlgorithmType = algorithm, PredictorOrder = predictor, CorrectorOrder = corrector, LowerOrderFinal = false,
            };
            using StepwiseSampler sampler = PublishedSamplers.Create(config, new SamplingOptions(steps) { Tau = _ => 0 });
            Tensor x = Tensor.FromArray<double>([1], 1, 1);
            for (int call = 0; call < steps; call++)
            {
                x = sampler.Step(x * Epsilon(sampler.Sigmas[call]), call, x, () => Tensor.ZerosLike(x)).Next;
            }
            return x.Item() - Spread(sampler.Sigmas[^1]) / Spread(sampler.Sigmas[0]);
        }
    }

    // Both increments of a step belong to one path: with x₀ = 0 the whole step's noise holds the half step's.
    [Fact]
    public void Step_DpmSde_DrawsOnePath()
    {
        using var scope = TensorScope.Enter();
        var config = new SchedulerConfig { ClassName = "DPMSolverSDEScheduler", BetaSchedule = "scaled_linear" };
        using StepwiseSampler sampler = PublishedSamplers.Create(config, new SamplingOptions(10));
        double from = sampler.Sigmas[0], to = sampler.Sigmas[1], middle = Math.Sqrt(from * to);
        Tensor zero = Tensor.Zeros([1, 1]), one = zero + 1;

        Tensor half = sampler.Step(zero, 0, zero, () => one).Next;
        Tensor whole = sampler.Step(half * (1 / middle), 1, half, () => zero).Next; // ε = x/σ: x₀ is 0

        half.Item().ShouldBe(Up(middle), 1e-5 * from);
        whole.Item().ShouldBe(Up(to) * Math.Sqrt((from - middle) / (from - to)), 1e-5 * from);

        double Up(double level) => level * Math.Sqrt(from * from - level * level) / from;
    }

    [Theory]
    [InlineData("""{ "_class_name": "SASolverScheduler", "algorithm_type": "dpmsolver++" }""", "data_prediction")]
    [InlineData("""{ "_class_name": "SASolverScheduler", "predictor_order": 5 }""", "predictor_order")]
    [InlineData("""{ "_class_name": "SASolverScheduler", "tau_func": "lambda t: 1" }""", "tau_func")]
    [InlineData("""{ "_class_name": "DPMSolverSDEScheduler", "prediction_type": "sample" }""", "v_prediction")]
    [InlineData("""{ "_class_name": "DPMSolverMultistepInverseScheduler", "algorithm_type": "sde-dpmsolver++" }""", "noise cannot be inverted")]
    [InlineData("""{ "_class_name": "DPMSolverMultistepInverseScheduler", "use_flow_sigmas": true }""", "use_flow_sigmas")]
    public void Create_WhatTheMethodCannotDo_IsRefused(string json, string says) =>
        Should.Throw<ConfigException>(() => PublishedSamplers.Create(Read(json), new SamplingOptions(8)).Dispose()).Message.ShouldContain(says);

    [Fact]
    public void Dispose_AfterAnUnfinishedTrajectory_LeavesNoTensor()
    {
        long before = Tensor.LiveCount;
        using (TensorScope.Enter())
        {
            foreach (string name in PublishedSamplers.ClassNames)
            {
                using StepwiseSampler sampler = PublishedSamplers.Create(new SchedulerConfig { ClassName = name }, new SamplingOptions(8));
                Tensor x = Start();
                sampler.Step(x * 0.5, 0, x, () => Tensor.ZerosLike(x));
            }
        }
        Tensor.LiveCount.ShouldBe(before);
    }

    // The last ᾱ of the betas of each class: those of NoiseScheduleTests, and ∏(1 − β) of Ho et al.'s linear 0.0001 to 0.02.
    [Theory]
    [InlineData(0.00157896, "HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler")]
    [InlineData(0.0046601, "LCMScheduler", "TCDScheduler")]
    [InlineData(4.03583e-5, "DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler", "SASolverScheduler")]
    public void Create_FileWithoutBetas_TakesThoseOfItsClass(double last, params string[] classNames)
    {
        foreach (string className in classNames)
        {
            using StepwiseSampler sampler = PublishedSamplers.Create(Read($$"""{ "_class_name": "{{className}}" }"""), new SamplingOptions(8));
            sampler.Training!.AlphasCumprod[^1].ShouldBe(last, 1e-3 * last, className);
        }
    }

    [Fact]
    public void Create_UnknownClass_IsRefusedWithTheList() =>
        Should.Throw<ConfigException>(() => PublishedSamplers.Create(new SchedulerConfig { ClassName = "EulerScheduler" }, new SamplingOptions(8))).Message.ShouldContain("EulerDiscreteScheduler");

    [Fact]
    public void Create_MoreStepsThanTrained_IsRefused() =>
        Should.Throw<ConfigException>(() => PublishedSamplers.Create(new SchedulerConfig { ClassName = "DDIMScheduler" }, new SamplingOptions(1001))).Message.ShouldContain("1000");

    [Fact]
    public void Read_UnknownKey_IsRefusedByName() =>
        Should.Throw<ConfigException>(() => Read("""{ "_class_name": "DDIMScheduler", "beta_strat": 0.1 }""")).Message.ShouldContain("beta_start");

    [Fact]
    public void Read_BareInfinity_IsANumber() =>
        Read("""{ "_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "_name_or_path": "a -Infinity b" }""").ShouldSatisfyAllConditions(
            c => c.LambdaMinClipped.ShouldBe(double.NegativeInfinity),
            c => c.NameOrPath.ShouldBe("a -Infinity b"));

    private static SchedulerConfig Read(string json) => ModelConfigJson.Read(System.Text.Encoding.UTF8.GetBytes(json), SchedulerConfigJson.Default.SchedulerConfig, "scheduler_config.json");

    private static Tensor Start() => Tensor.FromArray<float>([1f, -0.5f, 2f, 0.25f], 1, 1, 2, 2);

    private static Tensor NoNoise() => throw new InvalidOperationException("a deterministic method drew noise.");

    // ε = σ/(α² s² + σ²) z with σ/α the level.
    private static double Epsilon(double level)
    {
        double alpha2 = 1 / (level * level + 1);
        return Math.Sqrt(1 - alpha2) / (alpha2 * DataStd * DataStd + 1 - alpha2);
    }

    // Standard deviation √(α² s² + σ²) of the latents at a level.
    private static double Spread(double level) => Math.Sqrt((DataStd * DataStd + level * level) / (level * level + 1));

    // E[ε − x₀ | z] = (σ − (1 − σ) s²)/((1 − σ)² s² + σ²) z.
    private static double Velocity(double sigma) => (sigma - (1 - sigma) * DataStd * DataStd) / ((1 - sigma) * (1 - sigma) * DataStd * DataStd + sigma * sigma);

    private static double Ratio(Tensor end, Tensor start) => end.ToArray<float>()[2] / start.ToArray<float>()[2];
}
