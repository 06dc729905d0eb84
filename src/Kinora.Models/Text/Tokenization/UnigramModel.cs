// Unigram: of all ways to cut a text into pieces, the most probable one.
// Paper: Kudo, "Subword Regularization", arXiv:1804.10959, section 3.1. Source: google/sentencepiece v0.1.97, src/unigram_model.cc
// (EncodeOptimized): scores add up in float32, an earlier candidate wins a tie, an unknown character costs 10 more than the rarest piece.

using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>What a piece of a SentencePiece vocabulary is.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One entry of the vocabulary; its id is its position.</summary>
internal readonly record struct UnigramPiece(string Text, float Score, PieceKind Kind);

/// <summary>A Unigram model. Immutable and safe to share between threads.</summary>
internal sealed class UnigramModel : ITokenModel
{
    private const float UnknownPenalty = 10;
    private const float UserDefinedDiscount = 0.1f;

    private readonly UnigramPiece[] _pieces;
    private readonly FrozenDictionary<string, int> _ids;
    private readonly FrozenDictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _findable;
    private readonly int _longest;
    private readonly int _unknown;
    private readonly float _unknownScore, _maxScore;
    private readonly int[]? _byteIds;

    /// <exception cref="ConfigException">A piece occurs twice or is empty, a score is no number, or the unknown piece is missing.</exception>
    public UnigramModel(UnigramPiece[] pieces, int unknown, bool byteFallback, string source)
    {
        _pieces = pieces;
        _unknown = unknown >= 0 && unknown < pieces.Length ? unknown
            : throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: the unknown piece has the id {unknown}, the vocabulary {pieces.Length} pieces."));
        var ids = new Dictionary<string, int>(pieces.Length, StringComparer.Ordinal);
        var findable = new Dictionary<string, int>(pieces.Length, StringComparer.Ordinal);
        float min = float.MaxValue;
        float max = float.MinValue;
        for (int id = 0; id < pieces.Length; id++)
        {
            var (text, score, kind) = pieces[id];
            if (text.Length == 0 || !float.IsFinite(score))
            {
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: piece {id} ('{text}') has the score {score}; expected a text and a finite number."));
            }
            if (!ids.TryAdd(text, id))
            {
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: piece '{text}' has the ids {ids[text]} and {id}; each may occur once."));
            }
            if (kind == PieceKind.Normal)
            {
                min = Math.Min(min, score);
                max = Math.Max(max, score);
            }
            if (kind is PieceKind.Normal or PieceKind.UserDefined)
            {
                findable.Add(text, id);
                _longest = Math.Max(_longest, text.Length);
            }
        }
        _ids = ids.ToFrozenDictionary(StringComparer.Ordinal);
        _findable = findable.ToFrozenDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        _unknownScore = (min == float.MaxValue ? 0 : min) - UnknownPenalty;
        _maxScore = max == float.MinValue ? 0 : max;
        if (byteFallback)
        {
            int[] bytes = [.. Enumerable.Range(0, 256).Select(b => ids.GetValueOrDefault(BytePieces.Of((byte)b), -1))];
            _byteIds = bytes.Contains(-1) ? null : bytes;
        }
    }

    public int Count => _pieces.Length;

    public string? Token(int id) => id >= 0 && id < _pieces.Length ? _pieces[id].Text : null;

    public int? Find(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <summary>The kind of a piece.</summary>
    public PieceKind KindOf(int id) => _pieces[id].Kind;

    public void Encode(string word, List<int> ids)
    {
        var cuts = Cut(word);
        bool previousIsUnknown = false;
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var (start, end, id) in cuts)
        {
            if (id != _unknown)
            {
                ids.Add(id);
                previousIsUnknown = false;
            }
            else if (_byteIds is { } bytes)
            {
                Rune.DecodeFromUtf16(word.AsSpan(start, end - start), out Rune rune, out _);
                foreach (byte b in utf8[..rune.EncodeToUtf8(utf8)])
                {
                    ids.Add(bytes[b]);
                }
            }
            else
            {
                // Unknown characters in a row are one token.
                if (!previousIsUnknown)
                {
                    ids.Add(_unknown);
                }
                previousIsUnknown = true;
            }
        }
    }

    /// <summary>Viterbi over the positions of the text.</summary>
    private List<(int Start, int End, int Id)> Cut(string text)
    {
        int n = text.Length;
        var score = new float[n + 1];
        var from = new int[n + 1];
        var via = new int[n + 1];
        Array.Fill(from, -1);
        for (int start = 0; start < n;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(start), out _, out int scalar);
            bool hasSingle = false;
            int most = Math.Min(_longest, n - start);
            for (int length = 1; length <= most; length++)
            {
                if (!_findable.TryGetValue(text.AsSpan(start, length), out int id))
                {
                    continue;
                }
                float own = _pieces[id].Kind == PieceKind.UserDefined
                    ? Encoding.UTF8.GetByteCount(text.AsSpan(start, length)) * _maxScore - UserDefinedDiscount
                    : _pieces[id].Score;
                Offer(start, start + length, id, score[start] + own);
                hasSingle |= length == scalar;
            }
            if (!hasSingle)
            {
                Offer(start, start + scalar, _unknown, score[start] + _unknownScore);
            }
            start += scalar;
        }
        var path = new List<(int, int, int)>();
        for (int end = n; end > 0; end = from[end])
        {
            path.Add((from[end], end, via[end]));
        }
        path.Reverse();
        return path;

        void Offer(int start, int end, int id, float candidate)
        {
            if (from[end] < 0 || candidate > score[end])
            {
                (score[end], from[end], via[end]) = (candidate, start, id);
            }
        }
    }
}
