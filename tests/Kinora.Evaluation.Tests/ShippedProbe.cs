using Kinora.Evaluation.Probes;

namespace Kinora.Evaluation.Tests;

/// <summary>The probe that the repository ships, found from the tests' own folder.</summary>
internal static class ShippedProbe
{
    public static string Folder { get; } = ProbeFolder.Find(AppContext.BaseDirectory);
}
