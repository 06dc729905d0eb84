using Kinora.World;

namespace Kinora.Evaluation.Quality;

/// <summary>One prompt about two things and a scene that it describes.</summary>
/// <param name="Number">Place in the list, from 0.</param>
/// <param name="Scene">Two things; the first stands still or chases the second.</param>
/// <param name="Prompt">Its canonical wording.</param>
public sealed record PairCase(int Number, Scene Scene, string Prompt);

/// <summary>The fixed list of prompts about two things: scenes that no training split shows, in canonical wording.</summary>
public static class HeldOutPairs
{
    /// <summary>How many there are.</summary>
    public const int Available = 200;

    // Enough scenes to choose a balanced list from.
    private const int Candidates = 2000;
    private const ulong FirstSeed = 0x5EED_2A12_0000;

    private static readonly Lazy<IReadOnlyList<PairCase>> Ordered = new(Order);

    /// <summary>The first <paramref name="count"/> prompts; a longer list begins with the shorter one.</summary>
    public static IReadOnlyList<PairCase> Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Available);
        return [.. Ordered.Value.Take(count)];
    }

    // Always the scene whose words have been used least so far, so that every prefix of the list is balanced. A prompt tells nothing of
    // a first thing that spins or bounces, so only scenes without such are asked for.
    private static PairCase[] Order()
    {
        var rest = Enumerable.Range(0, Candidates).Select(i => SceneSampler.HeldOutPair(FirstSeed + (ulong)i, new WorldOptions(Camera: 0)))
            .Where(s => s.Relation == Relation.Chases || s.Actors[0].Motion == Motion.Still).DistinctBy(CaptionGrammar.CanonicalPair).ToList();
        var used = new Dictionary<(string, int), int>();
        static IEnumerable<(string, int, int)> Words(Scene s) =>
        [
            ("noun", (int)s.Actors[0].Noun, Vocabulary.Nouns.Count), ("noun", (int)s.Actors[1].Noun, Vocabulary.Nouns.Count),
            ("color", (int)s.Actors[0].Color, Vocabulary.Colors.Count), ("color", (int)s.Actors[1].Color, Vocabulary.Colors.Count),
            ("setting", (int)s.Setting, Vocabulary.Settings.Count), ("relation", (int)s.Relation!.Value, Vocabulary.Relations.Count),
            .. s.Relation == Relation.Chases ? new[] { ("direction", (int)s.Actors[0].Motion, 2) } : [],
        ];
        double Weight(Scene s) => Words(s).Sum(w => used.GetValueOrDefault((w.Item1, w.Item2)) * (double)w.Item3);
        var ordered = new PairCase[Available];
        for (int i = 0; i < ordered.Length; i++)
        {
            Scene next = rest.MinBy(Weight)!;
            rest.Remove(next);
            foreach (var (list, word, _) in Words(next))
                used[(list, word)] = used.GetValueOrDefault((list, word)) + 1;
            ordered[i] = new PairCase(i, next, CaptionGrammar.CanonicalPair(next));
        }
        return ordered;
    }
}
