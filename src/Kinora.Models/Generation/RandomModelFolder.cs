// A model folder in diffusers' layout whose weights are drawn, not trained: for tests, and to measure memory and speed at sizes of choice.

using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Generation;

/// <summary>Writes components, tokenizers and the index of a model with random weights.</summary>
/// <param name="path">The folder; it is made.</param>
public sealed class RandomModelFolder(string path)
{
    /// <summary>Names of weight files: of networks of diffusers, and of those of transformers.</summary>
    public const string DiffusersFile = "diffusion_pytorch_model.safetensors", TransformersFile = "model.safetensors";

    private readonly SortedSet<string> _components = new(StringComparer.Ordinal);

    /// <summary>The folder.</summary>
    public string Path { get; } = Directory.CreateDirectory(path).FullName;

    /// <summary>Writes a component's configuration and its weights, which the component's place decides.</summary>
    /// <param name="component">Its name.</param>
    /// <param name="file">The file of its weights.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="type">How the configuration is written.</param>
    /// <param name="build">Makes the network.</param>
    public void Add<T>(string component, string file, T config, JsonTypeInfo<T> type, Func<ParameterPath, Module> build)
    {
        ArgumentNullException.ThrowIfNull(build);
        string folder = Folder(component);
        ModelConfigJson.WriteFile(System.IO.Path.Combine(folder, "config.json"), config, type);
        Module module = build(ParameterPath.Root(new InitializedParameters((ulong)_components.Count)));
        SafetensorsWriter.Write(System.IO.Path.Combine(folder, file), module.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));
        module.Path.Store.Dispose();
    }

    /// <summary>Writes a file of a component.</summary>
    public void Write(string component, string file, string text) => File.WriteAllText(System.IO.Path.Combine(Folder(component), file), text);

    /// <summary>Writes CLIP's tokenizer with single characters, inside a word and at its end: lower-case prompts need no merges.</summary>
    /// <param name="component">tokenizer or tokenizer_2.</param>
    /// <param name="first">First character; by default all that ASCII can print.</param>
    /// <param name="last">Last character.</param>
    /// <param name="tokens">Tokens of an encoder that exists; null for as many as there are. Start and end of text are the last two.</param>
    /// <param name="longest">Tokens of the longest text; null for what the encoder reads.</param>
    /// <returns>Tokens; the last is the end of text.</returns>
    public int AddClipTokenizer(string component = "tokenizer", char first = '!', char last = '~', int? tokens = null, int? longest = null)
    {
        string[] characters = [.. Enumerable.Range(first, last - first + 1).Select(c => ((char)c).ToString(CultureInfo.InvariantCulture))];
        int count = tokens ?? 2 * characters.Length + 2;
        var vocabulary = new JsonObject(characters.Concat(characters.Select(c => c + "</w>")).Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))) { ["<|startoftext|>"] = count - 2, ["<|endoftext|>"] = count - 1 };
        Write(component, "vocab.json", vocabulary.ToJsonString());
        Write(component, "merges.txt", "#version: 0.2\n");
        string length = longest is { } most ? string.Create(CultureInfo.InvariantCulture, $"\"model_max_length\": {most}, ") : "";
        Write(component, "tokenizer_config.json", $$"""{ "tokenizer_class": "CLIPTokenizer", {{length}}"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>" }""");
        return count;
    }

    /// <summary>Writes T5's tokenizer with lower-case letters as its pieces.</summary>
    /// <returns>Tokens.</returns>
    public int AddLetterTokenizer()
    {
        string[] pieces = ["<pad>", "</s>", "<unk>", "▁", .. Enumerable.Range('a', 'z' - 'a' + 1).Select(c => ((char)c).ToString(CultureInfo.InvariantCulture))];
        string vocabulary = string.Join(", ", pieces.Select((piece, i) => $"[\"{piece}\", {(i < 3 ? "0.0" : "-2.0")}]"));
        string specials = string.Join(", ", pieces.Take(3).Select((piece, i) => string.Create(CultureInfo.InvariantCulture,
            $$"""{ "id": {{i}}, "content": "{{piece}}", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true }""")));
        const string Metaspace = """{ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true }""";
        Write("tokenizer", "tokenizer.json", $$"""
            { "version": "1.0", "truncation": null, "padding": null, "added_tokens": [{{specials}}], "normalizer": null, "pre_tokenizer": {{Metaspace}},
              "post_processor": { "type": "TemplateProcessing", "single": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "SpecialToken": { "id": "</s>", "type_id": 0 } }], "pair": [],
                "special_tokens": { "</s>": { "id": "</s>", "ids": [1], "tokens": ["</s>"] } } },
              "decoder": {{Metaspace}}, "model": { "type": "Unigram", "unk_id": 2, "vocab": [{{vocabulary}}], "byte_fallback": false } }
            """);
        Write("tokenizer", "tokenizer_config.json", """{ "tokenizer_class": "T5TokenizerFast", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "model_max_length": 512 }""");
        return pieces.Length;
    }

    /// <summary>Writes <c>model_index.json</c> with the components that were added.</summary>
    /// <param name="className">The pipeline.</param>
    /// <param name="classes">Class names of components for pipelines that read them.</param>
    /// <param name="more">Further keys of the index, each with a comma behind it.</param>
    public void Index(string className, IReadOnlyDictionary<string, string>? classes = null, string more = "") =>
        File.WriteAllText(System.IO.Path.Combine(Path, "model_index.json"),
            $"{{ \"_class_name\": \"{className}\", {more}{string.Join(", ", _components.Select(c => $"\"{c}\": [\"diffusers\", \"{classes?.GetValueOrDefault(c) ?? "Part"}\"]"))} }}");

    private string Folder(string component)
    {
        _components.Add(component);
        return Directory.CreateDirectory(System.IO.Path.Combine(Path, component)).FullName;
    }
}
