namespace Kinora.Training.Loop;

/// <summary>How far training is, for whoever shows it.</summary>
/// <param name="Stage">The stage's name.</param>
/// <param name="Done">Steps (or clips) done.</param>
/// <param name="Total">Steps (or clips) in all.</param>
/// <param name="Note">A few words: loss, rate.</param>
/// <param name="Line">A line worth keeping, such as a checkpoint that was written; else null.</param>
public readonly record struct TrainingProgress(string Stage, double Done, double Total, string? Note = null, string? Line = null);
