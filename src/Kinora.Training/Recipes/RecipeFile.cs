// Recipes are YAML, because people write comments in them; they become JSON nodes and are bound strictly.

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Kinora.Engine;
using Kinora.Models;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Kinora.Training.Recipes;

/// <summary>Reads a recipe.</summary>
public static class RecipeFile
{
    /// <summary>Reads, binds and validates the recipe at <paramref name="path"/>.</summary>
    /// <exception cref="ConfigException">The file is absent or not YAML, a key is unknown or missing, or values are out of range: all problems at once.</exception>
    public static Recipe Read(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: cannot be read ({e.Message})", e);
        }
        return Parse(text, path);
    }

    /// <summary>Binds and validates a recipe's text; <paramref name="source"/> names it in messages.</summary>
    public static Recipe Parse(string yaml, string source)
    {
        JsonNode? root;
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            if (stream.Documents.Count != 1)
                throw new ConfigException($"{source}: a recipe is one YAML document, this file has {stream.Documents.Count}.");
            root = Convert(stream.Documents[0].RootNode, source);
        }
        catch (YamlException e)
        {
            throw new ConfigException($"{source}: line {e.Start.Line}: {e.Message}", e);
        }
        var recipe = ModelConfigJson.Read(Encoding.UTF8.GetBytes(root?.ToJsonString() ?? "null"), RecipeJson.Default.Recipe, source);
        recipe.Validate();
        return recipe;
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
