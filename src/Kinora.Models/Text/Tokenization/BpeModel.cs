// Byte-pair encoding over any vocabulary: pairs merge in the order in which they were learned.
// Paper: Sennrich et al., arXiv:1508.07909, section 3.2. Fields as in huggingface/tokenizers v0.21, tokenizers/src/models/bpe.

using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>What a BPE model does besides merging.</summary>
/// <param name="UnknownToken">Stands for a character that the vocabulary lacks; without one such characters vanish.</param>
/// <param name="Prefix">Put in front of every character but a word's first.</param>
/// <param name="Suffix">Put behind a word's last character.</param>
/// <param name="FuseUnknown">Whether unknown characters in a row are one token.</param>
/// <param name="ByteFallback">Whether an unknown character is spelled in tokens such as &lt;0xE4&gt;.</param>
/// <param name="IgnoreMerges">Whether a word that is a token as a whole is taken as such.</param>
internal sealed record BpeOptions(string? UnknownToken = null, string Prefix = "", string Suffix = "", bool FuseUnknown = false, bool ByteFallback = false, bool IgnoreMerges = false);

/// <summary>A BPE model. Immutable and safe to share between threads.</summary>
internal sealed class BpeModel : ITokenModel
{
    private readonly FrozenDictionary<string, int> _ids;
    private readonly string?[] _tokens;
    private readonly FrozenDictionary<long, (int Rank, int Id)> _merges;
    private readonly BpeOptions _options;
    private readonly int? _unknown;

    /// <exception cref="ConfigException">A merge or the unknown token is not in the vocabulary.</exception>
    public BpeModel(Vocabulary vocabulary, IReadOnlyList<(string Left, string Right)> merges, BpeOptions options, string source)
    {
        _ids = vocabulary.Ids;
        _tokens = vocabulary.Tokens;
        _options = options;
        if (options.UnknownToken is { } unknown)
        {
            _unknown = Find(unknown) ?? throw new ConfigException($"{source}: the unknown token '{unknown}' is not in the vocabulary.");
        }
        var pairs = new Dictionary<long, (int, int)>(merges.Count);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            var (left, right) = merges[rank];
            string tail = options.Prefix.Length > 0 && right.StartsWith(options.Prefix, StringComparison.Ordinal) ? right[options.Prefix.Length..] : right;
            if (Find(left) is not { } leftId || Find(right) is not { } rightId || Find(left + tail) is not { } merged)
            {
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: merge {rank} ('{left}' + '{right}') names a token that the vocabulary lacks."));
            }
            pairs.TryAdd(PairMerging.Key(leftId, rightId), (rank, merged));
        }
        _merges = pairs.ToFrozenDictionary();
    }

    public int Count => _tokens.Length;

    public string? Token(int id) => id >= 0 && id < _tokens.Length ? _tokens[id] : null;

    public int? Find(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    public void Encode(string word, List<int> ids)
    {
        if (_options.IgnoreMerges && Find(word) is { } whole)
        {
            ids.Add(whole);
            return;
        }
        ids.AddRange(PairMerging.Merge(Symbols(word), _merges));
    }

    private int[] Symbols(string word)
    {
        var symbols = new List<int>(word.Length);
        bool previousIsUnknown = false;
        for (int i = 0; i < word.Length;)
        {
            Rune.DecodeFromUtf16(word.AsSpan(i), out Rune rune, out int length);
            bool isLast = i + length == word.Length;
            string symbol = string.Concat(i > 0 ? _options.Prefix : "", word.AsSpan(i, length), isLast ? _options.Suffix : "");
            i += length;
            if (Find(symbol) is { } id)
            {
                symbols.Add(id);
                previousIsUnknown = false;
            }
            else if (_options.ByteFallback && BytePieces.TrySpell(rune, Find, symbols))
            {
                previousIsUnknown = false;
            }
            else if (_unknown is { } unknown)
            {
                if (!previousIsUnknown || !_options.FuseUnknown)
                {
                    symbols.Add(unknown);
                }
                previousIsUnknown = true;
            }
        }
        return [.. symbols];
    }
}
