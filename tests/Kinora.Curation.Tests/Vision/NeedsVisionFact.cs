using Kinora.Vision;

namespace Kinora.Curation.Tests.Vision;

/// <summary>A test of the optional native vision library: skipped, and counted as skipped, where it is not built.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NeedsVisionFactAttribute : FactAttribute
{
    public NeedsVisionFactAttribute() => Skip = VisionLibrary.Unavailable;
}
