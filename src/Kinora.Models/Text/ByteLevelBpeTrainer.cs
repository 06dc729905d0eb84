// Learns a byte-level BPE vocabulary: starting from the 256 bytes, the most frequent neighboring pair becomes a token, again and again.
// Paper: Sennrich et al., arXiv:1508.07909, algorithm 1. Equal counts are decided by the smaller pair of ids, so a corpus has one result.

using System.Runtime.InteropServices;
using System.Text;

namespace Kinora.Models.Text;

internal static class ByteLevelBpeTrainer
{
    private sealed class Word(int[] ids, long count)
    {
        public int[] Ids = ids;
        public readonly long Count = count;
    }

    /// <summary>Learns from texts; the vocabulary is smaller than asked for when no pair occurs twice any more.</summary>
    public static ByteLevelBpeTokenizer Train(IEnumerable<string> corpus, int vocabularySize, string pad, string bos, string eos)
    {
        string[] specials = [pad, bos, eos];
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 256 + specials.Length);
        var tokens = new List<string>(vocabularySize);
        tokens.AddRange(specials);
        var idOfByte = new int[256];
        foreach (int b in Enumerable.Range(0, 256).OrderBy(b => ByteAlphabet.ToChar((byte)b)))
        {
            idOfByte[b] = tokens.Count;
            tokens.Add(ByteAlphabet.ToChar((byte)b).ToString());
        }
        Word[] words = CountWords(corpus, idOfByte);
        var merges = new List<(string, string)>();
        var counts = new Dictionary<(int, int), long>();
        var wordsOfPair = new Dictionary<(int, int), HashSet<int>>();
        var queue = new PriorityQueue<((int, int) Pair, long Count), (long, int, int)>();
        var changed = new HashSet<(int, int)>();
        for (int w = 0; w < words.Length; w++)
        {
            AddPairs(w, +1);
        }
        foreach (var (pair, count) in counts)
        {
            Enqueue(pair, count);
        }
        while (tokens.Count < vocabularySize && queue.TryDequeue(out var best, out _))
        {
            if (counts[best.Pair] != best.Count)
            {
                continue;
            }
            if (best.Count < 2)
            {
                break;
            }
            var (left, right) = best.Pair;
            int merged = tokens.Count;
            tokens.Add(tokens[left] + tokens[right]);
            merges.Add((tokens[left], tokens[right]));
            changed.Clear();
            foreach (int w in wordsOfPair[best.Pair].Order().ToArray())
            {
                AddPairs(w, -1);
                words[w].Ids = Replace(words[w].Ids, left, right, merged);
                AddPairs(w, +1);
            }
            foreach (var pair in changed)
            {
                Enqueue(pair, counts[pair]);
            }
        }
        var special = specials.Select((content, id) => new SpecialToken(id, content)).ToArray();
        return new ByteLevelBpeTokenizer([.. tokens], [.. merges], special, new SpecialTokenRoles(Pad: 0, Bos: 1, Eos: 2));

        void AddPairs(int w, int sign)
        {
            int[] ids = words[w].Ids;
            for (int i = 0; i + 1 < ids.Length; i++)
            {
                var pair = (ids[i], ids[i + 1]);
                CollectionsMarshal.GetValueRefOrAddDefault(counts, pair, out _) += sign * words[w].Count;
                changed.Add(pair);
                if (sign > 0)
                {
                    (CollectionsMarshal.GetValueRefOrAddDefault(wordsOfPair, pair, out _) ??= []).Add(w);
                }
                else
                {
                    wordsOfPair[pair].Remove(w);
                }
            }
        }

        void Enqueue((int Left, int Right) pair, long count)
        {
            if (count > 0)
            {
                queue.Enqueue((pair, count), (-count, pair.Left, pair.Right));
            }
        }
    }

    private static Word[] CountWords(IEnumerable<string> corpus, int[] idOfByte)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string text in corpus)
        {
            ReadOnlySpan<char> rest = text;
            while (!rest.IsEmpty)
            {
                int length = ByteLevelPreTokenizer.NextPiece(rest);
                CollectionsMarshal.GetValueRefOrAddDefault(lookup, rest[..length], out _)++;
                rest = rest[length..];
            }
        }
        return [.. counts.OrderBy(c => c.Key, StringComparer.Ordinal)
            .Select(c => new Word([.. Encoding.UTF8.GetBytes(c.Key).Select(b => idOfByte[b])], c.Value))];
    }

    private static int[] Replace(int[] ids, int left, int right, int merged)
    {
        var result = new List<int>(ids.Length);
        for (int i = 0; i < ids.Length; i++)
        {
            if (i + 1 < ids.Length && ids[i] == left && ids[i + 1] == right)
            {
                result.Add(merged);
                i++;
            }
            else
            {
                result.Add(ids[i]);
            }
        }
        return [.. result];
    }
}
