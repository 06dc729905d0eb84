// Compares what a runner computes with what the reference computed, while it comes.

using System.Globalization;
using System.Text.Json;
using Kinora.Engine;

namespace Kinora.Evaluation.Parity;

/// <summary>Takes a runner's results and compares each at once; nothing is kept but the differences.</summary>
public sealed class FixtureOutputs
{
    private readonly Fixture _fixture;
    private readonly List<Comparison> _comparisons = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    internal FixtureOutputs(Fixture fixture) => _fixture = fixture;

    /// <summary>Everything compared so far.</summary>
    public IReadOnlyList<Comparison> Comparisons => _comparisons;

    /// <summary>Whether the fixture expects a tensor of this name: lets a runner skip costly intermediates that nobody asks for.</summary>
    public bool Wants(string name) => _fixture.Expects(name);

    /// <summary>Compares a tensor with the reference's by meta.json's tolerance. A name that the fixture does not expect is passed over.</summary>
    public void Add(string name, Tensor value)
    {
        if (!_fixture.Expects(name))
        {
            return;
        }
        using var scope = TensorScope.Enter();
        Tensor expected = _fixture.ExpectedTensor(name);
        Add(name, value, _fixture.ToleranceOf(name, expected));
    }

    /// <summary>Compares a tensor with the reference's by a tolerance that the runner derives from meta.json.</summary>
    public void Add(string name, Tensor value, Tolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!_fixture.Expects(name))
        {
            return;
        }
        using var scope = TensorScope.Enter();
        Tensor expected = _fixture.ExpectedTensor(name);
        _seen.Add(name);
        _comparisons.Add(value.Shape.AsSpan().SequenceEqual(expected.Shape)
            ? Compare(name, value.ToFloat64(), expected.ToFloat64(), expected.Shape, _ => tolerance)
            : Failure(name, $"shape [{string.Join(", ", value.Shape)}], expected [{string.Join(", ", expected.Shape)}]"));
    }

    /// <summary>Compares values with the reference's, each row of the first dimension by a tolerance of its own.</summary>
    public void AddRows(string name, Tensor value, Func<long, Tolerance> toleranceOfRow)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(toleranceOfRow);
        if (!_fixture.Expects(name))
        {
            return;
        }
        using var scope = TensorScope.Enter();
        Tensor expected = _fixture.ExpectedTensor(name);
        _seen.Add(name);
        long rowSize = Math.Max(1, expected.NumElements / Math.Max(1, expected.Size(0)));
        _comparisons.Add(value.Shape.AsSpan().SequenceEqual(expected.Shape)
            ? Compare(name, value.ToFloat64(), expected.ToFloat64(), expected.Shape, i => toleranceOfRow(i / rowSize))
            : Failure(name, $"shape [{string.Join(", ", value.Shape)}], expected [{string.Join(", ", expected.Shape)}]"));
    }

    /// <summary>Records a comparison that the runner made itself: a statistic, an id, a whole case.</summary>
    /// <param name="name">What was compared; a tensor of this name counts as handed over.</param>
    /// <param name="error">How far off; 0 is exact.</param>
    /// <param name="allowed">How far off it may be.</param>
    /// <param name="where">Where the largest difference is.</param>
    public void AddCheck(string name, double error, double allowed, string where = "")
    {
        _seen.Add(name);
        double excess = error == 0 ? 0 : double.IsNaN(error) || allowed <= 0 ? double.PositiveInfinity : error / allowed;
        _comparisons.Add(new Comparison(name, error, allowed, where, excess));
    }

    /// <summary>
    /// Back-propagates mean(out²) and compares the gradients: named tensors element by element, the summary's norms, and the norm over
    /// all parameters. Does nothing when the fixture gives no gradients.
    /// </summary>
    /// <param name="output">The tensor that the summary's loss names; the network's main output.</param>
    /// <param name="parameters">The network's parameters, built by <see cref="Fixture.Load"/>.</param>
    public void AddGradients(Tensor output, IEnumerable<(string Name, Tensor Value)> parameters)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (!_fixture.WantsGradients)
        {
            return;
        }
        using var scope = TensorScope.Enter();
        JsonElement check = _fixture.GradientCheck;
        Tensor loss = output.Square().Mean();
        CheckNumber("grad_check.loss_value", loss.Detach().Item(), check.GetProperty("loss_value").GetDouble(), 1e-4);
        loss.Backward();
        double squares = 0;
        var summaries = check.GetProperty("params");
        foreach (var (name, parameter) in parameters)
        {
            if (parameter.Grad is not { } gradient)
            {
                continue;
            }
            double norm = gradient.To(DType.Float64).Norm().Item();
            squares += norm * norm;
            Add("grad." + name, gradient);
            if (summaries.TryGetProperty(name, out JsonElement summary))
            {
                CheckNumber($"grad_check.{name}.l2norm", norm, summary.GetProperty("l2norm").GetDouble(), 1e-3);
                CheckNumber($"grad_check.{name}.absmax", Fixture.Magnitude(gradient), summary.GetProperty("absmax").GetDouble(), 1e-3);
            }
        }
        foreach (JsonProperty summary in summaries.EnumerateObject().Where(s => !_comparisons.Exists(c => c.Name == $"grad_check.{s.Name}.l2norm")))
        {
            _comparisons.Add(Failure($"grad_check.{summary.Name}", "no gradient reached a parameter of this name"));
        }
        CheckNumber("grad_check.global_l2norm_all_params", Math.Sqrt(squares), check.GetProperty("global_l2norm_all_params").GetDouble(), 1e-3);
    }

    /// <summary>Counts what was expected and never came as failed.</summary>
    internal void Finish()
    {
        foreach (string name in _fixture.Expected.Where(n => !_seen.Contains(n)))
        {
            _comparisons.Add(Failure(name, "not computed"));
        }
        if (_comparisons.Count == 0)
        {
            _comparisons.Add(Failure("(fixture)", "nothing was compared"));
        }
    }

    private void CheckNumber(string name, double value, double expected, double relative) =>
        AddCheck(name, Math.Abs(value - expected), relative * Math.Abs(expected), string.Create(CultureInfo.InvariantCulture, $"{value:G6}, reference {expected:G6}"));

    private static Comparison Failure(string name, string why) => new(name, double.NaN, 0, why, double.PositiveInfinity);

    private static Comparison Compare(string name, double[] ours, double[] reference, long[] shape, Func<long, Tolerance> toleranceOf)
    {
        double worstExcess = 0, largest = 0, allowedThere = 0;
        long worst = 0;
        for (long i = 0; i < ours.Length; i++)
        {
            if (ours[i] == reference[i] || (double.IsNaN(ours[i]) && double.IsNaN(reference[i])))
            {
                continue;
            }
            double difference = Math.Abs(ours[i] - reference[i]);
            Tolerance tolerance = toleranceOf(i);
            double allowed = tolerance.Absolute + tolerance.Relative * Math.Abs(reference[i]);
            double excess = double.IsNaN(difference) || allowed <= 0 ? double.PositiveInfinity : difference / allowed;
            largest = double.IsNaN(difference) ? double.NaN : Math.Max(largest, difference);
            if (excess > worstExcess)
            {
                (worstExcess, worst, allowedThere) = (excess, i, allowed);
            }
        }
        string where = ours.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"[{string.Join(", ", Index(worst, shape))}] ours {ours[worst]:G7}, reference {reference[worst]:G7}");
        return new Comparison(name, largest, allowedThere, where, worstExcess);
    }

    private static long[] Index(long flat, long[] shape)
    {
        var index = new long[shape.Length];
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            (flat, index[d]) = Math.DivRem(flat, Math.Max(1, shape[d]));
        }
        return index;
    }
}
