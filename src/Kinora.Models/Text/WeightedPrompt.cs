using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Kinora.Models.Text;

/// <summary>A prompt with parts that count more or less: <c>a (red:1.3) balloon over a (city:0.8)</c>.</summary>
public sealed partial class WeightedPrompt
{
    private const double MaxWeight = 10;
    private const int MatchTimeoutMilliseconds = 1000;
    private readonly List<(int End, double Weight)> _parts = [];

    private WeightedPrompt(string text) => Text = text;

    /// <summary>The words without weights.</summary>
    public string Text { get; }

    /// <summary>Whether any part has a weight of its own.</summary>
    public bool IsWeighted => _parts.Exists(p => p.Weight != 1);

    /// <summary>Reads <c>(words:weight)</c>, with weights from 0 to 10; any other parentheses are words.</summary>
    public static WeightedPrompt Parse(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var text = new StringBuilder();
        var parts = new List<(int, double)>();
        int at = 0;
        foreach (Match match in Part().Matches(prompt))
        {
            double weight = double.Parse(match.Groups["weight"].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
            if (weight > MaxWeight)
            {
                continue;
            }
            parts.Add((text.Append(prompt, at, match.Index - at).Length, 1));
            parts.Add((text.Append(match.Groups["words"].ValueSpan).Length, weight));
            at = match.Index + match.Length;
        }
        parts.Add((text.Append(prompt, at, prompt.Length - at).Length, 1));
        var result = new WeightedPrompt(text.ToString());
        result._parts.AddRange(parts);
        return result;
    }

    /// <summary>The weight of every position of a sequence of tokens; 1 for those that begin, end and pad it.</summary>
    /// <param name="tokenizer">What made the sequence from <see cref="Text"/>.</param>
    /// <param name="length">Its length.</param>
    public float[] TokenWeights(TextTokenizer tokenizer, int length)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var weights = new float[length];
        Array.Fill(weights, 1f);
        int at = tokenizer.Roles.Bos is null ? 0 : 1, first = at;
        foreach (var (end, weight) in _parts)
        {
            int next = Math.Min(length, first + tokenizer.Encode(Text[..end], addSpecialTokens: false).Length);
            for (; at < next; at++)
            {
                weights[at] = (float)weight;
            }
        }
        return weights;
    }

    [GeneratedRegex(@"\((?<words>[^():]+):(?<weight>[0-9]+(\.[0-9]+)?)\)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchTimeoutMilliseconds)]
    private static partial Regex Part();
}
