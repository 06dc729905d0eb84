// Prompts of any length for encoders with a window, with parts that count more or less.
// The notation and the windows are those of AUTOMATIC1111/stable-diffusion-webui 00e09382: modules/prompt_parser.py (parse_prompt_attention)
// and modules/sd_hijack_clip.py (tokenize_line).

using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Kinora.Models.Text;

/// <summary>
/// A prompt with parts that count more or less. <c>(words:1.3)</c> count 1.3 times as much, <c>(words)</c> 1.1 times, <c>[words]</c> 1/1.1
/// times; brackets nest and multiply. A backslash makes the next bracket, or backslash, an ordinary character. <c>BREAK</c> in capitals begins
/// a new window of the encoder.
/// </summary>
public sealed partial class WeightedPrompt
{
    private const string BreakWord = "BREAK", Comma = ",</w>";
    private const double Step = 1.1, MaxWeight = 10;
    // A window ends at a comma if there is one among so many last tokens.
    private const int CommaReach = 20;
    private const int MatchTimeoutMilliseconds = 1000;

    private WeightedPrompt(IReadOnlyList<PromptPart> parts) => Parts = parts;

    /// <summary>The words with their weights, in order. A part with <see cref="PromptPart.Breaks"/> begins a window.</summary>
    public IReadOnlyList<PromptPart> Parts { get; }

    /// <summary>The words without weights.</summary>
    public string Text => string.Concat(Parts.Select(p => p.Text));

    /// <summary>Whether any part has a weight of its own.</summary>
    public bool IsWeighted => Parts.Any(p => p.Weight != 1);

    /// <summary>Reads a prompt.</summary>
    /// <exception cref="FormatException">A weight is outside 0 to 10; the message says what to write instead.</exception>
    public static WeightedPrompt Parse(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var parts = new List<PromptPart>();
        Stack<int> round = [], square = [];
        foreach (Match match in Tokens().Matches(prompt))
        {
            string token = match.Value;
            Group weight = match.Groups["weight"];
            if (token.Length == 2 && token[0] == '\\')
            {
                parts.Add(new PromptPart(token[1..], 1));
            }
            else if (token is "(" or "[")
            {
                (token == "(" ? round : square).Push(parts.Count);
            }
            else if (weight.Success && round.Count > 0)
            {
                Multiply(round.Pop(), WeightOf(weight.Value));
            }
            else if (token == ")" && round.Count > 0)
            {
                Multiply(round.Pop(), Step);
            }
            else if (token == "]" && square.Count > 0)
            {
                Multiply(square.Pop(), 1 / Step);
            }
            else
            {
                string[] pieces = Break().Split(token);
                parts.AddRange(pieces.Select((piece, i) => new PromptPart(piece, 1, Breaks: i > 0)));
            }
        }
        // What is never closed reaches to the end.
        foreach (int start in round)
        {
            Multiply(start, Step);
        }
        foreach (int start in square)
        {
            Multiply(start, 1 / Step);
        }
        return new WeightedPrompt(Merged(parts));

        void Multiply(int start, double factor)
        {
            for (int i = start; i < parts.Count; i++)
            {
                parts[i] = parts[i] with { Weight = parts[i].Weight * factor };
            }
        }
    }

    /// <summary>
    /// The prompt as an encoder of limited length reads it: as many windows as it takes, each with the tokens that begin and end a sequence. A
    /// window that would end within a phrase ends at the comma before it.
    /// </summary>
    /// <param name="tokenizer">The encoder's.</param>
    /// <param name="length">Tokens that the encoder reads at once, special ones included.</param>
    /// <returns>At least one window.</returns>
    public IReadOnlyList<PromptWindow> Windows(TextTokenizer tokenizer, int length)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        int room = length - tokenizer.EncodePadded("", length).Count, comma = tokenizer.Find(Comma) ?? -1;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(room, nameof(length));
        var windows = new List<PromptWindow>();
        var tokens = new List<(int Id, double Weight)>();
        foreach (PromptPart part in Parts)
        {
            if (part.Breaks)
            {
                Close(tokens.Count);
            }
            foreach (int id in tokenizer.Encode(part.Text, addSpecialTokens: false))
            {
                if (tokens.Count == room)
                {
                    int last = tokens.FindLastIndex(t => t.Id == comma);
                    Close(id != comma && last >= 0 && room - last <= CommaReach ? last + 1 : room);
                }
                tokens.Add((id, part.Weight));
            }
        }
        if (tokens.Count > 0 || windows.Count == 0)
        {
            Close(tokens.Count);
        }
        return windows;

        void Close(int count)
        {
            PaddedTokens padded = tokenizer.Pad([.. tokens.Take(count).Select(t => t.Id)], length);
            var weights = new float[length];
            Array.Fill(weights, 1f);
            int first = tokenizer.Roles.Bos is null ? 0 : 1;
            for (int i = 0; i < count; i++)
            {
                weights[first + i] = (float)tokens[i].Weight;
            }
            windows.Add(new PromptWindow(padded.Ids, weights));
            tokens.RemoveRange(0, count);
        }
    }

    private static double WeightOf(string digits) =>
        double.TryParse(digits, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out double weight) && weight is >= 0 and <= MaxWeight ? weight
        : throw new FormatException($"the weight {digits} in it is outside 0 to {MaxWeight.ToString(CultureInfo.InvariantCulture)}; parentheses that are words are written \\( and \\).");

    // Neighbors of one weight are one text: words are not torn where nothing changes.
    private static List<PromptPart> Merged(List<PromptPart> parts)
    {
        var merged = new List<PromptPart>();
        var text = new StringBuilder();
        foreach (PromptPart part in parts)
        {
            if (merged.Count > 0 && !part.Breaks && merged[^1].Weight == part.Weight)
            {
                merged[^1] = merged[^1] with { Text = text.Append(part.Text).ToString() };
                continue;
            }
            text.Clear().Append(part.Text);
            merged.Add(part);
        }
        return merged;
    }

    [GeneratedRegex(@"\\[()\[\]\\]|[()\[\]\\]|:(?<weight>[+-]?[.0-9]+)\)|[^\\()\[\]:]+|:", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchTimeoutMilliseconds)]
    private static partial Regex Tokens();

    [GeneratedRegex($@"\s*\b{BreakWord}\b\s*", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchTimeoutMilliseconds)]
    private static partial Regex Break();
}

/// <summary>Words of one weight.</summary>
/// <param name="Text">The words.</param>
/// <param name="Weight">How much they count; 1 as they stand.</param>
/// <param name="Breaks">Whether a new window begins before them.</param>
public sealed record PromptPart(string Text, double Weight, bool Breaks = false);

/// <summary>What an encoder reads at once.</summary>
/// <param name="Ids">Token ids, padded to the encoder's length.</param>
/// <param name="Weights">The weight of each; 1 for those that begin, end and pad.</param>
public sealed record PromptWindow(IReadOnlyList<long> Ids, IReadOnlyList<float> Weights);
