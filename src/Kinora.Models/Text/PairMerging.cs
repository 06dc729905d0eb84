// The merging of byte-pair encoding, for every tokenizer that has it.
// Paper: Sennrich et al., arXiv:1508.07909, section 3.2.

using System.Collections.Frozen;

namespace Kinora.Models.Text;

/// <summary>Merges neighbors by learned rank.</summary>
internal static class PairMerging
{
    /// <summary>The key of a pair of ids in a table of merges.</summary>
    public static long Key(int left, int right) => ((long)left << 32) | (uint)right;

    /// <summary>Applies the pair of lowest rank, the leftmost of equals, until no pair has one. Overwrites <paramref name="symbols"/> and returns what is left of them, in order.</summary>
    public static List<int> Merge(int[] symbols, FrozenDictionary<long, (int Rank, int Id)> merges)
    {
        int n = symbols.Length;
        var next = new int[n];
        var previous = new int[n];
        var queue = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>(n);
        for (int i = 0; i < n; i++)
        {
            next[i] = i + 1 < n ? i + 1 : -1;
            previous[i] = i - 1;
        }
        for (int i = 0; i + 1 < n; i++)
        {
            Offer(i);
        }
        while (queue.TryDequeue(out var pair, out _))
        {
            int at = pair.At;
            int right = next[at];
            // Stale when a merge has changed either side since the pair was queued; a dead position has the id −1.
            if (right < 0 || symbols[at] != pair.Left || symbols[right] != pair.Right)
            {
                continue;
            }
            symbols[at] = merges[Key(pair.Left, pair.Right)].Id;
            symbols[right] = -1;
            next[at] = next[right];
            next[right] = -1;
            if (next[at] >= 0)
            {
                previous[next[at]] = at;
                Offer(at);
            }
            if (previous[at] >= 0)
            {
                Offer(previous[at]);
            }
        }
        var merged = new List<int>(n);
        for (int i = n > 0 ? 0 : -1; i >= 0; i = next[i])
        {
            merged.Add(symbols[i]);
        }
        return merged;

        void Offer(int i)
        {
            if (merges.TryGetValue(Key(symbols[i], symbols[next[i]]), out var merge))
            {
                queue.Enqueue((i, symbols[i], symbols[next[i]]), (merge.Rank, i));
            }
        }
    }
}
