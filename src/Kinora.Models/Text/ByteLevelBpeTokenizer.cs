// Byte-level byte-pair encoding: any text becomes ids and comes back unchanged.
// Paper: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", arXiv:1508.07909, section 3.2;
//        bytes as the alphabet: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.2.
// File layout: tokenizer.json of huggingface/tokenizers (model BPE, pre-tokenizer ByteLevel).

using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text;
using Kinora.Engine;

namespace Kinora.Models.Text;

/// <summary>The ids of one text at a fixed length: <c>Ids</c> filled up with the padding id, and how many of them are real.</summary>
public readonly record struct PaddedTokens(long[] Ids, int Count);

/// <summary>
/// A byte-level BPE tokenizer. Immutable and safe to share between threads. Unpaired surrogates in the input are read as U+FFFD,
/// so every string has an encoding; every well-formed string survives encode and decode unchanged.
/// </summary>
public sealed partial class ByteLevelBpeTokenizer
{
    // Pieces repeat from caption to caption; beyond this many distinct ones nothing more is remembered.
    private const int CachedPieces = 1 << 16;
    private const int CachedPieceLength = 32;

    private readonly string[] _tokens;
    private readonly FrozenDictionary<string, int> _idOfToken;
    private readonly (string Left, string Right)[] _merges;
    private readonly FrozenDictionary<long, (int Rank, int Id)> _mergeOfPair;
    private readonly int[] _idOfByte = new int[256];
    private readonly byte[]?[] _bytesOfId;
    private readonly SpecialToken[] _specials;
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;

    /// <summary>Builds a tokenizer from its parts.</summary>
    /// <param name="tokens">The text of every id in the byte alphabet, or as written for special tokens.</param>
    /// <param name="merges">Pairs of token texts, the most urgent first.</param>
    /// <param name="specials">Tokens found in text before anything else, and never merged.</param>
    /// <param name="roles">Which special tokens pad, begin and end a sequence.</param>
    /// <exception cref="ConfigException">A byte has no token, a merge names an unknown token, a token occurs twice.</exception>
    internal ByteLevelBpeTokenizer(string[] tokens, (string Left, string Right)[] merges, SpecialToken[] specials, SpecialTokenRoles roles)
    {
        _tokens = tokens;
        _merges = merges;
        _specials = [.. specials.OrderByDescending(s => s.Content.Length).ThenBy(s => s.Id)];
        Roles = roles;
        var ids = new Dictionary<string, int>(tokens.Length, StringComparer.Ordinal);
        for (int id = 0; id < tokens.Length; id++)
        {
            if (!ids.TryAdd(tokens[id], id))
            {
                throw new ConfigException($"tokenizer: token '{tokens[id]}' has the ids {ids[tokens[id]]} and {id}; each token may occur once.");
            }
        }
        _idOfToken = ids.ToFrozenDictionary(StringComparer.Ordinal);
        for (int b = 0; b < 256; b++)
        {
            string token = ByteAlphabet.ToChar((byte)b).ToString();
            _idOfByte[b] = ids.TryGetValue(token, out int id) ? id
                : throw new ConfigException($"tokenizer: the vocabulary has no token for byte 0x{b:X2} ('{token}'); a byte-level vocabulary needs all 256.");
        }
        var pairs = new Dictionary<long, (int Rank, int Id)>(merges.Length);
        for (int rank = 0; rank < merges.Length; rank++)
        {
            var (left, right) = merges[rank];
            if (!ids.TryGetValue(left, out int leftId) || !ids.TryGetValue(right, out int rightId) || !ids.TryGetValue(left + right, out int merged))
            {
                throw new ConfigException($"tokenizer: merge {rank} ('{left}' + '{right}') names a token that the vocabulary lacks.");
            }
            pairs.TryAdd(PairMerging.Key(leftId, rightId), (rank, merged));
        }
        _mergeOfPair = pairs.ToFrozenDictionary();
        var specialIds = specials.Select(s => s.Id).ToHashSet();
        _bytesOfId = new byte[]?[tokens.Length];
        for (int id = 0; id < tokens.Length; id++)
        {
            _bytesOfId[id] = specialIds.Contains(id) ? null : BytesOf(tokens[id], id);
        }
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Number of ids, special tokens included.</summary>
    public int VocabularySize => _tokens.Length;

    /// <summary>The ids that pad, begin and end a sequence; null where the vocabulary has none.</summary>
    public SpecialTokenRoles Roles { get; }

    /// <summary>The token text of an id, in the byte alphabet.</summary>
    public string TokenOf(int id) => _tokens[id];

    /// <summary>The id of a token text, or null.</summary>
    public int? IdOf(string token) => _idOfToken.TryGetValue(token, out int id) ? id : null;

    /// <summary>The ids of a text. With <paramref name="addSpecialTokens"/> the begin and end tokens stand around them.</summary>
    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        if (addSpecialTokens && Roles.Bos is { } bos)
        {
            ids.Add(bos);
        }
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            int at = NextSpecial(rest, out SpecialToken? special);
            EncodeOrdinary(rest[..at], ids);
            if (special is null)
            {
                break;
            }
            ids.Add(special.Id);
            rest = rest[(at + special.Content.Length)..];
        }
        if (addSpecialTokens && Roles.Eos is { } eos)
        {
            ids.Add(eos);
        }
        return [.. ids];
    }

    /// <summary>The ids of a text between begin and end tokens, padded to <paramref name="length"/>; null when they do not fit.</summary>
    /// <exception cref="ConfigException">The vocabulary has no padding token.</exception>
    public PaddedTokens? TryEncodePadded(string text, int length)
    {
        int pad = Roles.Pad ?? throw new ConfigException("tokenizer: padding was asked for, but the vocabulary names no pad token; add \"pad_token\" to tokenizer_config.json.");
        int[] ids = Encode(text, addSpecialTokens: true);
        if (ids.Length > length)
        {
            return null;
        }
        var padded = new long[length];
        Array.Fill(padded, pad);
        for (int i = 0; i < ids.Length; i++)
        {
            padded[i] = ids[i];
        }
        return new PaddedTokens(padded, ids.Length);
    }

    /// <summary>The text of ids. Bytes that form no character become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var bytes = new ArrayBufferWriter<byte>(ids.Length * 4 + 1);
        foreach (int id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _tokens.Length, nameof(ids));
            if (_bytesOfId[id] is { } part)
            {
                bytes.Write(part);
            }
            else if (!skipSpecialTokens)
            {
                bytes.Write(Encoding.UTF8.GetBytes(_tokens[id]));
            }
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private int NextSpecial(ReadOnlySpan<char> text, out SpecialToken? special)
    {
        special = null;
        int best = text.Length;
        foreach (SpecialToken candidate in _specials)
        {
            int at = text.IndexOf(candidate.Content, StringComparison.Ordinal);
            // The longest of several that start together wins; _specials is ordered so.
            if (at >= 0 && at < best)
            {
                best = at;
                special = candidate;
            }
        }
        return best;
    }

    private void EncodeOrdinary(ReadOnlySpan<char> text, List<int> ids)
    {
        while (!text.IsEmpty)
        {
            int length = ByteLevelPreTokenizer.NextPiece(text);
            ReadOnlySpan<char> piece = text[..length];
            if (_cacheBySpan.TryGetValue(piece, out int[]? known))
            {
                ids.AddRange(known);
            }
            else
            {
                int[] merged = MergePiece(piece);
                ids.AddRange(merged);
                if (length <= CachedPieceLength && _cache.Count < CachedPieces)
                {
                    _cache.TryAdd(piece.ToString(), merged);
                }
            }
            text = text[length..];
        }
    }

    private int[] MergePiece(ReadOnlySpan<char> piece)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(piece.Length)];
        int n = Encoding.UTF8.GetBytes(piece, bytes);
        var symbols = new int[n];
        for (int i = 0; i < n; i++)
        {
            symbols[i] = _idOfByte[bytes[i]];
        }
        return [.. PairMerging.Merge(symbols, _mergeOfPair)];
    }

    private static byte[] BytesOf(string token, int id)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (!ByteAlphabet.TryToByte(token[i], out bytes[i]))
            {
                throw new ConfigException($"tokenizer: token {id} ('{token}') holds '{token[i]}', which stands for no byte; list it under added_tokens if it is a special token.");
            }
        }
        return bytes;
    }
}

/// <summary>A token that is found in text as it is written and stands for itself.</summary>
internal sealed record SpecialToken(int Id, string Content);

/// <summary>The ids that pad, begin and end a sequence; null where the vocabulary has none.</summary>
public sealed record SpecialTokenRoles(int? Pad, int? Bos, int? Eos);
