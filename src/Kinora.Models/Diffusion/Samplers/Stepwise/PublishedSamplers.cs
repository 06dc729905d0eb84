// From a scheduler_config.json and a number of steps to a sampler: which levels it visits, and which method walks them.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;
using Spacing = Kinora.Models.Diffusion.Schedules.TimestepSpacing;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>Makes samplers by the names of the reference's classes.</summary>
public static class PublishedSamplers
{
    private static readonly (string Name, Func<SchedulerConfig, SamplingOptions, StepwiseSampler> Create)[] Table =
    [
        ("DDPMScheduler", Ddpm),
        ("DDIMScheduler", Ddim),
        ("DDIMInverseScheduler", DdimInverse),
        ("DDPMParallelScheduler", Ddpm),
        ("DDIMParallelScheduler", Ddim),
        ("PNDMScheduler", Pndm),
        ("LCMScheduler", Lcm),
        ("TCDScheduler", Tcd),
        ("CogVideoXDDIMScheduler", CogVideoXDdim),
        ("CogVideoXDPMScheduler", CogVideoXDpm),
        ("EulerDiscreteScheduler", Euler),
        ("EulerAncestralDiscreteScheduler", EulerAncestral),
        ("HeunDiscreteScheduler", Heun),
        ("KDPM2DiscreteScheduler", Kdpm2),
        ("KDPM2AncestralDiscreteScheduler", Kdpm2Ancestral),
        ("IPNDMScheduler", Ipndm),
        ("LMSDiscreteScheduler", Lms),
        ("EDMEulerScheduler", EdmEuler),
        ("EDMDPMSolverMultistepScheduler", EdmDpm),
        ("DPMSolverMultistepScheduler", DpmMultistep),
        ("DPMSolverMultistepInverseScheduler", DpmMultistepInverse),
        ("DPMSolverSinglestepScheduler", DpmSinglestep),
        ("DPMSolverSDEScheduler", DpmSde),
        ("DEISMultistepScheduler", Deis),
        ("UniPCMultistepScheduler", UniPc),
        ("SASolverScheduler", SaSolver),
        ("FlowMatchEulerDiscreteScheduler", FlowEuler),
        ("FlowMatchHeunDiscreteScheduler", FlowHeun),
        ("FlowDPMSolverMultistepScheduler", WanDpm),
        ("FlowUniPCMultistepScheduler", WanUniPc),
    ];

    /// <summary>Every class name.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = [.. Table.Select(row => row.Name)];

    /// <summary>The sampler of a model's configuration for one trajectory.</summary>
    /// <exception cref="ConfigException">The class is unknown, or the configuration asks for what it does not have.</exception>
    public static StepwiseSampler Create(SchedulerConfig config, SamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(options);
        var create = Table.FirstOrDefault(row => row.Name == config.ClassName).Create
            ?? throw new ConfigException($"_class_name '{config.ClassName}' is no sampler of this product; expected one of {string.Join(", ", ClassNames)}.");
        return create(config, options);
    }

    /// <summary>The call at which image-to-image of a strength in (0, 1] begins: the last strength · N steps are run.</summary>
    public static int BeginOf(double strength, int calls) => Math.Clamp(calls - (int)(calls * strength), 0, calls - 1);

    private static DdpmSampler Ddpm(SchedulerConfig c, SamplingOptions o) => new(
        Training(c), PredictionOf(c), Limit(c, clipByDefault: true),
        c.VarianceType switch
        {
            null or "fixed_small" or "fixed_small_log" => PosteriorVariance.Small,
            "fixed_large" or "fixed_large_log" => PosteriorVariance.Large,
            "learned_range" => PosteriorVariance.LearnedRange,
            _ => throw Unknown("variance_type", c.VarianceType, "fixed_small, fixed_small_log, fixed_large, fixed_large_log or learned_range"),
        },
        o.Timesteps is null ? TimestepSpacings.Whole(SpacingOf(c, Spacing.Leading), o.Steps, T(c), Offset(c)) : [.. o.Timesteps]);

    private static DdimSampler Ddim(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = Training(c);
        return new(training, PredictionOf(c), Limit(c, clipByDefault: true), FinalAlpha(c, training), o.Eta ?? 0, o.UseClippedModelOutput,
            TimestepSpacings.Whole(SpacingOf(c, Spacing.Leading), o.Steps, T(c), Offset(c)), T(c) / o.Steps);
    }

    private static DdimInversion DdimInverse(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = Training(c);
        double[] falling = TimestepSpacings.Whole(SpacingOf(c, Spacing.Leading), o.Steps, T(c), Offset(c));
        return new(training, PredictionOf(c), c.ClipSample ?? true ? c.ClipSampleRange ?? 1 : null, FinalAlpha(c, training), [.. falling.Reverse()], T(c) / o.Steps);
    }

    private static PndmSampler Pndm(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = Training(c);
        int stride = T(c) / o.Steps;
        var (rungeKutta, multistep) = PndmSampler.Calls(TimestepSpacings.Whole(SpacingOf(c, Spacing.Leading), o.Steps, T(c), Offset(c)), c.SkipPrkSteps ?? false, stride);
        return new(training, PredictionOf(c), FinalAlpha(c, training, oneByDefault: false), rungeKutta, multistep, stride);
    }

    private static LcmSampler Lcm(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = Training(c);
        return new(training, PredictionOf(c), Limit(c, clipByDefault: false), FinalAlpha(c, training), c.TimestepScaling ?? 10, ConsistencySteps(c, o));
    }

    private static TcdSampler Tcd(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = Training(c);
        return new(training, PredictionOf(c), Limit(c, clipByDefault: false), FinalAlpha(c, training), o.Eta ?? 0.3, ConsistencySteps(c, o));
    }

    private static CogVideoXDdimSampler CogVideoXDdim(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = CogVideoXTraining(c);
        return new(training, PredictionOf(c), FinalAlpha(c, training), TimestepSpacings.Whole(SpacingOf(c, Spacing.Leading), o.Steps, T(c), Offset(c)), T(c) / o.Steps);
    }

    private static CogVideoXDpmSampler CogVideoXDpm(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = CogVideoXTraining(c);
        return new(training, PredictionOf(c), FinalAlpha(c, training), TimestepSpacings.Whole(SpacingOf(c, Spacing.Leading), o.Steps, T(c), Offset(c)), T(c) / o.Steps);
    }

    private static EulerDiscreteSampler Euler(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = WithFiniteTerminal(c);
        double[] levels = training.Sigmas();
        double[] timesteps = o.Timesteps is { } custom ? [.. custom] : Interpolated(c, o);
        double[] sigmas = c.InterpolationType switch
        {
            null or "linear" => [.. timesteps.Select(t => SigmaGrid.At(levels, t))],
            "log_linear" => SigmaGrid.Exponential(levels[^1], levels[0], o.Steps + 1),
            _ => throw Unknown("interpolation_type", c.InterpolationType, "linear or log_linear"),
        };
        if (o.Sigmas is { Count: > 1 } given)
        {
            sigmas = [.. given.SkipLast(given[^1] == 0 ? 1 : 0)];
        }
        double[]? grid = Grid(c, sigmas[0], sigmas[^1], o.Sigmas is null ? o.Steps : sigmas.Length);
        sigmas = grid ?? sigmas;
        if (grid is not null || o.Sigmas is not null)
        {
            timesteps = [.. sigmas.Select(s => SigmaGrid.Timestep(levels, s))];
        }
        bool continuous = c.TimestepType == "continuous" && PredictionOf(c) == PredictionType.Velocity;
        return new EulerDiscreteSampler(training, PredictionOf(c), Floats(continuous ? [.. sigmas.Select(s => Math.Log(s) / 4)] : timesteps),
            Floats([.. sigmas, EndsAtZero(c) ? 0 : levels[0]]), StartsAtLargest(c), o);
    }

    private static EulerAncestralSampler EulerAncestral(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = WithFiniteTerminal(c);
        double[] levels = training.Sigmas(), timesteps = Interpolated(c, o);
        return new(training, PredictionOf(c), timesteps, Floats([.. timesteps.Select(t => SigmaGrid.At(levels, t)), 0]), StartsAtLargest(c));
    }

    private static LmsSampler Lms(SchedulerConfig c, SamplingOptions o)
    {
        var (training, timesteps, sigmas) = Exploding(c, o);
        return new(training, PredictionOf(c), Floats(timesteps), Floats([.. sigmas, 0]), StartsAtLargest(c));
    }

    private static HeunDiscreteSampler Heun(SchedulerConfig c, SamplingOptions o)
    {
        var (training, timesteps, sigmas) = Exploding(c, o);
        double? clip = c.ClipSample ?? false ? c.ClipSampleRange ?? 1 : null;
        return new(training, PredictionOf(c), new CleanLimit(Thresholding: false, 0, 0, clip), Floats(Twice(timesteps)), Floats([.. Twice(sigmas), 0]), StartsAtLargest(c));
    }

    private static Kdpm2Sampler Kdpm2(SchedulerConfig c, SamplingOptions o)
    {
        var (training, timesteps, sigmas) = Exploding(c, o);
        double[] levels = training.Sigmas();
        double[] all = [.. sigmas, 0];
        double[] middles = [.. all.Select((s, i) => i == 0 ? 0 : Math.Sqrt(s * all[i - 1]))];
        double[] calls = [timesteps[0], .. timesteps.Skip(1).SelectMany((t, i) => new[] { SigmaGrid.Timestep(levels, middles[i + 1]), t })];
        return new(training, PredictionOf(c), Floats(calls), Floats([.. Twice(all), 0]), Floats([.. Twice(middles), 0]), StartsAtLargest(c));
    }

    private static Kdpm2AncestralSampler Kdpm2Ancestral(SchedulerConfig c, SamplingOptions o)
    {
        var (training, timesteps, sigmas) = Exploding(c, o);
        double[] levels = training.Sigmas(), all = Floats([.. sigmas, 0]);
        AncestralStep[] steps = [.. all.SkipLast(1).Select((s, i) => AncestralStep.Of(s, all[i + 1]))];
        double[] calls = [timesteps[0], .. timesteps.Skip(1).SelectMany((t, i) => new[] { SigmaGrid.Timestep(levels, steps[i].Middle), t })];
        return new(training, PredictionOf(c), Floats(calls), [.. Twice(all), 0], steps, StartsAtLargest(c));
    }

    private static DpmSdeSampler DpmSde(SchedulerConfig c, SamplingOptions o)
    {
        if (PredictionOf(c) is not (PredictionType.Epsilon or PredictionType.Velocity))
        {
            throw Unknown("prediction_type", c.PredictionType, "epsilon or v_prediction, which DPMSolverSDEScheduler reads");
        }
        var (training, timesteps, sigmas) = Exploding(c, o);
        double[] levels = training.Sigmas();
        double[] calls = [timesteps[0], .. timesteps.Skip(1).SelectMany((t, i) => new[] { SigmaGrid.Timestep(levels, Math.Sqrt(sigmas[i] * sigmas[i + 1])), t })];
        return new(training, PredictionOf(c), Floats(calls), Floats([.. Twice(sigmas), 0]), StartsAtLargest(c));
    }

    private static IpndmSampler Ipndm(SchedulerConfig c, SamplingOptions o) => new(c.TrainedBetas is { } betas
        ? betas.Length > o.Steps ? betas[..(o.Steps + 1)] : throw new ConfigException($"trained_betas has {betas.Length} levels; {o.Steps} steps need {o.Steps + 1}.")
        : IpndmSampler.Betas(o.Steps));

    private static EdmEulerSampler EdmEuler(SchedulerConfig c, SamplingOptions o)
    {
        var (edm, max, sigmas) = Edm(c, o);
        return new(edm, max, sigmas, o);
    }

    private static EdmDpmMultistepSampler EdmDpm(SchedulerConfig c, SamplingOptions o)
    {
        var (edm, max, sigmas) = Edm(c, o);
        DpmAlgorithm algorithm = c.AlgorithmType switch
        {
            null or "dpmsolver++" or "deis" => DpmAlgorithm.Clean,
            "sde-dpmsolver++" when SolverOrder(c) < 3 => DpmAlgorithm.CleanSde,
            "sde-dpmsolver++" => throw new ConfigException("solver_order 3 does not exist for algorithm_type sde-dpmsolver++ here; use 1 or 2."),
            _ => throw Unknown("algorithm_type", c.AlgorithmType, "dpmsolver++ or sde-dpmsolver++"),
        };
        return new(edm, Limit(c, clipByDefault: null), algorithm, IsMidpoint(c), new MultistepOrder(SolverOrder(c), c.LowerOrderFinal ?? true, c.EulerAtFinal ?? false, EndsAtZero(c)), max, sigmas);
    }

    private static (EdmPreconditioning Edm, double SigmaMax, double[] Sigmas) Edm(SchedulerConfig c, SamplingOptions o)
    {
        double min = c.SigmaMin ?? 0.002, max = c.SigmaMax ?? 80;
        double[] sigmas = c.SigmaSchedule switch
        {
            null or "karras" => SigmaGrid.Karras(max, min, o.Steps, c.Rho ?? 7),
            "exponential" => SigmaGrid.Exponential(max, min, o.Steps),
            _ => throw Unknown("sigma_schedule", c.SigmaSchedule, "karras or exponential"),
        };
        return (new EdmPreconditioning(c.SigmaData ?? 0.5, PredictionOf(c) == PredictionType.Velocity), max, Floats([.. sigmas, EndsAtZero(c) ? 0 : sigmas[^1]]));
    }

    private static DpmMultistepSampler DpmMultistep(SchedulerConfig c, SamplingOptions o)
    {
        DpmAlgorithm algorithm = DpmAlgorithmOf(c);
        int order = SolverOrder(c);
        var (training, isFlow, timesteps, sigmas) = LogSnr(c, o, flowFromOne: false);
        bool zero = EndsAtZero(c);
        return new(training, PredictionOf(c), Limit(c, clipByDefault: null), isFlow, algorithm, IsMidpoint(c), new MultistepOrder(order, c.LowerOrderFinal ?? true, c.EulerAtFinal ?? false, zero), timesteps,
            Floats([.. sigmas, zero ? 0 : isFlow ? sigmas[^1] : training.Sigmas()[0]]));
    }

    private static DpmAlgorithm DpmAlgorithmOf(SchedulerConfig c) => DpmSolverUpdate.Parse(c.AlgorithmType ?? "dpmsolver++") is var algorithm && algorithm == DpmAlgorithm.NoiseSde && SolverOrder(c) == 3
        ? throw new ConfigException("solver_order 3 does not exist for algorithm_type sde-dpmsolver; use 1 or 2.")
        : algorithm;

    // The same method on rising levels: from data to the noise that it would turn into them.
    private static DpmMultistepSampler DpmMultistepInverse(SchedulerConfig c, SamplingOptions o)
    {
        if (c.UseFlowSigmas ?? false)
        {
            throw new ConfigException("use_flow_sigmas: DPMSolverMultistepInverseScheduler as published walks flows from noise to data, which inverts nothing; it is not supported.");
        }
        DpmAlgorithm algorithm = DpmAlgorithmOf(c);
        if (algorithm is DpmAlgorithm.CleanSde or DpmAlgorithm.NoiseSde)
        {
            throw new ConfigException($"algorithm_type {c.AlgorithmType}: noise cannot be inverted; DPMSolverMultistepInverseScheduler takes dpmsolver or dpmsolver++.");
        }
        NoiseSchedule training = WithFiniteTerminal(c);
        double[] levels = training.Sigmas();
        int noisiest = LastTimestep(c, levels) - 1;
        double[] timesteps, sigmas;
        if (Grid(c, levels[^1], levels[0], o.Steps) is { } falling)
        {
            sigmas = [.. falling.Reverse()];
            timesteps = [.. sigmas.Select(s => SigmaGrid.Timestep(levels, s)).Select(t => c.UseKarrasSigmas ?? false ? Math.Round(t) : Math.Floor((float)t))];
            sigmas = [.. sigmas, sigmas[^1]];
        }
        else
        {
            timesteps = TimestepSpacings.MultistepRising(SpacingOf(c, Spacing.Linspace), o.Steps, noisiest + 1, Offset(c));
            sigmas = [.. timesteps.Select(t => SigmaGrid.At(levels, t)), levels[noisiest]];
        }
        return new(training, PredictionOf(c), Limit(c, clipByDefault: null), isFlow: false, algorithm, IsMidpoint(c),
            new MultistepOrder(SolverOrder(c), c.LowerOrderFinal ?? true, c.EulerAtFinal ?? false, EndsAtZero: false), timesteps, Floats(sigmas));
    }

    private static DpmSinglestepSampler DpmSinglestep(SchedulerConfig c, SamplingOptions o)
    {
        var (training, isFlow, timesteps, sigmas) = LogSnr(c, o, flowFromOne: false);
        bool zero = EndsAtZero(c);
        return new(training, PredictionOf(c), Limit(c, clipByDefault: null), isFlow, DpmSolverUpdate.Parse(c.AlgorithmType ?? "dpmsolver++"), IsMidpoint(c),
            DpmSinglestepSampler.Orders(SolverOrder(c), timesteps.Length, (c.LowerOrderFinal ?? false) || zero), timesteps,
            Floats([.. sigmas, zero ? 0 : isFlow ? sigmas[^1] : training.Sigmas()[0]]));
    }

    private static DeisSampler Deis(SchedulerConfig c, SamplingOptions o)
    {
        if (c.SolverType is not (null or "logrho" or "midpoint" or "heun" or "bh1" or "bh2"))
        {
            throw Unknown("solver_type", c.SolverType, "logrho");
        }
        var (training, isFlow, timesteps, sigmas) = LogSnr(c, o, flowFromOne: false);
        return new(training, PredictionOf(c), Limit(c, clipByDefault: null), isFlow, new MultistepOrder(SolverOrder(c), c.LowerOrderFinal ?? true, EulerAtFinal: false, EndsAtZero: false), timesteps,
            Floats([.. sigmas, isFlow || UsesGrid(c) ? sigmas[^1] : training.Sigmas()[0]]));
    }

    private static SaSolverSampler SaSolver(SchedulerConfig c, SamplingOptions o)
    {
        bool onClean = c.AlgorithmType switch
        {
            null or "data_prediction" => true,
            "noise_prediction" => false,
            _ => throw Unknown("algorithm_type", c.AlgorithmType, "data_prediction or noise_prediction"),
        };
        if (c.TauFunc is not null)
        {
            throw new ConfigException("tau_func: a file cannot hold a function; leave it null for noise at the timesteps 200 to 800.");
        }
        var (training, isFlow, timesteps, sigmas) = LogSnr(c, o, flowFromOne: false);
        return new(training, PredictionOf(c), Limit(c, clipByDefault: null), isFlow, new SaSolverOrders(AdamsOrder("predictor_order", c.PredictorOrder), AdamsOrder("corrector_order", c.CorrectorOrder), c.LowerOrderFinal ?? true),
            onClean, o.Tau ?? SaSolverSampler.PublishedTau, timesteps, Floats([.. sigmas, isFlow || UsesGrid(c) ? sigmas[^1] : training.Sigmas()[0]]));
    }

    private static int AdamsOrder(string key, int? order) => (order ?? 2) is >= 1 and <= 4 and var value ? value : throw new ConfigException($"{key} {order} is not 1, 2, 3 or 4.");

    private static UniPcMultistepSampler UniPc(SchedulerConfig c, SamplingOptions o)
    {
        var (training, isFlow, timesteps, sigmas) = LogSnr(c, o, flowFromOne: ChangedFlowGrid(c));
        double last = EndsAtZero(c) ? 0 : isFlow || UsesGrid(c) ? sigmas[^1] : training.Sigmas()[0];
        return UniPc(c, training, isFlow, timesteps, [.. sigmas, last]);
    }

    private static UniPcMultistepSampler UniPc(SchedulerConfig c, NoiseSchedule? training, bool isFlow, double[] timesteps, double[] sigmas)
    {
        if (c.SolverP is not null)
        {
            throw new ConfigException("solver_p: a second solver as predictor is not supported; leave it null.");
        }
        bool plain = c.SolverType switch
        {
            "bh1" => true,
            null or "bh2" or "midpoint" or "heun" or "logrho" => false,
            _ => throw Unknown("solver_type", c.SolverType, "bh1 or bh2"),
        };
        return new(training, PredictionOf(c), Limit(c, clipByDefault: null), isFlow, SolverOrder(c), c.PredictX0 ?? true, plain, c.LowerOrderFinal ?? true, c.DisableCorrector ?? [], timesteps, Floats(sigmas));
    }

    private static FlowEulerStepwiseSampler FlowEuler(SchedulerConfig c, SamplingOptions o)
    {
        double[] sigmas = FlowLevels(c, o);
        if (c.ShiftTerminal is { } terminal)
        {
            double scale = (1 - sigmas[^1]) / (1 - terminal);
            sigmas = [.. sigmas.Select(s => 1 - (1 - s) / scale)];
        }
        sigmas = Grid(c, sigmas[0], sigmas[^1], sigmas.Length) ?? sigmas;
        bool inverted = c.InvertSigmas ?? false;
        sigmas = Floats(inverted ? [.. sigmas.Select(s => 1 - s)] : sigmas);
        double[] timesteps = o.Timesteps is { } custom && !inverted ? [.. custom] : Floats([.. sigmas.Select(s => s * T(c))]);
        return new(timesteps, [.. sigmas, inverted ? 1 : 0], c.StochasticSampling ?? false);
    }

    private static FlowHeunStepwiseSampler FlowHeun(SchedulerConfig c, SamplingOptions o)
    {
        double[] sigmas = Floats(FlowLevels(c, o));
        return new(Twice(Floats([.. sigmas.Select(s => s * T(c))])), [.. Twice(sigmas), 0]);
    }

    private static DpmMultistepSampler WanDpm(SchedulerConfig c, SamplingOptions o)
    {
        double[] sigmas = WanLevels(c, o, from: 1);
        bool zero = EndsAtZero(c);
        return new(null, PredictionOf(c, PredictionType.Flow), Limit(c, clipByDefault: null), isFlow: true, DpmSolverUpdate.Parse(c.AlgorithmType ?? "dpmsolver++"), IsMidpoint(c),
            new MultistepOrder(SolverOrder(c), c.LowerOrderFinal ?? true, c.EulerAtFinal ?? false, zero), Truncated(sigmas, T(c)), Floats([.. sigmas, zero ? 0 : sigmas[^1]]));
    }

    private static UniPcMultistepSampler WanUniPc(SchedulerConfig c, SamplingOptions o)
    {
        double[] sigmas = WanLevels(c, o, from: 1 - 1.0 / T(c));
        return UniPc(c with { PredictionType = c.PredictionType ?? "flow_prediction" }, null, isFlow: true, Truncated(sigmas, T(c)), [.. sigmas, EndsAtZero(c) ? 0 : sigmas[^1]]);
    }

    // The training steps, σ at each, and a Karras, exponential or beta grid instead where the configuration asks for one.
    private static (NoiseSchedule Training, double[] Timesteps, double[] Sigmas) Exploding(SchedulerConfig c, SamplingOptions o)
    {
        NoiseSchedule training = Training(c);
        double[] levels = training.Sigmas(), timesteps = Interpolated(c, o);
        double[] sigmas = [.. timesteps.Select(t => SigmaGrid.At(levels, t))];
        return Grid(c, sigmas[0], sigmas[^1], o.Steps) is { } grid ? (training, [.. grid.Select(s => SigmaGrid.Timestep(levels, s))], grid) : (training, timesteps, sigmas);
    }

    private static (NoiseSchedule Training, bool IsFlow, double[] Timesteps, double[] Sigmas) LogSnr(SchedulerConfig c, SamplingOptions o, bool flowFromOne)
    {
        NoiseSchedule training = WithFiniteTerminal(c);
        double[] levels = training.Sigmas();
        if (c.UseFlowSigmas ?? false)
        {
            double[] flow = flowFromOne ? FlowGridFromOne(c, o) : WanLevels(c with { Shift = c.FlowShift }, o, from: 1 - 1.0 / T(c));
            return (training, true, Truncated(flow, T(c)), flow);
        }
        if (c.UseLuLambdas ?? false)
        {
            double[] even = SigmaGrid.Exponential(levels[^1], levels[0], o.Steps);
            return (training, false, [.. even.Select(s => Math.Round(SigmaGrid.Timestep(levels, s)))], even);
        }
        if (Grid(c, levels[^1], levels[0], o.Steps) is { } grid)
        {
            // Karras's levels go to the nearest training step, the others to the one below.
            return (training, false, [.. grid.Select(s => SigmaGrid.Timestep(levels, s)).Select(t => c.UseKarrasSigmas ?? false ? Math.Round(t) : Math.Floor((float)t))], grid);
        }
        double[] timesteps = o.Timesteps is { } custom ? [.. custom] : TimestepSpacings.Multistep(SpacingOf(c, Spacing.Linspace), o.Steps, LastTimestep(c, levels), Offset(c));
        return (training, false, timesteps, [.. timesteps.Select(t => SigmaGrid.At(levels, t))]);
    }

    // T less the training steps whose λ lies below the clip.
    private static int LastTimestep(SchedulerConfig c, double[] levels) =>
        c.LambdaMinClipped is { } clip && double.IsFinite(clip) ? T(c) - levels.Count(s => -Math.Log(s) < clip) : T(c);

    private static double[]? Grid(SchedulerConfig c, double largest, double smallest, int steps)
    {
        double max = c.SigmaMax ?? largest, min = c.SigmaMin ?? smallest;
        return c.UseKarrasSigmas ?? false ? SigmaGrid.Karras(max, min, steps)
            : c.UseExponentialSigmas ?? false ? SigmaGrid.Exponential(max, min, steps)
            : c.UseBetaSigmas ?? false ? SigmaGrid.Beta(max, min, steps)
            : null;
    }

    private static bool UsesGrid(SchedulerConfig c) => (c.UseKarrasSigmas ?? false) || (c.UseExponentialSigmas ?? false) || (c.UseBetaSigmas ?? false);

    // linspace(1, shift(1/T), N) or the given levels, then shifted: the smallest one twice, as published.
    private static double[] FlowLevels(SchedulerConfig c, SamplingOptions o)
    {
        double shift = o.Shift ?? c.Shift ?? 1;
        bool dynamic = c.UseDynamicShifting ?? false;
        double smallest = 1.0 / T(c);
        double last = dynamic ? smallest : FlowSchedule.Apply(smallest, shift);
        double[] even = o.Sigmas is { } given ? [.. given]
            : o.Timesteps is { } custom ? [.. custom.Select(t => t / T(c))]
            : [.. Enumerable.Range(0, o.Steps).Select(i => o.Steps == 1 ? 1 : 1 + (last - 1) * i / (o.Steps - 1))];
        return [.. even.Select(s => dynamic ? Dynamic(c, o, s) : FlowSchedule.Apply(s, shift))];
    }

    private static double Dynamic(SchedulerConfig c, SamplingOptions o, double sigma)
    {
        double mu = o.Mu ?? throw new ConfigException("use_dynamic_shifting: the sampler needs μ, which follows from the number of tokens.");
        double scale = c.TimeShiftType switch
        {
            null or "exponential" => Math.Exp(mu),
            "linear" => mu,
            _ => throw Unknown("time_shift_type", c.TimeShiftType, "exponential or linear"),
        };
        return scale / (scale + (1 / sigma - 1));
    }

    // linspace(from, 0, N + 1) without the 0, shifted.
    private static double[] WanLevels(SchedulerConfig c, SamplingOptions o, double from)
    {
        double shift = o.Shift ?? c.Shift ?? 1;
        return o.Sigmas is { } given ? [.. given] : [.. Enumerable.Range(0, o.Steps).Select(i => FlowSchedule.Apply(from * (o.Steps - i) / o.Steps, shift))];
    }

    // linspace(1, 1/T, N + 1) without its last, shifted; a first level of 1 is moved to 1 − 10⁻⁶, where λ is finite.
    private static double[] FlowGridFromOne(SchedulerConfig c, SamplingOptions o)
    {
        const double belowOne = 1e-6;
        double shift = o.Shift ?? c.FlowShift ?? 1, last = 1.0 / T(c);
        double[] sigmas = [.. Enumerable.Range(0, o.Steps).Select(i => 1 + (last - 1) * i / o.Steps).Select(s => c.UseDynamicShifting ?? false ? Dynamic(c, o, s) : FlowSchedule.Apply(s, shift))];
        sigmas[0] = Math.Min(sigmas[0], 1 - belowOne);
        return sigmas;
    }

    // The grid of UniPC's flow changed after release 0.35; a file without a release is the original layout.
    private static bool ChangedFlowGrid(SchedulerConfig c)
    {
        string[] parts = (c.DiffusersVersion ?? "0").Split('.');
        return int.TryParse(parts[0], out int major) && (major > 0 || (parts.Length > 1 && int.TryParse(parts[1], out int minor) && minor > 35));
    }

    private static double[] Interpolated(SchedulerConfig c, SamplingOptions o) => TimestepSpacings.Interpolated(SpacingOf(c, Spacing.Linspace), o.Steps, T(c), Offset(c));

    private static double[] ConsistencySteps(SchedulerConfig c, SamplingOptions o) => o.Timesteps is { } custom ? [.. custom] : ConsistencyTimesteps.Of(o.Steps, c.OriginalInferenceSteps ?? 50, T(c));

    private static double[] Twice(double[] values) => [values[0], .. values.Skip(1).SelectMany(v => new[] { v, v })];

    private static double[] Floats(double[] values) => [.. values.Select(v => (double)(float)v)];

    private static double[] Truncated(double[] sigmas, int trainingSteps) => [.. sigmas.Select(s => Math.Floor(s * trainingSteps))];

    private static int T(SchedulerConfig c) => c.NumTrainTimesteps ?? 1000;

    private static int Offset(SchedulerConfig c) => c.StepsOffset ?? 0;

    private static Spacing SpacingOf(SchedulerConfig c, Spacing otherwise) => c.TimestepSpacing is { } name ? TimestepSpacings.Parse(name) : otherwise;

    private static PredictionType PredictionOf(SchedulerConfig c, PredictionType otherwise = PredictionType.Epsilon) => c.PredictionType is { } name ? Prediction.Parse(name) : otherwise;

    private static bool StartsAtLargest(SchedulerConfig c) => SpacingOf(c, Spacing.Linspace) is Spacing.Linspace or Spacing.Trailing;

    private static bool EndsAtZero(SchedulerConfig c) => c.FinalSigmasType switch
    {
        null or "zero" => true,
        "sigma_min" => false,
        _ => throw Unknown("final_sigmas_type", c.FinalSigmasType, "zero or sigma_min"),
    };

    private static bool IsMidpoint(SchedulerConfig c) => c.SolverType switch
    {
        "heun" => false,
        null or "midpoint" or "bh1" or "bh2" or "logrho" => true,
        _ => throw Unknown("solver_type", c.SolverType, "midpoint or heun"),
    };

    private static int SolverOrder(SchedulerConfig c) =>
        (c.SolverOrder ?? 2) is >= 1 and <= 3 and var order ? order : throw new ConfigException($"solver_order {c.SolverOrder} is not 1, 2 or 3.");

    private static NoiseSchedule Training(SchedulerConfig c)
    {
        var (schedule, start, end) = UsualBetas(c.ClassName);
        return NoiseSchedule.Create(c.BetaSchedule ?? schedule, c.BetaStart ?? start, c.BetaEnd ?? end, T(c), c.TrainedBetas, c.RescaleBetasZeroSnr ?? false);
    }

    // What a class trains on where its file does not say. Source: huggingface/diffusers, src/diffusers/schedulers, beta_start, beta_end and beta_schedule
    // of __init__: Heun 0047da10, KDPM2 00c95122, DPM-Solver SDE 013e60c1; the others d035dcd7.
    private static (string Schedule, double Start, double End) UsualBetas(string className) => className switch
    {
        "LCMScheduler" or "TCDScheduler" or "CogVideoXDDIMScheduler" or "CogVideoXDPMScheduler" => ("scaled_linear", 0.00085, 0.012),
        "HeunDiscreteScheduler" or "KDPM2DiscreteScheduler" or "KDPM2AncestralDiscreteScheduler" or "DPMSolverSDEScheduler" => ("linear", 0.00085, 0.012),
        _ => ("linear", 0.0001, 0.02),
    };

    private static NoiseSchedule WithFiniteTerminal(SchedulerConfig c) => c.RescaleBetasZeroSnr ?? false ? Training(c).WithFiniteTerminal() : Training(c);

    private static NoiseSchedule CogVideoXTraining(SchedulerConfig c)
    {
        var (schedule, start, end) = UsualBetas(c.ClassName);
        return NoiseSchedule.CreateShifted(c.BetaSchedule ?? schedule, c.BetaStart ?? start, c.BetaEnd ?? end, T(c), c.TrainedBetas, c.SnrShiftScale ?? 3, c.RescaleBetasZeroSnr ?? false);
    }

    private static double FinalAlpha(SchedulerConfig c, NoiseSchedule training, bool oneByDefault = true) => c.SetAlphaToOne ?? oneByDefault ? 1 : training.AlphasCumprod[0];

    // null: the class never clips to a fixed range.
    private static CleanLimit Limit(SchedulerConfig c, bool? clipByDefault) => new(
        c.Thresholding ?? false, c.DynamicThresholdingRatio ?? 0.995, c.SampleMaxValue ?? 1, clipByDefault is { } clip && (c.ClipSample ?? clip) ? c.ClipSampleRange ?? 1 : null);

    private static ConfigException Unknown(string key, string? value, string expected) => new($"{key} '{value}' is unknown; expected {expected}.");
}
