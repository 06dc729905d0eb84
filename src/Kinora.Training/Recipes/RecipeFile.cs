// Recipes are YAML, because people write comments in them; they become JSON nodes and are bound strictly.

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Kinora.Engine;
using Kinora.Models;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Kinora.Training.Recipes;

/// <summary>Reads a recipe.</summary>
public static class RecipeFile
{
    private const string KindKey = "kind";

    /// <summary>Reads, binds and validates the recipe of a generator at <paramref name="path"/>.</summary>
    /// <exception cref="ConfigException">The file is absent or not YAML, a key is unknown or missing, or values are out of range: all problems at once.</exception>
    public static Recipe Read(string path) => Parse(Text(path), path);

    /// <summary>Reads a recipe of any kind: its <c>kind</c> says which; without that key it is a generator's.</summary>
    /// <exception cref="ConfigException">As <see cref="Read"/>, or the kind is unknown.</exception>
    public static ITrainingRecipe ReadAny(string path)
    {
        JsonNode? root = Node(Text(path), path);
        if (root is not JsonObject recipe || !recipe.TryGetPropertyValue(KindKey, out JsonNode? kind))
            return Bind(root, RecipeJson.Default.Recipe, path);
        return kind?.ToString() == TextClipRecipe.KindName
            ? Bind(root, RecipeJson.Default.TextClipRecipe, path)
            : throw new ConfigException($"{path}: `{KindKey}: {kind}` is unknown; it is {TextClipRecipe.KindName}, or left out for a generator.");
    }

    /// <summary>Binds and validates a generator's recipe; <paramref name="source"/> names it in messages.</summary>
    public static Recipe Parse(string yaml, string source) => Bind(Node(yaml, source), RecipeJson.Default.Recipe, source);

    private static T Bind<T>(JsonNode? root, JsonTypeInfo<T> type, string source) where T : ITrainingRecipe
    {
        var recipe = ModelConfigJson.Read(Encoding.UTF8.GetBytes(root?.ToJsonString() ?? "null"), type, source);
        recipe.Validate();
        return recipe;
    }

    private static string Text(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: cannot be read ({e.Message})", e);
        }
    }

    private static JsonNode? Node(string yaml, string source)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            return stream.Documents.Count == 1
                ? Convert(stream.Documents[0].RootNode, source)
                : throw new ConfigException($"{source}: a recipe is one YAML document, this file has {stream.Documents.Count}.");
        }
        catch (YamlException e)
        {
            throw new ConfigException($"{source}: line {e.Start.Line}: {e.Message}", e);
        }
    }

    private static JsonNode? Convert(YamlNode node, string source)
    {
        switch (node)
        {
            case YamlMappingNode mapping:
                var result = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                {
                    string name = (key as YamlScalarNode)?.Value ?? throw new ConfigException($"{source}: line {key.Start.Line}: a key must be a word.");
                    if (!result.TryAdd(name, Convert(value, source)))
                        throw new ConfigException($"{source}: line {key.Start.Line}: `{name}` appears twice.");
                }
                return result;
            case YamlSequenceNode sequence:
                return new JsonArray([.. sequence.Children.Select(child => Convert(child, source))]);
            case YamlScalarNode scalar:
                return Scalar(scalar);
            default:
                throw new ConfigException($"{source}: line {node.Start.Line}: aliases are not used in recipes.");
        }
    }

    // The core schema of YAML 1.2: plain null, booleans and numbers; everything else is a string.
    private static JsonNode? Scalar(YamlScalarNode scalar)
    {
        string text = scalar.Value ?? "";
        if (scalar.Style != ScalarStyle.Plain)
            return JsonValue.Create(text);
        if (text is "" or "~" or "null")
            return null;
        if (text is "true" or "false")
            return JsonValue.Create(text == "true");
        string digits = text.Replace("_", "", StringComparison.Ordinal);
        if (digits.Length > 0 && (char.IsAsciiDigit(digits[0]) || digits[0] is '-' or '+' or '.'))
        {
            if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long integer))
                return JsonValue.Create(integer);
            if (double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double real))
                return JsonValue.Create(real);
        }
        return JsonValue.Create(text);
    }
}
