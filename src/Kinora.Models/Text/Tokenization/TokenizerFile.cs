// tokenizer.json, in the layout of huggingface/tokenizers v0.21. A component or key that is not known here is refused by name:
// ids that are almost right would be worse than none.

using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>What a tokenizer.json describes.</summary>
internal sealed record TokenizerFile(IReadOnlyList<AddedToken> Added, ISegmentEncoder Encoder, IDecoder Decoder, int[] Before, int[] After, INormalizer[] Normalizers)
{
    private const int MaxNesting = 4;

    /// <exception cref="ConfigException">The file is no tokenizer.json, or one with parts that are not supported.</exception>
    public static TokenizerFile Parse(JsonView root)
    {
        root.Only("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model");
        var (model, suffix, byteFallback) = ReadModel(root["model"]);
        var normalizers = new List<INormalizer>();
        if (root.Optional("normalizer") is { } normalizer)
        {
            ReadNormalizer(normalizer, normalizers, 0);
        }
        IPreTokenizer? preTokenizer = root.Optional("pre_tokenizer") is { } pre ? ReadPreTokenizer(pre, 0) : null;
        AddedToken[] added = root.Optional("added_tokens") is { } tokens ? [.. tokens.Items().Select(t => ReadAdded(t, t["id"].Whole()))] : [];
        if (added.GroupBy(a => a.Content, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw root["added_tokens"].Wrong($"'{twice.Key}' occurs twice");
        }
        if (added.FirstOrDefault(a => a.Id is < 0 or > Vocabulary.MaxId || (model.Token(a.Id) is { } present && present != a.Content)) is { } clash)
        {
            throw root["added_tokens"].Wrong($"'{clash.Content}' has the id {clash.Id}, which {(model.Token(clash.Id) is { } other ? $"is '{other}' in the vocabulary" : "is out of range")}");
        }
        INormalizer[] steps = [.. normalizers];
        var inNormalized = new AddedTokens(added.Where(a => a.InNormalized).Select(a => (steps.Aggregate(a.Content, (text, step) => step.Normalize(text)), a)));
        var encoder = new PipelineEncoder(steps, inNormalized, preTokenizer, model);
        var before = new List<int>();
        var after = new List<int>();
        if (root.Optional("post_processor") is { } post)
        {
            ReadPostProcessor(post, id => Find(id), before, after, 0);
        }
        var decoders = new List<IDecoder>();
        if (byteFallback && model is UnigramModel)
        {
            decoders.Add(new ByteFallbackDecoder());
        }
        if (root.Optional("decoder") is { } decoder)
        {
            decoders.Add(ReadDecoder(decoder, 0));
        }
        if (suffix.Length > 0)
        {
            decoders.Add(new SuffixDecoder(suffix));
        }
        return new TokenizerFile(added, encoder, new DecoderSequence([.. decoders]), [.. before], [.. after], steps);

        int? Find(string token) => added.FirstOrDefault(a => a.Content == token)?.Id ?? model.Find(token);
    }

    /// <summary>One entry of added_tokens or added_tokens_decoder.</summary>
    public static AddedToken ReadAdded(JsonView token, int id)
    {
        token.Only("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special", "__type");
        return new AddedToken(id, token["content"].Text(), token.FlagOr("special", false), token.FlagOr("single_word", false),
            token.FlagOr("lstrip", false), token.FlagOr("rstrip", false), token.FlagOr("normalized", false));
    }

    private static (ITokenModel Model, string Suffix, bool ByteFallback) ReadModel(JsonView model)
    {
        bool byteFallback = model.FlagOr("byte_fallback", false);
        // Files from before tokenizers 0.13 leave the type out: only BPE has merges.
        string type = model.Optional("type")?.Text() ?? (model.Optional("merges") is null ? "" : "BPE");
        switch (type)
        {
            case "BPE":
                model.Only("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges");
                if (model.Optional("dropout") is { } dropout && dropout.Number() != 0)
                {
                    throw dropout.Wrong("dropout makes ids random; only 0 is supported");
                }
                var vocabulary = new Vocabulary(model["vocab"].Members().Select(m => (m.Key, m.Value.Whole())), model["vocab"].Place);
                var merges = model["merges"].Items().Select(ReadMerge).ToArray();
                var options = new BpeOptions(model.Optional("unk_token")?.Text(), model.TextOr("continuing_subword_prefix", ""), model.TextOr("end_of_word_suffix", ""),
                    model.FlagOr("fuse_unk", false), byteFallback, model.FlagOr("ignore_merges", false));
                return (new BpeModel(vocabulary, merges, options, model["vocab"].Place), options.Suffix, byteFallback);
            case "Unigram":
                model.Only("type", "unk_id", "vocab", "byte_fallback");
                UnigramPiece[] pieces = [.. model["vocab"].Items().Select(p => ReadPiece(p, byteFallback))];
                return (new UnigramModel(pieces, model["unk_id"].Whole(), byteFallback, model["vocab"].Place), "", byteFallback);
            default:
                throw model.Wrong($"type '{type}' is not supported; expected BPE or Unigram");
        }
    }

    private static (string, string) ReadMerge(JsonView merge)
    {
        string[] parts = merge.Kind == System.Text.Json.JsonValueKind.Array ? [.. merge.Items().Select(p => p.Text())] : merge.Text().Split(' ');
        return parts is [{ Length: > 0 } left, { Length: > 0 } right] ? (left, right) : throw merge.Wrong("expected two tokens");
    }

    // SentencePiece keeps byte pieces out of the search; tokenizer.json does not say what kind a piece is.
    private static UnigramPiece ReadPiece(JsonView entry, bool byteFallback)
    {
        JsonView[] parts = [.. entry.Items()];
        if (parts.Length != 2)
        {
            throw entry.Wrong("expected a piece and its score");
        }
        string text = parts[0].Text();
        return new UnigramPiece(text, (float)parts[1].Number(), byteFallback && BytePieces.TryParse(text, out _) ? PieceKind.Byte : PieceKind.Normal);
    }

    private static void ReadNormalizer(JsonView node, List<INormalizer> into, int depth)
    {
        string type = node["type"].Text();
        switch (type)
        {
            case "Sequence" when depth < MaxNesting:
                node.Only("type", "normalizers");
                foreach (JsonView step in node["normalizers"].Items())
                {
                    ReadNormalizer(step, into, depth + 1);
                }
                break;
            case "NFC" or "NFD" or "NFKC" or "NFKD":
                node.Only("type");
                into.Add(new UnicodeForm(compatibility: type.Length == 4, compose: type[^1] == 'C'));
                break;
            case "Lowercase":
                node.Only("type");
                into.Add(new Lowercase(hasFinalSigma: false));
                break;
            case "StripAccents":
                node.Only("type");
                into.Add(new StripAccents());
                break;
            case "Strip":
                node.Only("type", "strip_left", "strip_right");
                into.Add(new Strip(node["strip_left"].Flag(), node["strip_right"].Flag()));
                break;
            case "Prepend":
                node.Only("type", "prepend");
                into.Add(new Prepend(node["prepend"].Text()));
                break;
            case "Replace":
                node.Only("type", "pattern", "content");
                var (literal, pattern) = ReadPattern(node["pattern"]);
                into.Add(literal is not null ? new ReplaceText(literal, node["content"].Text()) : new ReplacePattern(pattern!, node["content"].Text()));
                break;
            case "Nmt":
                node.Only("type");
                into.Add(new Nmt());
                break;
            case "Precompiled":
                node.Only("type", "precompiled_charsmap");
                if (node.Optional("precompiled_charsmap") is { } map && CharsMap.Parse(ReadBase64(map), map.Place) is { } parsed)
                {
                    into.Add(new PrecompiledNormalizer(parsed));
                }
                break;
            case "BertNormalizer":
                node.Only("type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase");
                bool lowercase = node.FlagOr("lowercase", true);
                into.Add(new BertNormalizer(node.FlagOr("clean_text", true), node.FlagOr("handle_chinese_chars", true), node.FlagOr("strip_accents", lowercase), lowercase));
                break;
            case "ByteLevel":
                node.Only("type");
                into.Add(new ByteLevelNormalizer());
                break;
            default:
                throw node.Wrong($"normalizer '{type}' is not supported");
        }
    }

    private static byte[] ReadBase64(JsonView node)
    {
        try
        {
            return Convert.FromBase64String(node.Text());
        }
        catch (FormatException e)
        {
            throw node.Wrong($"not base64: {e.Message}");
        }
    }

    private static (string? Literal, ScalarRegex? Pattern) ReadPattern(JsonView node)
    {
        node.Only("String", "Regex");
        if (node.Optional("String") is { } literal)
        {
            return literal.Text().Length > 0 ? (literal.Text(), null) : throw literal.Wrong("an empty pattern");
        }
        JsonView regex = node["Regex"];
        try
        {
            return (null, new ScalarRegex(regex.Text()));
        }
        catch (ConfigException e)
        {
            throw regex.Wrong(e.Message);
        }
    }

    private static IPreTokenizer ReadPreTokenizer(JsonView node, int depth)
    {
        string type = node["type"].Text();
        switch (type)
        {
            case "Sequence" when depth < MaxNesting:
                node.Only("type", "pretokenizers");
                return new PreTokenizerSequence([.. node["pretokenizers"].Items().Select(p => ReadPreTokenizer(p, depth + 1))]);
            case "ByteLevel":
                node.Only("type", "add_prefix_space", "trim_offsets", "use_regex");
                return new ByteLevelPieces(node.FlagOr("add_prefix_space", true), node.FlagOr("use_regex", true));
            case "Split":
                node.Only("type", "pattern", "behavior", "invert");
                var (literal, pattern) = ReadPattern(node["pattern"]);
                SplitBehavior behavior = ReadBehavior(node["behavior"]);
                bool invert = node.FlagOr("invert", false);
                return literal is not null ? new SplitAtText(literal, behavior, invert) : new SplitAtPattern(pattern!, behavior, invert);
            case "Metaspace":
                return ReadMetaspace(node);
            case "Whitespace":
                node.Only("type");
                return new SplitAtPattern(new ScalarRegex(@"\w+|[^\w\s]+"), SplitBehavior.Removed, invert: true);
            case "WhitespaceSplit":
                node.Only("type");
                return SplitAtScalars.WhiteSpace;
            case "Punctuation":
                node.Only("type", "behavior");
                return SplitAtScalars.Punctuation(node.Optional("behavior") is { } b ? ReadBehavior(b) : SplitBehavior.Isolated);
            case "Digits":
                node.Only("type", "individual_digits");
                return SplitAtScalars.Digits(node.FlagOr("individual_digits", false));
            case "BertPreTokenizer":
                node.Only("type");
                return new PreTokenizerSequence([SplitAtScalars.WhiteSpace, SplitAtScalars.Punctuation(SplitBehavior.Isolated)]);
            default:
                throw node.Wrong($"pre-tokenizer '{type}' is not supported");
        }
    }

    private static Metaspace ReadMetaspace(JsonView node)
    {
        node.Only("type", "replacement", "str_rep", "prepend_scheme", "split", "add_prefix_space");
        string mark = ReadMark(node);
        string scheme = node.Optional("prepend_scheme")?.Text() ?? (node.FlagOr("add_prefix_space", true) ? "always" : "never");
        PrependScheme prepend = scheme switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw node.Wrong($"prepend_scheme '{scheme}' is not always, first or never"),
        };
        return new Metaspace(mark, prepend, node.FlagOr("split", true));
    }

    private static string ReadMark(JsonView node)
    {
        string mark = node.TextOr("replacement", SentencePieceNormalizer.Mark.ToString());
        return mark.Length == 1 ? mark : throw node.Wrong($"replacement '{mark}' is not one character");
    }

    private static SplitBehavior ReadBehavior(JsonView node) =>
        node.Text() is { } text && Enum.TryParse(text, out SplitBehavior behavior) && Enum.IsDefined(behavior) && char.IsLetter(text, 0) ? behavior
            : throw node.Wrong($"behavior '{node.Text()}' is not {string.Join(", ", Enum.GetNames<SplitBehavior>())}");

    private static void ReadPostProcessor(JsonView node, Func<string, int?> find, List<int> before, List<int> after, int depth)
    {
        string type = node["type"].Text();
        switch (type)
        {
            case "Sequence" when depth < MaxNesting:
                node.Only("type", "processors");
                foreach (JsonView step in node["processors"].Items())
                {
                    ReadPostProcessor(step, find, before, after, depth + 1);
                }
                break;
            case "TemplateProcessing":
                ReadTemplate(node, before, after);
                break;
            case "RobertaProcessing" or "BertProcessing":
                node.Only("type", "sep", "cls", "trim_offsets", "add_prefix_space");
                before.Insert(0, ReadPair(node["cls"], find));
                after.Add(ReadPair(node["sep"], find));
                break;
            case "ByteLevel":
                // Moves offsets only.
                node.Only("type", "add_prefix_space", "trim_offsets", "use_regex");
                break;
            default:
                throw node.Wrong($"post-processor '{type}' is not supported");
        }
    }

    private static int ReadPair(JsonView node, Func<string, int?> find)
    {
        JsonView[] parts = [.. node.Items()];
        int id = parts.Length == 2 ? parts[1].Whole() : throw node.Wrong("expected a token and its id");
        return find(parts[0].Text()) == id ? id : throw node.Wrong($"'{parts[0].Text()}' does not have the id {id}");
    }

    private static void ReadTemplate(JsonView node, List<int> before, List<int> after)
    {
        node.Only("type", "single", "pair", "special_tokens");
        bool isBehind = false;
        var head = new List<int>();
        foreach (JsonView item in node["single"].Items())
        {
            item.Only("SpecialToken", "Sequence");
            if (item.Optional("Sequence") is { } sequence)
            {
                if (isBehind || sequence["id"].Text() != "A")
                {
                    throw sequence.Wrong("expected the sequence A, once");
                }
                isBehind = true;
                continue;
            }
            string name = item["SpecialToken"]["id"].Text();
            IEnumerable<int> ids = node["special_tokens"][name]["ids"].Items().Select(i => i.Whole());
            (isBehind ? after : head).AddRange(ids);
        }
        if (!isBehind)
        {
            throw node["single"].Wrong("the sequence A is missing");
        }
        before.InsertRange(0, head);
    }

    private static IDecoder ReadDecoder(JsonView node, int depth)
    {
        string type = node["type"].Text();
        switch (type)
        {
            case "Sequence" when depth < MaxNesting:
                node.Only("type", "decoders");
                return new DecoderSequence([.. node["decoders"].Items().Select(d => ReadDecoder(d, depth + 1))]);
            case "ByteLevel":
                node.Only("type", "add_prefix_space", "trim_offsets", "use_regex");
                return new ByteLevelDecoder();
            case "Metaspace":
                node.Only("type", "replacement", "str_rep", "prepend_scheme", "split", "add_prefix_space");
                return new MetaspaceDecoder(ReadMark(node), node.TextOr("prepend_scheme", "always") != "never" && node.FlagOr("add_prefix_space", true));
            case "BPEDecoder":
                node.Only("type", "suffix");
                return new SuffixDecoder(node.TextOr("suffix", "</w>"));
            case "Replace":
                node.Only("type", "pattern", "content");
                return new ReplaceDecoder(node["pattern"]["String"].Text() is { Length: > 0 } literal ? literal : throw node.Wrong("an empty pattern"), node["content"].Text());
            case "ByteFallback":
                node.Only("type");
                return new ByteFallbackDecoder();
            case "Fuse":
                node.Only("type");
                return new FuseDecoder();
            case "Strip":
                node.Only("type", "content", "start", "stop");
                return new StripDecoder(node["content"].Text() is [var only] ? only : throw node.Wrong("content is not one character"), node["start"].Whole(), node["stop"].Whole());
            default:
                throw node.Wrong($"decoder '{type}' is not supported");
        }
    }
}
