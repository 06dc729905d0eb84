using System.Security.Cryptography;
using System.Text;
using Kinora.World;

namespace Kinora.Evaluation.Quality;

/// <summary>One prompt of the evaluation and what its clip must show.</summary>
/// <param name="Number">Place in the list, from 0.</param>
public sealed record PromptCase(int Number, Combination Combination, string Prompt);

/// <summary>The fixed list of evaluation prompts: combinations that training never sees, in their canonical wording.</summary>
public static class HeldOutPrompts
{
    /// <summary>How many there are.</summary>
    public static int Available => Ordered.Value.Count;

    private static readonly Lazy<IReadOnlyList<PromptCase>> Ordered = new(Order);

    /// <summary>The first <paramref name="count"/> prompts; a longer list begins with the shorter one.</summary>
    public static IReadOnlyList<PromptCase> Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Available);
        return [.. Ordered.Value.Take(count)];
    }

    /// <summary>SHA-256 of the prompts, one line each, those about two things last, in lower-case hexadecimal.</summary>
    public static string Sha256(IEnumerable<PromptCase> cases, IEnumerable<PairCase>? pairs = null) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(cases.Select(c => c.Prompt).Concat((pairs ?? []).Select(p => p.Prompt)).Select(p => p + "\n")))));

    // Always the combination whose four words have been used least so far, so that every prefix of the list is balanced.
    private static PromptCase[] Order()
    {
        var rest = HeldOut.All.ToList();
        int[][] used = [new int[Vocabulary.Nouns.Count], new int[Vocabulary.Colors.Count], new int[Vocabulary.Motions.Count], new int[Vocabulary.Settings.Count]];
        int[] Indexes(Combination c) => [(int)c.Noun, (int)c.Color, (int)c.Motion, (int)c.Setting];
        double Weight(Combination c) => Indexes(c).Select((word, list) => used[list][word] * (double)used[list].Length).Sum();
        var ordered = new PromptCase[rest.Count];
        for (int i = 0; i < ordered.Length; i++)
        {
            Combination next = rest.MinBy(Weight);
            rest.Remove(next);
            foreach (var (word, list) in Indexes(next).Select((word, list) => (word, list)))
                used[list][word]++;
            ordered[i] = new PromptCase(i, next, CaptionGrammar.Canonical(next));
        }
        return ordered;
    }
}
