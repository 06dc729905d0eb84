// Which files of a tokenizer folder count, and how transformers' tokenizer classes use them.
// Source: huggingface/transformers v4.45, tokenization_utils.py and models/{clip,gpt2,t5}/tokenization_*.py; openai/CLIP a9b1bf59, clip/simple_tokenizer.py.

using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>Reads a tokenizer folder.</summary>
internal static class TokenizerFolder
{
    private const string JsonFile = "tokenizer.json";
    private const string VocabFile = "vocab.json";
    private const string MergesFile = "merges.txt";
    private const string PiecesFile = "spiece.model";
    private const string ConfigFile = "tokenizer_config.json";
    private const string SpecialsFile = "special_tokens_map.json";
    private const string AddedFile = "added_tokens.json";
    private const string WordEnd = "</w>";
    private const int DefaultExtraIds = 100;
    private const int MaxExtraIds = 10_000;
    private const long MaxMergesBytes = 64L << 20;

    // OpenAI's list goes on; the vocabulary has 49,152 words, 256 of them bytes, and two special tokens.
    private const int ClipMerges = 49152 - 256 - 2;

    private const string ClipPattern = @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    private static readonly string[] RoleKeys = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <exception cref="ConfigException">The folder holds no tokenizer that Kinora can read.</exception>
    public static TextTokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
        {
            throw new ConfigException($"{folder}: there is no such folder.");
        }
        bool hasJson = Has(JsonFile), hasVocab = Has(VocabFile) && Has(MergesFile), hasPieces = Has(PiecesFile);
        string config = Path.Combine(folder, ConfigFile);
        string specials = Path.Combine(folder, SpecialsFile);
        using JsonDocument? configDocument = File.Exists(config) ? JsonView.Open(config).Document : null;
        using JsonDocument? specialsDocument = File.Exists(specials) ? JsonView.Open(specials).Document : null;
        var settings = new Settings(
            configDocument is null ? null : JsonView.Of(configDocument.RootElement, config),
            specialsDocument is null ? null : JsonView.Of(specialsDocument.RootElement, specials));
        string name = settings.ClassName;
        bool isSlow = name is "CLIPTokenizer" or "GPT2Tokenizer" or "T5Tokenizer" or "";
        if (hasPieces && ((isSlow && name != "CLIPTokenizer" && name != "GPT2Tokenizer" && (name.Length > 0 || !hasJson)) || (!hasJson && !hasVocab)))
        {
            return LoadT5(Path.Combine(folder, PiecesFile), settings);
        }
        if (hasVocab && (name is "CLIPTokenizer" or "GPT2Tokenizer" || !hasJson))
        {
            return LoadBpe(folder, settings);
        }
        if (hasJson)
        {
            return LoadJson(Path.Combine(folder, JsonFile), settings);
        }
        throw new ConfigException($"{folder}: no tokenizer; expected {JsonFile}, {VocabFile} with {MergesFile}, or {PiecesFile}.");

        bool Has(string file) => File.Exists(Path.Combine(folder, file));
    }

    /// <summary>Reads one tokenizer.json with the settings beside it.</summary>
    public static TextTokenizer LoadJson(string path) => LoadJson(path, new Settings(null, null));

    /// <summary>Reads one spiece.model without settings.</summary>
    public static TextTokenizer LoadPieces(string path) => LoadT5(path, new Settings(null, null));

    private static TextTokenizer LoadJson(string path, Settings settings)
    {
        var (document, root) = JsonView.Open(path);
        using (document)
        {
            TokenizerFile file = TokenizerFile.Parse(root);
            var found = new AddedTokens(file.Added.Where(a => !a.InNormalized).Select(a => (a.Content, a)));
            SpecialTokenRoles roles = settings.Roles(token => file.Added.FirstOrDefault(a => a.Content == token)?.Id ?? file.Encoder.Model.Find(token), path);
            return new TextTokenizer(file.Added, found, file.Encoder, file.Decoder, file.Before, file.After, roles, settings.MaxTokens);
        }
    }

    private static TextTokenizer LoadBpe(string folder, Settings settings)
    {
        string vocabPath = Path.Combine(folder, VocabFile);
        var (document, root) = JsonView.Open(vocabPath);
        using (document)
        {
            var vocabulary = new Vocabulary(root.Members().Select(m => (m.Key, m.Value.Whole())), vocabPath);
            return Bpe(vocabulary, ReadMerges(Path.Combine(folder, MergesFile)), settings, ReadAddedFile(folder), vocabPath);
        }
    }

    /// <summary>Reads OpenAI's list of CLIP's merges; the vocabulary follows from it: bytes, bytes that end a word, merges, special tokens.</summary>
    public static TextTokenizer LoadClipMerges(string path)
    {
        (string Left, string Right)[] merges = [.. ReadMerges(path).Take(ClipMerges)];
        // Bytes that stand for themselves come first.
        string[] bytes = [.. Enumerable.Range(0, 256).Select(b => ByteAlphabet.ToChar((byte)b)).Order().Select(c => c.ToString())];
        string[] words = [.. bytes, .. bytes.Select(b => b + WordEnd), .. merges.Select(m => m.Left + m.Right), "<|startoftext|>", "<|endoftext|>"];
        return Bpe(new Vocabulary(words.Select((w, i) => (w, i)), path), merges, new Settings(null, null), [], path);
    }

    private static TextTokenizer Bpe(Vocabulary vocabulary, (string, string)[] merges, Settings settings, IEnumerable<AddedToken> more, string source)
    {
        bool isClip = settings.ClassName.StartsWith("CLIP", StringComparison.Ordinal)
            || (settings.ClassName.Length == 0 && vocabulary.Ids.Keys.Any(k => k.EndsWith(WordEnd, StringComparison.Ordinal)));
        string unknown = settings.Role("unk_token") ?? "<|endoftext|>";
        var options = new BpeOptions(vocabulary.Ids.ContainsKey(unknown) ? unknown : null, Suffix: isClip ? WordEnd : "");
        var model = new BpeModel(vocabulary, merges, options, source);

        var added = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (string key in RoleKeys)
        {
            string? content = settings.Role(key) ?? (isClip && key is "bos_token" ? "<|startoftext|>" : isClip && key is "eos_token" ? "<|endoftext|>" : null);
            if (content is not null && model.Find(content) is { } id)
            {
                added[content] = new AddedToken(id, content, IsSpecial: true);
            }
        }
        foreach (AddedToken token in settings.AddedTokens().Concat(more))
        {
            added[token.Content] = token;
        }
        INormalizer[] normalizers = isClip ? [new UnicodeForm(compatibility: false, compose: true), new CollapsedWhiteSpace(), new Lowercase(hasFinalSigma: true)] : [];
        IPreTokenizer words = isClip
            ? new PreTokenizerSequence([new SplitAtPattern(new ScalarRegex(ClipPattern), SplitBehavior.Removed, invert: true), new ByteLevelPieces(addPrefixSpace: false, useRegex: false)])
            : new ByteLevelPieces(settings.Flag("add_prefix_space", false), useRegex: true);
        // CLIP finds its special tokens again after lowercasing, since its word pattern names them.
        AddedToken[] all = [.. added.Values.OrderBy(a => a.Id)];
        var again = new AddedTokens(isClip ? all.Where(a => a.IsSpecial && a.Content.StartsWith("<|", StringComparison.Ordinal)).Select(a => (a.Content, a)) : []);
        var encoder = new PipelineEncoder(normalizers, again, words, model);
        IDecoder decoder = isClip ? new DecoderSequence([new ByteLevelDecoder(), new SuffixDecoder(WordEnd)]) : new ByteLevelDecoder();
        SpecialTokenRoles roles = settings.Roles(Find, source);
        if (isClip)
        {
            roles = new SpecialTokenRoles(roles.Pad ?? Find("<|endoftext|>"), roles.Bos ?? Find("<|startoftext|>"), roles.Eos ?? Find("<|endoftext|>"));
        }
        int[] before = isClip && roles.Bos is { } bos ? [bos] : [];
        int[] after = isClip && roles.Eos is { } eos ? [eos] : [];
        return new TextTokenizer(all, new AddedTokens(all.Select(a => (a.Content, a))), encoder, decoder, before, after, roles, settings.MaxTokens);

        int? Find(string token) => added.TryGetValue(token, out AddedToken? known) ? known.Id : model.Find(token);
    }

    private static (string, string)[] ReadMerges(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxMergesBytes)
            {
                throw new ConfigException($"{path}: more than {MaxMergesBytes} bytes.");
            }
            var merges = new List<(string, string)>();
            int number = 0;
            foreach (string line in Text(path).Split('\n'))
            {
                number++;
                string merge = line.TrimEnd('\r');
                if (merge.Length == 0 || (number == 1 && merge.Contains("#version", StringComparison.Ordinal)))
                {
                    continue;
                }
                merges.Add(merge.Split(' ') is [{ Length: > 0 } left, { Length: > 0 } right] ? (left, right)
                    : throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{path}: line {number}: expected two tokens.")));
            }
            return [.. merges];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new ConfigException($"{path}: {e.Message}", e);
        }
    }

    // A packed list is read to the same limit.
    private static string Text(string path)
    {
        if (!path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
        {
            return File.ReadAllText(path, Encoding.UTF8);
        }
        using FileStream file = File.OpenRead(path);
        using var unpacked = new GZipStream(file, CompressionMode.Decompress);
        using var text = new MemoryStream();
        byte[] part = new byte[1 << 16];
        for (int n = unpacked.Read(part); n > 0; n = unpacked.Read(part))
        {
            text.Write(part, 0, n);
            if (text.Length > MaxMergesBytes)
            {
                throw new ConfigException($"{path}: more than {MaxMergesBytes} bytes when unpacked.");
            }
        }
        return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }

    private static IEnumerable<AddedToken> ReadAddedFile(string folder)
    {
        string path = Path.Combine(folder, AddedFile);
        if (!File.Exists(path))
        {
            return [];
        }
        var (document, root) = JsonView.Open(path);
        using (document)
        {
            return [.. root.Members().Select(m => new AddedToken(m.Value.Whole(), m.Key, IsSpecial: false))];
        }
    }

    private static TextTokenizer LoadT5(string path, Settings settings)
    {
        SentencePieceFile file = SentencePieceFile.Read(path);
        var model = new UnigramModel(file.Pieces, file.UnknownId, file.ByteFallback, path);
        var added = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var (key, usual) in new[] { ("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>") })
        {
            string content = settings.Role(key) ?? usual;
            if (model.Find(content) is { } id)
            {
                added[content] = new AddedToken(id, content, IsSpecial: true);
            }
        }
        int extraIds = settings.Whole("extra_ids", DefaultExtraIds);
        if (extraIds is < 0 or > MaxExtraIds)
        {
            throw new ConfigException($"{path}: extra_ids is {extraIds}, expected 0 to {MaxExtraIds}.");
        }
        // Sentinels follow the pieces, the last one first.
        for (int i = 0; i < extraIds; i++)
        {
            string content = string.Create(CultureInfo.InvariantCulture, $"<extra_id_{i}>");
            added[content] = new AddedToken(model.Count + extraIds - 1 - i, content, IsSpecial: true, TakesLeft: true, TakesRight: true);
        }
        foreach (AddedToken token in settings.AddedTokens())
        {
            added[token.Content] = token;
        }
        AddedToken[] all = [.. added.Values.OrderBy(a => a.Id)];
        var encoder = new T5SegmentEncoder(file.Normalizer, model, hasLegacyPrefix: settings.Flag("legacy", true));
        SpecialTokenRoles roles = settings.Roles(Find, path);
        roles = new SpecialTokenRoles(roles.Pad ?? Find("<pad>"), roles.Bos, roles.Eos ?? Find("</s>"));
        int[] after = roles.Eos is { } eos ? [eos] : [];
        return new TextTokenizer(all, new AddedTokens(all.Select(a => (a.Content, a))), encoder, new T5Decoder(added.Keys.ToHashSet(StringComparer.Ordinal)), [], after, roles, settings.MaxTokens, endsOnce: true);

        int? Find(string token) => added.TryGetValue(token, out AddedToken? known) ? known.Id : model.Find(token);
    }

    /// <summary>tokenizer_config.json and special_tokens_map.json; either may be absent.</summary>
    private sealed class Settings(JsonView? config, JsonView? specials)
    {
        public string ClassName => config?.Optional("tokenizer_class")?.Text() ?? "";

        /// <summary>Null when the file leaves it out or gives the placeholder 1e30.</summary>
        public int? MaxTokens => config?.Optional("model_max_length") is { } length && length.Number() is >= 1 and <= 1 << 24 ? (int)length.Number() : null;

        public bool Flag(string key, bool otherwise) => config?.FlagOr(key, otherwise) ?? otherwise;

        public int Whole(string key, int otherwise) => config?.Optional(key)?.Whole() ?? otherwise;

        /// <summary>The token in a role such as pad_token.</summary>
        public string? Role(string key) => (config?.Optional(key) ?? specials?.Optional(key)) is { } value
            ? value.Kind == JsonValueKind.Object ? value["content"].Text() : value.Text()
            : null;

        public SpecialTokenRoles Roles(Func<string, int?> find, string source)
        {
            return new SpecialTokenRoles(Id("pad_token"), Id("bos_token"), Id("eos_token"));

            int? Id(string key) => Role(key) is not { } token ? null
                : find(token) ?? throw new ConfigException($"{source}: the settings name {key} '{token}', which the vocabulary lacks.");
        }

        public IEnumerable<AddedToken> AddedTokens() => config?.Optional("added_tokens_decoder") is not { } decoder ? []
            : decoder.Members().Select(m => TokenizerFile.ReadAdded(m.Value, ParseId(m.Key, decoder)));

        private static int ParseId(string key, JsonView place) =>
            int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id <= Vocabulary.MaxId ? id : throw place.Wrong($"'{key}' is not an id");
    }
}
