// Values that a configuration gives once for all blocks of a network, or one for each: 8, or [5, 10, 20, 20].

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Models;

/// <summary>Reads whole numbers, one for all blocks or a list with one for each, as a list.</summary>
public sealed class OneOrMoreIntegers : JsonConverter<IReadOnlyList<int>>
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        OneOrMore.Read(ref reader, (ref Utf8JsonReader r) => r.TokenType == JsonTokenType.Number && r.TryGetInt32(out int value) ? value : throw new JsonException("expected a whole number or a list of whole numbers"));

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, IReadOnlyList<int> value, JsonSerializerOptions options) => OneOrMore.Write(writer, value, writer.WriteNumberValue);
}

/// <summary>Reads booleans, one for all blocks or a list with one for each, as a list.</summary>
public sealed class OneOrMoreBooleans : JsonConverter<IReadOnlyList<bool>>
{
    /// <inheritdoc/>
    public override IReadOnlyList<bool> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        OneOrMore.Read(ref reader, (ref Utf8JsonReader r) => r.TokenType is JsonTokenType.True or JsonTokenType.False ? r.GetBoolean() : throw new JsonException("expected a boolean or a list of booleans"));

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, IReadOnlyList<bool> value, JsonSerializerOptions options) => OneOrMore.Write(writer, value, writer.WriteBooleanValue);
}

/// <summary>What values given once or once for each block have in common.</summary>
public static class OneOrMore
{
    internal delegate T Element<out T>(ref Utf8JsonReader reader);

    /// <summary>The value of a block: that of the only entry, or of the block's own.</summary>
    public static T At<T>(this IReadOnlyList<T> values, int block)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.Count == 1 ? values[0] : values[block];
    }

    internal static List<T> Read<T>(ref Utf8JsonReader reader, Element<T> element)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return [element(ref reader)];
        var values = new List<T>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            values.Add(element(ref reader));
        return values;
    }

    internal static void Write<T>(Utf8JsonWriter writer, IReadOnlyList<T> values, Action<T> element)
    {
        if (values.Count == 1)
        {
            element(values[0]);
            return;
        }
        writer.WriteStartArray();
        foreach (T value in values)
            element(value);
        writer.WriteEndArray();
    }
}
