// What happens to the text between two added tokens.

using System.Collections.Concurrent;

namespace Kinora.Models.Text.Tokenization;

/// <summary>Turns a stretch of text without added tokens into ids.</summary>
internal interface ISegmentEncoder
{
    /// <summary>The vocabulary.</summary>
    ITokenModel Model { get; }

    /// <summary>Appends the ids of a stretch.</summary>
    /// <param name="segment">The stretch; not empty.</param>
    /// <param name="isFirst">Whether it begins the whole text.</param>
    /// <param name="ids">Receives the ids.</param>
    void Encode(string segment, bool isFirst, List<int> ids);
}

/// <summary>The steps of tokenizer.json: normalize, find added tokens in normalized text, cut into words, look up.</summary>
internal sealed class PipelineEncoder(INormalizer[] normalizers, AddedTokens normalizedTokens, IPreTokenizer? preTokenizer, ITokenModel model) : ISegmentEncoder
{
    // Words repeat from prompt to prompt; beyond this many distinct ones nothing more is remembered.
    private const int CachedWords = 1 << 14;
    private const int CachedWordLength = 64;

    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);

    public ITokenModel Model => model;

    public void Encode(string segment, bool isFirst, List<int> ids)
    {
        string normalized = normalizers.Aggregate(segment, (text, step) => step.Normalize(text));
        var pieces = new List<Piece>();
        foreach (var (text, isFirstPart, token) in normalizedTokens.Split(normalized))
        {
            if (token is not null)
            {
                ids.Add(token.Id);
                continue;
            }
            var piece = new Piece(text, isFirst && isFirstPart);
            pieces.Clear();
            if (preTokenizer is null)
            {
                pieces.Add(piece);
            }
            else
            {
                preTokenizer.Split(piece, pieces);
            }
            foreach (Piece word in pieces)
            {
                EncodeWord(word.Text, ids);
            }
        }
    }

    private void EncodeWord(string word, List<int> ids)
    {
        if (word.Length == 0)
        {
            return;
        }
        if (!_cache.TryGetValue(word, out int[]? known))
        {
            var found = new List<int>();
            model.Encode(word, found);
            known = [.. found];
            if (word.Length <= CachedWordLength && _cache.Count < CachedWords)
            {
                _cache.TryAdd(word, known);
            }
        }
        ids.AddRange(known);
    }
}

/// <summary>A SentencePiece model as the T5 tokenizer of transformers v4.45 drives it.</summary>
/// <param name="normalizer">Normalizes without a mark in front.</param>
/// <param name="model">The pieces.</param>
/// <param name="hasLegacyPrefix">
/// Whether every stretch of text begins a word (transformers' <c>legacy=True</c>); otherwise only the first one and those that begin with white space.
/// </param>
internal sealed class T5SegmentEncoder(SentencePieceNormalizer normalizer, UnigramModel model, bool hasLegacyPrefix) : ISegmentEncoder
{
    private const string Unknown = "<unk>";

    private readonly SentencePieceNormalizer _withPrefix = normalizer with { AddDummyPrefix = true };
    private readonly SentencePieceNormalizer _plain = normalizer with { AddDummyPrefix = false };
    private readonly int _unknownLength = Encode(normalizer with { AddDummyPrefix = false }, model, Unknown).Count;

    public ITokenModel Model => model;

    public void Encode(string segment, bool isFirst, List<int> ids)
    {
        if (hasLegacyPrefix)
        {
            ids.AddRange(Encode(_withPrefix, model, segment));
            return;
        }
        string text = segment.Replace(SentencePieceNormalizer.Mark, ' ');
        text = isFirst ? SentencePieceNormalizer.Mark + text : text;
        if (text[0] is not (' ' or SentencePieceNormalizer.Mark))
        {
            ids.AddRange(Encode(_plain, model, text));
            return;
        }
        // SentencePiece drops white space in front of a text; behind the unknown token it stays, as one mark.
        var pieces = Encode(_plain, model, Unknown + text);
        ids.AddRange(pieces.Skip(_unknownLength));
    }

    private static List<int> Encode(SentencePieceNormalizer normalizer, UnigramModel model, string text)
    {
        var ids = new List<int>();
        model.Encode(normalizer.Normalize(text), ids);
        return ids;
    }
}
