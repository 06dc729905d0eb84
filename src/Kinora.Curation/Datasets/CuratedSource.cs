using Kinora.Curation.Scores;

namespace Kinora.Curation.Datasets;

/// <summary>A source with what was measured on it. Files with the same bytes share one.</summary>
/// <param name="File">The first file with these bytes.</param>
/// <param name="Measures">What was measured.</param>
public sealed record CuratedSource(SourceFile File, SourceMeasures Measures);
