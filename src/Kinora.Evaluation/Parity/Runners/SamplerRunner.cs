// Published samplers with the fixtures' analytic denoiser: out = 0.3 x_in + 0.1 sin(t).
// DDPM with a learned variance gets tanh(out) as the second half of the channels. The noise is in.noise, one row per draw.
// The tolerance of a row i of a trajectory is 1e-5 max(1, |row|) + 1e-6 max over the rows up to i (meta.json, tolerance_advice). The
// network's inputs and outputs and the estimates of x₀ come from those rows, so the same drift is theirs.

using System.Globalization;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Diffusion.Samplers.Stepwise;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Runs golden/schedulers.</summary>
internal sealed class SamplerRunner : IFixtureRunner
{
    private const double RowAbsolute = 1e-5, RowDrift = 1e-6, SigmaRelative = 1e-5, TimestepRelative = 1e-4, ScheduleAbsolute = 1e-5;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; } = [.. PublishedSamplers.ClassNames.SelectMany(name => new[] { $"diffusers.schedulers.{name}", $"wan.utils.{name}" })];

    /// <inheritdoc/>
    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        SchedulerConfig config = SchedulerConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        int begin = fixture.Arguments.TryGetProperty("begin_index", out JsonElement index) && index.ValueKind == JsonValueKind.Number ? index.GetInt32() : 0;
        using StepwiseSampler sampler = PublishedSamplers.Create(config, Options(fixture.Arguments));
        Tensor start = fixture.Input("x_init"), noise = fixture.Input("noise");
        int draws = 0;
        Tensor x = begin > 0 ? start : start * sampler.InitialNoiseScale;
        List<Tensor> trajectory = [x], inputs = [], answers = [], clean = [];
        for (int call = begin; call < sampler.Timesteps.Count; call++)
        {
            Tensor input = sampler.ScaleInput(x, call);
            Tensor answer = input * 0.3 + 0.1 * Math.Sin((float)sampler.Timesteps[call]);
            if (config.VarianceType == "learned_range")
            {
                answer = Tensor.Cat([answer, answer.Tanh()], 1);
            }
            StepwiseResult result = sampler.Step(answer, call, x, () => noise.Select(0, draws++));
            x = result.Next;
            inputs.Add(input);
            answers.Add(answer);
            trajectory.Add(x);
            if (result.Denoised is { } denoised)
            {
                clean.Add(denoised);
            }
        }
        outputs.Add("out.timesteps", Numbers(sampler.Timesteps), IsWhole(fixture) ? Tolerance.Exact : new Tolerance(0, TimestepRelative));
        outputs.Add("out.sigmas", Numbers(sampler.Sigmas), new Tolerance(0, SigmaRelative));
        AddRows(fixture, outputs, "out.traj", trajectory);
        AddRows(fixture, outputs, "out.model_inputs", inputs);
        AddRows(fixture, outputs, "out.model_outputs", answers);
        AddRows(fixture, outputs, "out.pred_original", clean);
        if (sampler.Training is { } training)
        {
            outputs.Add("out.betas", Numbers(training.Betas), new Tolerance(ScheduleAbsolute * training.Betas.Max(), SigmaRelative));
            outputs.Add("out.alphas_cumprod", Numbers(training.AlphasCumprod), new Tolerance(1e-7, SigmaRelative));
        }
        int drawn = fixture.Meta.GetProperty("noise_draws_per_step").EnumerateArray().Sum(d => d.GetInt32());
        outputs.AddCheck("noise_draws_per_step", Math.Abs(draws - drawn), 0, string.Create(CultureInfo.InvariantCulture, $"{draws} draws, reference {drawn}"));
        AddNoise(fixture, outputs, sampler, start, noise);
    }

    // Three timesteps, one per sample of the batch.
    private static void AddNoise(Fixture fixture, FixtureOutputs outputs, StepwiseSampler sampler, Tensor start, Tensor noise)
    {
        if (!fixture.Expects("out.add_noise_t"))
        {
            return;
        }
        Tensor expected = fixture.ExpectedTensor("out.add_noise_t");
        double[] timesteps = expected.ToFloat64();
        outputs.Add("out.add_noise_t", expected);
        AddRows(fixture, outputs, "out.add_noise", [.. timesteps.Select((t, i) => sampler.AddNoise(start.Select(0, 0), noise.Select(0, i).Select(0, 0), t))]);
        if (fixture.Expects("out.velocity") && sampler.Training is { } training)
        {
            // Euler's velocity is taken at the number of the step instead of at its timestep; the others take the timestep.
            bool byStep = sampler.Sigmas.Count > 0;
            AddRows(fixture, outputs, "out.velocity", [.. timesteps.Select((t, i) => training.Velocity(start.Select(0, 0), noise.Select(0, i).Select(0, 0), byStep ? Nearest(sampler.Timesteps, t) : (int)t))]);
        }
    }

    private static int Nearest(IReadOnlyList<double> timesteps, double t) => Enumerable.Range(0, timesteps.Count).MinBy(i => Math.Abs(timesteps[i] - t));

    private static void AddRows(Fixture fixture, FixtureOutputs outputs, string name, List<Tensor> rows)
    {
        if (!fixture.Expects(name) || rows.Count == 0)
        {
            return;
        }
        double[] largest = Magnitudes(fixture, name), drift = name is "out.add_noise" or "out.velocity" ? largest : Magnitudes(fixture, "out.traj");
        outputs.AddRows(name, Tensor.Stack(rows, 0), row => new Tolerance(RowAbsolute * Math.Max(1, largest[row]) + RowDrift * drift.Take((int)row + 1).Max()));
    }

    private static double[] Magnitudes(Fixture fixture, string name) => [.. fixture.ExpectedTensor(name).Unbind(0).Select(Fixture.Magnitude)];

    private static bool IsWhole(Fixture fixture) => !fixture.ExpectedTensor("out.timesteps").DType.IsFloatingPoint();

    private static Tensor Numbers(IReadOnlyList<double> values) => Tensor.FromArray<double>([.. values], values.Count);

    private static SamplingOptions Options(JsonElement arguments)
    {
        JsonElement set = arguments.GetProperty("set_timesteps"), step = arguments.GetProperty("step");
        IReadOnlyList<double>? timesteps = List(set, "timesteps"), sigmas = List(set, "sigmas");
        int steps = set.TryGetProperty("num_inference_steps", out JsonElement n) ? n.GetInt32() : timesteps?.Count ?? sigmas?.Count ?? 0;
        return new SamplingOptions(steps)
        {
            Timesteps = timesteps,
            Sigmas = sigmas,
            Mu = Number(set, "mu"),
            Shift = Number(set, "shift"),
            Eta = Number(step, "eta"),
            UseClippedModelOutput = step.TryGetProperty("use_clipped_model_output", out JsonElement clipped) && clipped.GetBoolean(),
            Churn = Number(step, "s_churn") ?? 0,
            ChurnFrom = Number(step, "s_tmin") ?? 0,
            ChurnTo = Number(step, "s_tmax") ?? double.PositiveInfinity,
            ChurnNoise = Number(step, "s_noise") ?? 1,
        };
    }

    private static double? Number(JsonElement from, string name) => from.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static IReadOnlyList<double>? List(JsonElement from, string name)
    {
        if (!from.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(v => v.GetDouble())] : WanSamplingSigmas(value.GetString()!);
    }

    // "get_sampling_sigmas(N, shift)": linspace(1, 0, N + 1) without its last, shifted (Wan-Video/Wan2.1 9737cba9, wan/utils/fm_solvers.py).
    private static double[] WanSamplingSigmas(string call)
    {
        int open = call.IndexOf('(', StringComparison.Ordinal), close = call.IndexOf(')', StringComparison.Ordinal);
        string[] parts = open > 0 && close > open && call[..open] == "get_sampling_sigmas" ? call[(open + 1)..close].Split(',') : [];
        if (parts.Length != 2 || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out int steps) || !double.TryParse(parts[1], CultureInfo.InvariantCulture, out double shift))
        {
            throw new ConfigException($"set_timesteps.sigmas '{call}' is unknown; expected numbers or get_sampling_sigmas(N, shift).");
        }
        return [.. Enumerable.Range(0, steps).Select(i => Kinora.Models.Diffusion.Schedules.FlowSchedule.Apply((double)(steps - i) / steps, shift))];
    }
}
