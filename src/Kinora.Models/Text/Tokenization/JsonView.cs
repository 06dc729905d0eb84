// A cursor in a JSON document that knows where it stands, so that every complaint names file and key.

using System.Text.Json;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>A value of a JSON file, with its place.</summary>
internal readonly struct JsonView
{
    private const long MaxFileBytes = 128L << 20;

    private readonly JsonElement _element;
    private readonly string _file, _place;

    private JsonView(JsonElement element, string file, string place)
    {
        _element = element;
        _file = file;
        _place = place;
    }

    public JsonValueKind Kind => _element.ValueKind;

    /// <summary>File and key, for messages.</summary>
    public string Place => _place.Length == 0 ? _file : $"{_file}: `{_place}`";

    /// <summary>Parses a file.</summary>
    /// <exception cref="ConfigException">It cannot be read, is too large or no JSON.</exception>
    public static (JsonDocument Document, JsonView Root) Open(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxFileBytes)
            {
                throw new ConfigException($"{path}: {file.Length} bytes; a tokenizer file has at most {MaxFileBytes}.");
            }
            JsonDocument document = JsonDocument.Parse(file, new JsonDocumentOptions { MaxDepth = 32 });
            return (document, new JsonView(document.RootElement, path, ""));
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Wraps the root of a parsed document.</summary>
    public static JsonView Of(JsonElement root, string file) => new(root, file, "");

    public ConfigException Wrong(string problem) => new($"{Place}: {problem}.");

    /// <summary>The value of a key.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    public JsonView this[string key] => Optional(key) ?? throw Wrong($"the key '{key}' is missing");

    /// <summary>The value of a key; null when it is absent or null.</summary>
    public JsonView? Optional(string key)
    {
        if (Kind != JsonValueKind.Object)
        {
            throw Wrong($"expected an object, got {Kind}");
        }
        try
        {
            return _element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? new JsonView(value, _file, Join(key)) : null;
        }
        catch (InvalidOperationException e)
        {
            // A key beside this one that is no Unicode.
            throw new ConfigException($"{Place}: {e.Message}", e);
        }
    }

    public string Text()
    {
        if (Kind != JsonValueKind.String)
        {
            throw Wrong($"expected a string, got {Kind}");
        }
        try
        {
            return _element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair.
            throw new ConfigException($"{_file}: `{_place}`: {e.Message}", e);
        }
    }

    public bool Flag() => Kind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong($"expected true or false, got {Kind}"),
    };

    public int Whole() => Kind == JsonValueKind.Number && _element.TryGetInt32(out int value) ? value : throw Wrong($"expected a whole number, got {Shown()}");

    public double Number() => Kind == JsonValueKind.Number && _element.TryGetDouble(out double value) ? value : throw Wrong($"expected a number, got {Shown()}");

    public string TextOr(string key, string otherwise) => Optional(key)?.Text() ?? otherwise;

    public bool FlagOr(string key, bool otherwise) => Optional(key)?.Flag() ?? otherwise;

    public IEnumerable<JsonView> Items()
    {
        if (Kind != JsonValueKind.Array)
        {
            throw Wrong($"expected an array, got {Kind}");
        }
        int i = 0;
        foreach (JsonElement item in _element.EnumerateArray())
        {
            yield return new JsonView(item, _file, $"{_place}[{i++}]");
        }
    }

    public IEnumerable<(string Key, JsonView Value)> Members()
    {
        if (Kind != JsonValueKind.Object)
        {
            throw Wrong($"expected an object, got {Kind}");
        }
        foreach (JsonProperty member in _element.EnumerateObject())
        {
            string key;
            try
            {
                key = member.Name;
            }
            catch (InvalidOperationException e)
            {
                throw new ConfigException($"{_file}: `{_place}`: {e.Message}", e);
            }
            yield return (key, new JsonView(member.Value, _file, Join(key)));
        }
    }

    /// <summary>Passes when every key is one of these.</summary>
    public void Only(params ReadOnlySpan<string> keys)
    {
        foreach (var (key, _) in Members())
        {
            if (!keys.Contains(key))
            {
                throw Wrong($"unknown key '{key}'");
            }
        }
    }

    private string Shown() => _element.GetRawText() is { Length: < 40 } text ? text : Kind.ToString();

    private string Join(string key) => _place.Length == 0 ? key : $"{_place}.{key}";
}
