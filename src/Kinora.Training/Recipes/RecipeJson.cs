using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Training.Recipes;

/// <summary>Source-generated binding of recipes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(Recipe))]
[JsonSerializable(typeof(TextClipRecipe))]
public sealed partial class RecipeJson : JsonSerializerContext;
