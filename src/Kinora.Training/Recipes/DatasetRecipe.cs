namespace Kinora.Training.Recipes;

/// <summary>Clips of a curated dataset in place of the world's; <see cref="WorldRecipe"/> still says their size, length and rate.</summary>
public sealed record DatasetRecipe
{
    /// <summary>A folder that <c>kinora curate</c> wrote.</summary>
    public required string Folder { get; init; }

    /// <summary>Share of the clips that training never sees: validation samples come from them.</summary>
    public double HeldOut { get; set; } = 0.02;

    internal void Collect(List<string> violations)
    {
        Recipe.Check(violations, Folder.Length > 0, "`dataset.folder` must name a folder");
        Recipe.Check(violations, HeldOut is > 0 and < 1, $"`dataset.held_out` must be between 0 and 1, got {HeldOut}");
    }
}
