// The tokenizers of public text encoders: CLIP, T5 and umT5, GPT-2 and other byte-level vocabularies, as their own files describe them.
// File layouts: tokenizer.json of huggingface/tokenizers v0.21; vocab.json with merges.txt; spiece.model of google/sentencepiece v0.1.97.

using System.Text;
using Kinora.Engine;
using Kinora.Models.Text.Tokenization;

namespace Kinora.Models.Text;

/// <summary>
/// A tokenizer read from a model's <c>tokenizer</c> folder. Immutable and safe to share between threads. Unpaired surrogates in the
/// input are read as U+FFFD.
/// </summary>
public sealed class TextTokenizer
{
    private readonly AddedTokens _added;
    private readonly Dictionary<int, AddedToken> _addedById;
    private readonly Dictionary<string, int> _addedByContent;
    private readonly ISegmentEncoder _encoder;
    private readonly IDecoder _decoder;
    private readonly int[] _before, _after;
    private readonly bool _endsOnce;

    internal TextTokenizer(IReadOnlyList<AddedToken> added, AddedTokens found, ISegmentEncoder encoder, IDecoder decoder, int[] before, int[] after, SpecialTokenRoles roles, int? maxTokens, bool endsOnce = false)
    {
        _added = found;
        _addedById = [];
        _addedByContent = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (AddedToken token in added)
        {
            _addedById[token.Id] = token;
            _addedByContent[token.Content] = token.Id;
        }
        _encoder = encoder;
        _decoder = decoder;
        _before = before;
        _after = after;
        _endsOnce = endsOnce;
        Roles = roles;
        MaxTokens = maxTokens;
        VocabularySize = Math.Max(encoder.Model.Count, added.Count == 0 ? 0 : added.Max(t => t.Id) + 1);
    }

    /// <summary>One more than the largest id.</summary>
    public int VocabularySize { get; }

    /// <summary>The ids that pad, begin and end a sequence.</summary>
    public SpecialTokenRoles Roles { get; }

    /// <summary>The longest sequence that the model reads, special tokens included; null when the files do not say.</summary>
    public int? MaxTokens { get; }

    /// <summary>Reads a tokenizer folder.</summary>
    /// <remarks>
    /// <c>tokenizer_class</c> of <c>tokenizer_config.json</c> decides: CLIPTokenizer and GPT2Tokenizer read <c>vocab.json</c> with
    /// <c>merges.txt</c>, T5Tokenizer reads <c>spiece.model</c>, every other class and the classes that end in Fast read
    /// <c>tokenizer.json</c>. A file that is missing is replaced by the others.
    /// </remarks>
    /// <exception cref="ConfigException">The folder holds no tokenizer, or one with parts that Kinora does not know; the message names file and key.</exception>
    public static TextTokenizer Load(string folder) => TokenizerFolder.Load(folder);

    /// <summary>Reads one <c>tokenizer.json</c>, <c>spiece.model</c> or <c>bpe_simple_vocab_16e6.txt.gz</c> of OpenAI's CLIP without the settings beside it.</summary>
    /// <exception cref="ConfigException">The file cannot be read, or has parts that Kinora does not know.</exception>
    public static TextTokenizer LoadFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? TokenizerFolder.LoadJson(path) : path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? TokenizerFolder.LoadClipMerges(path) : TokenizerFolder.LoadPieces(path);
    }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecialTokens">Whether the tokens that begin and end a sequence are added, as the tokenizer's files say.</param>
    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        if (addSpecialTokens)
        {
            ids.AddRange(_before);
        }
        foreach (var (part, isFirst, token) in _added.Split(WellFormed(text)))
        {
            if (token is not null)
            {
                ids.Add(token.Id);
            }
            else
            {
                _encoder.Encode(part, isFirst, ids);
            }
        }
        if (addSpecialTokens)
        {
            ids.AddRange(EndOf(ids));
        }
        return [.. ids];
    }

    /// <summary>The ids of a text at a fixed length: special tokens around it, the text cut to what fits, padding behind.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="length">The length; at least that of the special tokens.</param>
    /// <returns>The ids, and how many of them are no padding: the attention mask is 1 for those.</returns>
    /// <exception cref="ConfigException">The tokenizer has no padding token.</exception>
    public PaddedTokens EncodePadded(string text, int length)
    {
        return Pad(Encode(text, addSpecialTokens: false), length);
    }

    /// <summary>Ids without special tokens at a fixed length: special tokens around them, what does not fit left out, padding behind.</summary>
    /// <inheritdoc cref="EncodePadded"/>
    public PaddedTokens Pad(IReadOnlyList<int> content, int length)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, _before.Length + _after.Length);
        int pad = Roles.Pad ?? throw new ConfigException("tokenizer: padding was asked for, but there is no pad token; add \"pad_token\" to tokenizer_config.json.");
        int[] kept = [.. content.Take(length - _before.Length - _after.Length)];
        var ids = new long[length];
        Array.Fill(ids, pad);
        int n = 0;
        foreach (int id in (int[])[.. _before, .. kept, .. EndOf(kept)])
        {
            ids[n++] = id;
        }
        return new PaddedTokens(ids, n);
    }

    /// <summary>The text of ids.</summary>
    /// <param name="ids">Ids of this vocabulary.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id has no token.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var tokens = new List<string>(ids.Length);
        foreach (int id in ids)
        {
            bool isAdded = _addedById.TryGetValue(id, out AddedToken? added);
            if (!isAdded || !added!.IsSpecial || !skipSpecialTokens)
            {
                tokens.Add(Token(id));
            }
        }
        return string.Concat(_decoder.Decode(tokens));
    }

    /// <summary>The text of an id as the vocabulary writes it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id has no token.</exception>
    public string Token(int id) => (_addedById.TryGetValue(id, out AddedToken? added) ? added.Content : _encoder.Model.Token(id))
        ?? throw new ArgumentOutOfRangeException(nameof(id), id, $"the vocabulary has no such id (0 to {VocabularySize - 1})");

    /// <summary>The id of a token as the vocabulary writes it; null when there is none.</summary>
    public int? Find(string token) => _addedByContent.TryGetValue(token, out int id) ? id : _encoder.Model.Find(token);

    /// <summary>What ends a sequence. T5's class adds no second end to a text that ends so already; tokenizer.json does.</summary>
    private int[] EndOf(IReadOnlyList<int> ids) => _endsOnce && ids.Count > 0 && _after.Length > 0 && ids[^1] == _after[^1] ? [] : _after;

    /// <summary>Half surrogate pairs become U+FFFD.</summary>
    private static string WellFormed(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }
        var result = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            result.Append(rune.ToString());
        }
        return result.ToString();
    }
}
