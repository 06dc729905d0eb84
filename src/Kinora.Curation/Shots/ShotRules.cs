using Kinora.Media;

namespace Kinora.Curation.Shots;

/// <summary>What happens to the shots that cuts leave.</summary>
public sealed record ShotRules
{
    /// <summary>Longest shot in frames; a longer one is divided into equal parts. 0 = any length.</summary>
    public long MaxLength { get; init; }

    /// <summary>A last shot shorter than this many frames belongs to the one before. 0 = it stands alone.</summary>
    public long MinTail { get; init; }

    /// <summary>The cuts that remain.</summary>
    internal List<long> Apply(IEnumerable<long> cuts, long first, long end)
    {
        List<long> kept = [.. cuts.Where(cut => cut > first && cut < end)];
        if (MinTail > 0 && kept.Count > 0 && end - kept[^1] < MinTail) { kept.RemoveAt(kept.Count - 1); }
        if (MaxLength <= 0) { return kept; }
        var divided = new List<long>();
        long start = first;
        foreach (long stop in kept.Append(end))
        {
            long parts = (stop - start + MaxLength - 1) / MaxLength;
            for (long i = 1; i < parts; i++) { divided.Add(start + ((stop - start) * i / parts)); }
            if (stop < end) { divided.Add(stop); }
            start = stop;
        }
        return divided;
    }
}
