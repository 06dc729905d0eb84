using System.Globalization;
using Kinora.Engine.Random;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Training.Recipes;

namespace Kinora.Training.Data;

/// <summary>Which combinations of things a scene may show.</summary>
internal enum WorldPart
{
    /// <summary>What training sees.</summary>
    Train,

    /// <summary>What it never sees.</summary>
    HeldOut,
}

/// <summary>The world as training uses it: scenes, captions, labels, pixels.</summary>
internal sealed class WorldSource(WorldRecipe recipe)
{
    private static readonly string[] Colors = ["red", "green", "blue", "white"];
    private static readonly string[] Motions = ["left", "right", "up", "down"];

    public IReadOnlyList<AttributeSpec> Attributes { get; } = [new("color", Colors.Length), new("motion", Motions.Length)];

    public PlaceholderScene Scene(ulong seed, WorldPart part)
    {
        var random = new Generator(seed);
        return new PlaceholderScene(random.NextInt(Colors.Length), random.NextInt(Motions.Length), random.NextInt(recipe.Width / 4, recipe.Width / 2), random.NextInt(recipe.Height / 4, recipe.Height / 2));
    }

    public string Caption(PlaceholderScene scene, ulong seed) => string.Create(CultureInfo.InvariantCulture, $"a {Colors[scene.Color]} square moves {Motions[scene.Motion]}");

    public long[] Labels(PlaceholderScene scene) => [scene.Color, scene.Motion];

    public void Render(PlaceholderScene scene, int frames, Span<byte> rgb)
    {
        rgb.Fill(64);
        int size = recipe.Width / 4;
        for (int f = 0; f < frames; f++)
        {
            int dx = scene.Motion switch { 0 => -f, 1 => f, _ => 0 }, dy = scene.Motion switch { 2 => -f, 3 => f, _ => 0 };
            for (int y = 0; y < size; y++)
            {
                for (int x = 0; x < size; x++)
                {
                    int px = scene.X + dx + x, py = scene.Y + dy + y;
                    if (px < 0 || py < 0 || px >= recipe.Width || py >= recipe.Height)
                        continue;
                    var pixel = rgb.Slice(((f * recipe.Height + py) * recipe.Width + px) * 3, 3);
                    pixel[0] = (byte)(scene.Color is 0 or 3 ? 255 : 0);
                    pixel[1] = (byte)(scene.Color is 1 or 3 ? 255 : 0);
                    pixel[2] = (byte)(scene.Color is 2 or 3 ? 255 : 0);
                }
            }
        }
    }
}

internal sealed record PlaceholderScene(int Color, int Motion, int X, int Y);
