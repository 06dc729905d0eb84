// Optimizers, learning-rate curves, averages of weights and loss weights.

using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Optimization;
using Kinora.Models.Diffusion.Objectives;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Runs golden/train/optimizers: the parameters, flattened, after steps 1, 2, 5 and 12 with given gradients.</summary>
internal sealed class OptimizersRunner : IFixtureRunner
{
    private const double DefaultRate = 1e-3, MaxNorm = 1;
    private static readonly int[] ShownSteps = [1, 2, 5, 12];

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; } = ["torch.optim / Adafactor"];

    /// <inheritdoc/>
    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        foreach (JsonProperty entry in fixture.Config!.Value.EnumerateObject())
        {
            using var scope = TensorScope.Enter();
            outputs.Add("out." + entry.Name, Trajectory(fixture, entry.Value));
        }
        Tensor[] gradients = [fixture.Input("g0").Select(0, 0), fixture.Input("g1").Select(0, 0)];
        Tensor[] parameters = [.. gradients.Select(g => Tensor.ZerosLike(g).RequiresGradInPlace())];
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i].Grad = gradients[i].Clone();
        }
        outputs.Add("out.clip_total_norm", Tensor.Full([1], GradientClipping.ClipInPlace(parameters, MaxNorm)));
        outputs.Add("out.clip_g0", parameters[0].Grad!);
    }

    private static Tensor Trajectory(Fixture fixture, JsonElement options)
    {
        double rate = options.TryGetProperty("lr", out JsonElement lr) && lr.ValueKind == JsonValueKind.Number ? lr.GetDouble() : DefaultRate;
        Tensor[] parameters = [fixture.Input("p0").Clone(), fixture.Input("p1").Clone()];
        Tensor[] gradients = [fixture.Input("g0"), fixture.Input("g1")];
        UpdateRule[] rules = [Rule(options), Rule(options)];
        try
        {
            var rows = new List<Tensor>();
            for (int step = 1; step <= ShownSteps[^1]; step++)
            {
                for (int i = 0; i < parameters.Length; i++)
                {
                    rules[i].Step(parameters[i], gradients[i].Select(0, step - 1), rate);
                }
                if (ShownSteps.Contains(step))
                {
                    rows.Add(Tensor.Cat([parameters[0].Flatten(), parameters[1].Flatten()], 0));
                }
            }
            return Tensor.Stack(rows, 0);                                                        // [4, 29]
        }
        finally
        {
            foreach (UpdateRule rule in rules)
            {
                rule.Dispose();
            }
        }
    }

    private static UpdateRule Rule(JsonElement o) => o.GetProperty("class").GetString() switch
    {
        "AdamW" when !Flag(o, "amsgrad") => new TrainingAdamW(AdamWConstants(o)),
        "AdamW" => Adam(o, decoupled: true, defaultDecay: 0.01),
        "Adam" => Adam(o, decoupled: false, defaultDecay: 0),
        "SGD" => new SgdRule(Number(o, "momentum", 0), Number(o, "dampening", 0), Flag(o, "nesterov"), Number(o, "weight_decay", 0)),
        "RMSprop" => new RmsPropRule(Number(o, "alpha", 0.99), Number(o, "eps", 1e-8), Number(o, "momentum", 0), Flag(o, "centered")),
        "Adagrad" => new AdagradRule(Number(o, "eps", 1e-10)),
        "Adamax" => new AdamaxRule(),
        "RAdam" => new RAdamRule(),
        "NAdam" => new NAdamRule(),
        "Adafactor" => new AdafactorRule(Flag(o, "scale_parameter"), Flag(o, "relative_step"), Flag(o, "warmup_init"), o.TryGetProperty("beta1", out JsonElement b) && b.ValueKind == JsonValueKind.Number ? b.GetDouble() : null, Number(o, "weight_decay", 0)),
        var name => throw new ConfigException($"optimizer '{name}' is unknown."),
    };

    private static AdamRule Adam(JsonElement o, bool decoupled, double defaultDecay)
    {
        double[] betas = Betas(o);
        return new AdamRule(betas[0], betas[1], Number(o, "eps", 1e-8), Number(o, "weight_decay", defaultDecay), decoupled, Flag(o, "amsgrad"));
    }

    private static AdamWOptions AdamWConstants(JsonElement o)
    {
        double[] betas = Betas(o);
        return new AdamWOptions { Beta1 = betas[0], Beta2 = betas[1], Epsilon = Number(o, "eps", 1e-8), WeightDecay = Number(o, "weight_decay", 0.01), DecayVectors = true };
    }

    private static double[] Betas(JsonElement o) => o.TryGetProperty("betas", out JsonElement list) ? [.. list.EnumerateArray().Select(b => b.GetDouble())] : [0.9, 0.999];

    private static double Number(JsonElement o, string name, double otherwise) => o.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : otherwise;

    private static bool Flag(JsonElement o, string name) => o.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    /// <summary>The optimizer that trains the product's models, on one parameter.</summary>
    private sealed class TrainingAdamW(AdamWOptions options) : UpdateRule
    {
        private AdamW? _adam;

        protected override void Update(Tensor p, Tensor g, double eta)
        {
            p.RequiresGradInPlace();
            _adam ??= new AdamW([("p", p)], options);
            p.Grad = g;
            _adam.Step(eta);
            _adam.ZeroGrad();
            p.RequiresGradInPlace(false);
        }

        protected override void Dispose(bool disposing)
        {
            _adam?.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>Runs golden/train/lr_schedules. The parameters that config.json does not state are those of the reference's own script.</summary>
internal sealed class LearningRatesRunner : IFixtureRunner
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; } = ["diffusers.optimization.get_scheduler / torch.optim.lr_scheduler"];

    /// <inheritdoc/>
    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        JsonElement config = fixture.Config!.Value;
        double peak = config.GetProperty("base_lr").GetDouble();
        long warmup = config.GetProperty("num_warmup_steps").GetInt64(), total = config.GetProperty("num_training_steps").GetInt64();
        var tolerance = new Tolerance(0, fixture.Meta.GetProperty("tolerance_advice").GetProperty("rel").GetDouble());
        Curve("diffusers_constant", (k, _) => LearningRates.Constant(peak, k));
        Curve("diffusers_constant_with_warmup", (k, _) => LearningRates.Constant(peak, k, warmup));
        Curve("diffusers_linear", (k, _) => LearningRates.Linear(peak, k, warmup, total));
        Curve("diffusers_cosine", (k, _) => LearningRates.Cosine(peak, k, warmup, total));
        Curve("diffusers_cosine_with_restarts", (k, _) => LearningRates.CosineWithRestarts(peak, k, warmup, total, cycles: 3));
        Curve("diffusers_polynomial", (k, _) => LearningRates.Polynomial(peak, k, warmup, total, power: 1, end: 1e-7));
        Curve("torch_step", (k, _) => LearningRates.Step(peak, k, every: 7, factor: 0.5));
        Curve("torch_exp", (k, _) => LearningRates.Exponential(peak, k, factor: 0.9));
        Curve("torch_cosine_annealing", (k, _) => LearningRates.CosineAnnealing(peak, k, halfPeriod: 20, floor: peak / 100));
        Curve("torch_warm_restarts", (k, _) => LearningRates.WarmRestarts(peak, k, first: 10, growth: 2));
        Curve("torch_onecycle", (k, n) => LearningRates.OneCycle(peak * 10, k, n));

        void Curve(string name, Func<long, long, double> rate)
        {
            if (fixture.Expects("out." + name))
            {
                long count = fixture.ExpectedTensor("out." + name).NumElements;
                outputs.Add("out." + name, Tensor.FromArray<double>([.. Enumerable.Range(0, (int)count).Select(k => rate(k, count))], count), tolerance);
            }
        }
    }
}

/// <summary>Runs golden/train/ema_snr_weights: averages after each of the updates, and loss weights by noise level.</summary>
internal sealed class AverageAndWeightsRunner : IFixtureRunner
{
    private static readonly int[] SnrTimesteps = [0, 10, 250, 500, 999];

    private static readonly (string Name, ExponentialMovingAverageOptions Options)[] Averages =
    [
        ("plain", new ExponentialMovingAverageOptions { Decay = 0.99 }),
        ("warmup", new ExponentialMovingAverageOptions { Decay = 0.9999, WarmupPower = 0.75 }),
        ("after3_min", new ExponentialMovingAverageOptions { Decay = 0.95, UpdateAfter = 3, MinDecay = 0.2 }),
    ];

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; } = ["diffusers.training_utils EMAModel, compute_snr, compute_loss_weighting_for_sd3"];

    /// <inheritdoc/>
    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        Tensor[] weights = fixture.Input("p").Unbind(0);                                         // 12 x [3, 2]
        foreach (var (name, options) in Averages)
        {
            Tensor parameter = weights[0].Clone();
            using var average = new ExponentialMovingAverage([("p", parameter)], options);
            var rows = new List<Tensor>();
            var decays = new List<double>();
            foreach (Tensor next in weights.Skip(1))
            {
                parameter.CopyInPlace(next);
                average.Update();
                decays.Add(average.DecayAt(average.UpdateCount));
                rows.Add(average.State().Single().Value.Clone());
            }
            outputs.Add("out.ema_" + name, Tensor.Stack(rows, 0));
            outputs.Add("out.decay_" + name, Tensor.FromArray<double>([.. decays], decays.Count));
        }
        NoiseSchedule schedule = NoiseSchedule.Create("scaled_linear", 0.00085, 0.012, 1000);
        double[] snr = [.. SnrTimesteps.Select(t => LossWeights.Snr(schedule, t))];
        double[] sigmas = fixture.Input("sigmas").ToFloat64();
        Add("snr", snr);
        Add("min_snr5_eps_weight", snr.Select(s => LossWeights.MinSnrEpsilon(s)));
        Add("min_snr5_v_weight", snr.Select(s => LossWeights.MinSnrVelocity(s)));
        Add("sd3_weight_sigma_sqrt", sigmas.Select(LossWeights.SigmaSquareRoot));
        Add("sd3_weight_cosmap", sigmas.Select(LossWeights.CosineMap));
        Add("sd3_weight_none", sigmas.Select(_ => 1.0));

        void Add(string name, IEnumerable<double> values)
        {
            double[] array = [.. values];
            outputs.Add("out." + name, Tensor.FromArray<double>(array, array.Length));
        }
    }
}
