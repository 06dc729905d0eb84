namespace Kinora.Evaluation.Clips;

/// <summary>Numbers with their nouns.</summary>
public static class Words
{
    /// <summary>"1 clip", "2 clips".</summary>
    public static string Count(int n, string noun) => $"{n} {noun}{(n == 1 ? "" : "s")}";
}
