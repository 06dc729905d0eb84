namespace Kinora.Curation.Scores;

/// <summary>One number about a clip. Unknown is not zero: a score that could not be measured has no value and says why.</summary>
/// <param name="Name">Such as <c>motion.vmaf</c>; <see cref="ScoreNames"/> lists all.</param>
/// <param name="Value">The number; null when unavailable.</param>
/// <param name="Confidence">0..1: how much of the clip the number rests on.</param>
/// <param name="Unavailable">Why there is no value; null when there is one.</param>
public sealed record Score(string Name, double? Value, double Confidence, string? Unavailable = null)
{
    /// <summary>A score that could not be measured.</summary>
    public static Score Missing(string name, string reason) => new(name, null, 0, reason);
}
