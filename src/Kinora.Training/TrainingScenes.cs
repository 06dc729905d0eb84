using Kinora.Engine;
using Kinora.Training.Data;
using Kinora.Training.Recipes;
using Kinora.World;

namespace Kinora.Training;

/// <summary>The scenes whose clips a recipe's generator learns from.</summary>
public static class TrainingScenes
{
    /// <summary>The first <paramref name="count"/> of the recipe's training clips, in order; all of them when there are fewer.</summary>
    /// <exception cref="ConfigException">The recipe learns from a dataset.</exception>
    public static IReadOnlyList<Scene> Of(Recipe recipe, int count)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (recipe.Dataset is not null)
            throw new ConfigException($"recipe {recipe.Name} learns from the clips of {recipe.Dataset.Folder}, which have no scenes.");
        using var world = new WorldSource(recipe.World, recipe.Seed);
        return [.. Enumerable.Range(0, Math.Min(count, recipe.Latents.Clips)).Select(i => world.SceneOf(Purpose.LatentScene, i))];
    }
}
