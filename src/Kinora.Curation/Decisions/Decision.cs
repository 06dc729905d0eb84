namespace Kinora.Curation.Decisions;

/// <summary>One way in which a clip fell short.</summary>
/// <param name="Rule">The score, or <c>duplicate</c>, or <c>balance</c>.</param>
/// <param name="Text">The value and the limit, or the clip that it duplicates.</param>
public sealed record Reason(string Rule, string Text);

/// <summary>What becomes of a clip, and why.</summary>
/// <param name="Clip">Its id.</param>
/// <param name="Keep">Whether the dataset holds it.</param>
/// <param name="Reasons">Every rule that it breaks; empty for a kept clip.</param>
/// <param name="Unknown">Rules that could not be applied because the score is unavailable.</param>
/// <param name="DuplicateOf">The clip that is kept in its place; null when it is no duplicate.</param>
public sealed record Decision(Guid Clip, bool Keep, IReadOnlyList<Reason> Reasons, IReadOnlyList<string> Unknown, Guid? DuplicateOf);
