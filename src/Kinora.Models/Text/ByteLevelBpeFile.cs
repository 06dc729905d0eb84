// tokenizer.json and tokenizer_config.json, in the layout of huggingface/tokenizers v0.21 and transformers.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Kinora.Engine;

namespace Kinora.Models.Text;

public sealed partial class ByteLevelBpeTokenizer
{
    private const string TokenizerFile = "tokenizer.json";
    private const string ConfigFile = "tokenizer_config.json";
    private const long MaxFileBytes = 64L << 20;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16 };
    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads <c>tokenizer.json</c> and <c>tokenizer_config.json</c> of a folder.</summary>
    /// <exception cref="ConfigException">A file is missing, malformed, or describes another kind of tokenizer.</exception>
    public static ByteLevelBpeTokenizer Load(string folder)
    {
        string path = Path.Combine(folder, TokenizerFile);
        using JsonDocument tokenizer = ReadJson(path);
        string configPath = Path.Combine(folder, ConfigFile);
        using JsonDocument? config = File.Exists(configPath) ? ReadJson(configPath) : null;
        try
        {
            return Parse(tokenizer.RootElement, config?.RootElement, path);
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ConfigException($"{path}: {e.Message} Expected a byte-level BPE tokenizer in the layout of huggingface/tokenizers.", e);
        }
    }

    /// <summary>Learns a vocabulary from texts. The result depends on the multiset of texts only.</summary>
    /// <param name="corpus">The texts.</param>
    /// <param name="vocabularySize">Most ids to create, at least 259; fewer when no pair occurs twice any more.</param>
    /// <param name="pad">The token, id 0, that fills a sequence.</param>
    /// <param name="bos">The token, id 1, that begins a sequence.</param>
    /// <param name="eos">The token, id 2, that ends a sequence.</param>
    public static ByteLevelBpeTokenizer Train(IEnumerable<string> corpus, int vocabularySize, string pad = "<|pad|>", string bos = "<|bos|>", string eos = "<|eos|>")
    {
        ArgumentNullException.ThrowIfNull(corpus);
        return ByteLevelBpeTrainer.Train(corpus, vocabularySize, pad, bos, eos);
    }

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> into a folder. Equal tokenizers write equal bytes.</summary>
    /// <param name="folder">The folder; it is created when absent.</param>
    /// <param name="maxTokens">The longest sequence that the model reads, special tokens included.</param>
    public void Save(string folder, int maxTokens)
    {
        Directory.CreateDirectory(folder);
        WriteAtomically(Path.Combine(folder, TokenizerFile), WriteTokenizer);
        WriteAtomically(Path.Combine(folder, ConfigFile), writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
            writer.WriteNumber("model_max_length", maxTokens);
            WriteRole(writer, "pad_token", Roles.Pad);
            WriteRole(writer, "bos_token", Roles.Bos);
            WriteRole(writer, "eos_token", Roles.Eos);
            writer.WriteEndObject();
        });
    }

    private void WriteRole(Utf8JsonWriter writer, string key, int? id)
    {
        if (id is { } known)
        {
            writer.WriteString(key, _tokens[known]);
        }
    }

    private void WriteTokenizer(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("version", "1.0");
        writer.WriteNull("truncation");
        writer.WriteNull("padding");
        writer.WriteStartArray("added_tokens");
        foreach (SpecialToken special in _specials.OrderBy(s => s.Id))
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", special.Id);
            writer.WriteString("content", special.Content);
            foreach (string flag in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip", "normalized"])
            {
                writer.WriteBoolean(flag, false);
            }
            writer.WriteBoolean("special", true);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteNull("normalizer");
        WriteByteLevel(writer, "pre_tokenizer");
        WriteTemplate(writer);
        WriteByteLevel(writer, "decoder");
        writer.WriteStartObject("model");
        writer.WriteString("type", "BPE");
        foreach (string key in (ReadOnlySpan<string>)["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"])
        {
            writer.WriteNull(key);
        }
        foreach (string key in (ReadOnlySpan<string>)["fuse_unk", "byte_fallback", "ignore_merges"])
        {
            writer.WriteBoolean(key, false);
        }
        writer.WriteStartObject("vocab");
        for (int id = 0; id < _tokens.Length; id++)
        {
            writer.WriteNumber(_tokens[id], id);
        }
        writer.WriteEndObject();
        writer.WriteStartArray("merges");
        foreach (var (left, right) in _merges)
        {
            writer.WriteStringValue($"{left} {right}");
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter writer, string name)
    {
        writer.WriteStartObject(name);
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", false);
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteBoolean("use_regex", true);
        writer.WriteEndObject();
    }

    private void WriteTemplate(Utf8JsonWriter writer)
    {
        if (Roles.Bos is null && Roles.Eos is null)
        {
            writer.WriteNull("post_processor");
            return;
        }
        writer.WriteStartObject("post_processor");
        writer.WriteString("type", "TemplateProcessing");
        writer.WriteStartArray("single");
        WriteTemplateToken(writer, Roles.Bos, 0);
        WriteTemplateSequence(writer, "A", 0);
        WriteTemplateToken(writer, Roles.Eos, 0);
        writer.WriteEndArray();
        writer.WriteStartArray("pair");
        WriteTemplateToken(writer, Roles.Bos, 0);
        WriteTemplateSequence(writer, "A", 0);
        WriteTemplateToken(writer, Roles.Eos, 0);
        WriteTemplateSequence(writer, "B", 1);
        WriteTemplateToken(writer, Roles.Eos, 1);
        writer.WriteEndArray();
        writer.WriteStartObject("special_tokens");
        foreach (int id in new[] { Roles.Bos, Roles.Eos }.OfType<int>().Distinct())
        {
            writer.WriteStartObject(_tokens[id]);
            writer.WriteString("id", _tokens[id]);
            writer.WriteStartArray("ids");
            writer.WriteNumberValue(id);
            writer.WriteEndArray();
            writer.WriteStartArray("tokens");
            writer.WriteStringValue(_tokens[id]);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteTemplateToken(Utf8JsonWriter writer, int? id, int type)
    {
        if (id is not { } known)
        {
            return;
        }
        writer.WriteStartObject();
        writer.WriteStartObject("SpecialToken");
        writer.WriteString("id", _tokens[known]);
        writer.WriteNumber("type_id", type);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteTemplateSequence(Utf8JsonWriter writer, string id, int type)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("Sequence");
        writer.WriteString("id", id);
        writer.WriteNumber("type_id", type);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteAtomically(string path, Action<Utf8JsonWriter> write)
    {
        string temporary = path + ".partial";
        using (FileStream file = File.Create(temporary))
        {
            using (var writer = new Utf8JsonWriter(file, Readable))
            {
                write(writer);
            }
            file.Write("\n"u8);
        }
        File.Move(temporary, path, overwrite: true);
    }

    private static JsonDocument ReadJson(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxFileBytes)
            {
                throw new ConfigException($"{path}: {file.Length} bytes; a tokenizer file has at most {MaxFileBytes}.");
            }
            return JsonDocument.Parse(file, Strict);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: {e.Message}", e);
        }
    }

    private static ByteLevelBpeTokenizer Parse(JsonElement root, JsonElement? config, string path)
    {
        JsonElement model = root.GetProperty("model");
        Require(model.GetProperty("type").GetString() == "BPE", $"model.type is '{model.GetProperty("type")}', expected 'BPE'");
        foreach (string key in (ReadOnlySpan<string>)["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"])
        {
            Require(IsAbsent(model, key), $"model.{key} is {(model.TryGetProperty(key, out var v) ? v.GetRawText() : "")}, which a byte-level tokenizer does not use");
        }
        Require(IsAbsent(root, "normalizer"), "a normalizer is given; byte-level text is read as it is");
        JsonElement pre = root.GetProperty("pre_tokenizer");
        Require(pre.GetProperty("type").GetString() == "ByteLevel", $"pre_tokenizer.type is '{pre.GetProperty("type")}', expected 'ByteLevel'");
        Require(IsAbsent(pre, "add_prefix_space"), "pre_tokenizer.add_prefix_space is true, expected false");
        Require(!pre.TryGetProperty("use_regex", out JsonElement regex) || regex.GetBoolean(), "pre_tokenizer.use_regex is false, expected true");

        var contents = new SortedDictionary<int, string>();
        foreach (JsonProperty entry in model.GetProperty("vocab").EnumerateObject())
        {
            Require(contents.TryAdd(entry.Value.GetInt32(), entry.Name), $"two tokens have the id {entry.Value}");
        }
        var specials = new List<SpecialToken>();
        foreach (JsonElement added in root.GetProperty("added_tokens").EnumerateArray())
        {
            int id = added.GetProperty("id").GetInt32();
            string content = added.GetProperty("content").GetString() ?? "";
            Require(content.Length > 0, $"added token {id} is empty");
            foreach (string flag in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip"])
            {
                Require(IsAbsent(added, flag), $"added token '{content}' has {flag}, which is not supported");
            }
            Require(!contents.TryGetValue(id, out string? present) || present == content, $"id {id} is '{present}' in the vocabulary and '{content}' in added_tokens");
            contents[id] = content;
            specials.Add(new SpecialToken(id, content));
        }
        Require(contents.Count > 0 && contents.Keys.First() == 0 && contents.Keys.Last() == contents.Count - 1, $"ids are not 0…{contents.Count - 1} without gaps");
        string[] tokens = [.. contents.Values];
        var merges = model.GetProperty("merges").EnumerateArray().Select(ParseMerge).ToArray();
        return new ByteLevelBpeTokenizer(tokens, merges, [.. specials], ParseRoles(config, specials, path));

        void Require(bool condition, string problem)
        {
            if (!condition)
            {
                throw new ConfigException($"{path}: {problem}.");
            }
        }

        (string, string) ParseMerge(JsonElement merge, int rank)
        {
            string?[] parts = merge.ValueKind == JsonValueKind.Array
                ? [.. merge.EnumerateArray().Select(p => p.GetString())]
                : [.. merge.GetString()!.Split(' ')];
            Require(parts.Length == 2 && parts.All(p => !string.IsNullOrEmpty(p)), $"merge {rank} is {merge.GetRawText()}, expected two tokens");
            return (parts[0]!, parts[1]!);
        }
    }

    private static SpecialTokenRoles ParseRoles(JsonElement? config, List<SpecialToken> specials, string path)
    {
        return new SpecialTokenRoles(Role("pad_token"), Role("bos_token"), Role("eos_token"));

        int? Role(string key)
        {
            if (config is not { } root || IsAbsent(root, key))
            {
                return null;
            }
            JsonElement value = root.GetProperty(key);
            string? content = value.ValueKind == JsonValueKind.Object ? value.GetProperty("content").GetString() : value.GetString();
            return specials.Find(s => s.Content == content)?.Id
                ?? throw new ConfigException($"{path}: {ConfigFile} names {key} '{content}', which added_tokens lacks.");
        }
    }

    /// <summary>True when the key is missing, null, false or empty: all of them mean "not used".</summary>
    private static bool IsAbsent(JsonElement element, string key) =>
        !element.TryGetProperty(key, out JsonElement value)
        || value.ValueKind is JsonValueKind.Null or JsonValueKind.False
        || (value.ValueKind == JsonValueKind.String && value.GetString()!.Length == 0);
}
