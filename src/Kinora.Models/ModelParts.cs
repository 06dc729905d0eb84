namespace Kinora.Models;

/// <summary>Components of a model that stand elsewhere: what a file of weights lacks, or others in the place of a folder's own.</summary>
public sealed record ModelParts
{
    /// <summary>Files or folders by component: transformer, vae, tokenizer, …</summary>
    public IReadOnlyDictionary<string, string> Components { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>A diffusers folder that gives every other component that the model lacks; null for none.</summary>
    public string? Folder { get; init; }

    /// <summary>Whether nothing stands elsewhere.</summary>
    public bool IsEmpty => Components.Count == 0 && Folder is null;
}
