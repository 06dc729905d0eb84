using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine.Optimization;

namespace Kinora.Training.Recipes;

/// <summary>Learning-rate shapes as recipes write them.</summary>
internal sealed class LearningRateShapeConverter : JsonConverter<LearningRateShape>
{
    private static readonly (string Name, LearningRateShape Shape)[] Shapes =
    [
        ("constant", LearningRateShape.Constant),
        ("linear", LearningRateShape.Linear),
        ("cosine", LearningRateShape.Cosine),
        ("warmup_stable_decay", LearningRateShape.WarmupStableDecay),
    ];

    public override LearningRateShape Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        foreach (var (name, shape) in Shapes)
        {
            if (name == text)
                return shape;
        }
        throw new JsonException($"a schedule is one of {string.Join(", ", Shapes.Select(s => s.Name))}, got {text ?? reader.TokenType.ToString()}");
    }

    public override void Write(Utf8JsonWriter writer, LearningRateShape value, JsonSerializerOptions options)
        => writer.WriteStringValue(Shapes.First(s => s.Shape == value).Name);
}
