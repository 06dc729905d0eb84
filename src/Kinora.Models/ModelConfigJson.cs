using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kinora.Engine;

namespace Kinora.Models;

/// <summary>
/// Reads and writes <c>config.json</c> and <c>model_index.json</c> strictly: a key that the record does not have, and a
/// <c>required</c> key that the file does not have, are errors that name the key; so is a value of the wrong type.
/// The records are bound through source-generated <see cref="JsonTypeInfo{T}"/>, never by reflection.
/// </summary>
public static class ModelConfigJson
{
    /// <summary>Reads a configuration file. <see cref="ConfigException"/> lists every problem at once.</summary>
    /// <param name="path">The file.</param>
    /// <param name="type">What it binds to.</param>
    /// <param name="defaults">A JSON object with the values that the publisher's class gives to keys which a file may leave out.</param>
    public static T ReadFile<T>(string path, JsonTypeInfo<T> type, string? defaults = null) => Read(ConfigText.OfFile(path), type, defaults);

    /// <summary>Reads a configuration, of a file or not.</summary>
    public static T Read<T>(ConfigText text, JsonTypeInfo<T> type, string? defaults = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Read(text.Utf8.Span, type, text.Source, defaults);
    }

    /// <summary>Reads a configuration from UTF-8 JSON; <paramref name="source"/> names it in messages.</summary>
    public static T Read<T>(ReadOnlySpan<byte> utf8, JsonTypeInfo<T> type, string source, string? defaults = null)
    {
        if (utf8.StartsWith("\uFEFF"u8)) utf8 = utf8[3..];
        try
        {
            using var document = JsonDocument.Parse(PythonJson.QuoteNonFinite(utf8.ToArray()));
            var problems = new List<string>();
            using var published = JsonDocument.Parse(defaults ?? "{}");
            CollectProblems(document.RootElement, type, "", problems, [.. published.RootElement.EnumerateObject().Select(key => key.Name)]);
            if (problems.Count > 0) throw Refusal(source, problems);
            return JsonSerializer.Deserialize(Complete(document.RootElement, published.RootElement), type) ?? throw Refusal(source, ["the document is null"]);
        }
        catch (JsonException e)
        {
            throw new ConfigException($"{source}: {Where(e)}{FirstLine(e.Message)}", e);
        }
        catch (InvalidOperationException e)
        {
            // A key or text that is no Unicode.
            throw new ConfigException($"{source}: {e.Message}", e);
        }
    }

    /// <summary>The JSON text of a configuration: keys in declaration order, two spaces, a final newline.</summary>
    public static string Write<T>(T config, JsonTypeInfo<T> type) => JsonSerializer.Serialize(config, type).ReplaceLineEndings("\n") + "\n";

    /// <summary>Writes a configuration beside its weights.</summary>
    public static void WriteFile<T>(string path, T config, JsonTypeInfo<T> type) => File.WriteAllText(path, Write(config, type));

    // The document's keys, and after them those defaults that it does not have.
    private static byte[] Complete(JsonElement document, JsonElement defaults)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var key in document.EnumerateObject()) key.WriteTo(writer);
            foreach (var key in defaults.EnumerateObject())
                if (!document.TryGetProperty(key.Name, out _)) key.WriteTo(writer);
            writer.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static void CollectProblems(JsonElement element, JsonTypeInfo type, string prefix, List<string> problems, IReadOnlyList<string> given)
    {
        if (type.Kind != JsonTypeInfoKind.Object) return;
        if (element.ValueKind != JsonValueKind.Object)
        {
            problems.Add($"{(prefix.Length == 0 ? "the document" : $"`{prefix.TrimEnd('.')}`")}: expected an object, got {Describe(element.ValueKind)}");
            return;
        }
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in element.EnumerateObject())
        {
            if (!seen.Add(key.Name)) { problems.Add($"`{prefix}{key.Name}`: appears twice"); continue; }
            var property = type.Properties.FirstOrDefault(p => p.Name == key.Name);
            if (property is null)
            {
                problems.Add($"`{prefix}{key.Name}`: unknown key{Suggestion(key.Name, type)}");
                continue;
            }
            if (key.Value.ValueKind == JsonValueKind.Object && type.Options.TryGetTypeInfo(property.PropertyType, out var nested))
                CollectProblems(key.Value, nested, $"{prefix}{key.Name}.", problems, []);
        }
        foreach (var property in type.Properties)
            if (property.IsRequired && !seen.Contains(property.Name) && !given.Contains(property.Name)) problems.Add($"`{prefix}{property.Name}`: missing");
    }

    private static ConfigException Refusal(string source, IReadOnlyList<string> problems) =>
        new(problems.Count == 1 ? $"{source}: {problems[0]}" : $"{source}: {problems.Count} problems:\n  {string.Join("\n  ", problems)}");

    private static string Suggestion(string key, JsonTypeInfo type) => NearestWord.Of(key, type.Properties.Select(p => p.Name)) is { } nearest ? $"; did you mean `{nearest}`?" : "";

    private static string Where(JsonException e) => e.Path is { Length: > 2 } path ? $"`{path[2..]}`: " : e.LineNumber is { } line ? $"line {line + 1}: " : "";

    private static string FirstLine(string message)
    {
        var cut = message.IndexOf(" Path:", StringComparison.Ordinal);
        return cut < 0 ? message : message[..cut];
    }

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Array => "an array", JsonValueKind.String => "a string", JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean", _ => "null",
    };
}
