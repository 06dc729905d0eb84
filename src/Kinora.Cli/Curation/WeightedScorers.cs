// The scorers of curate that are networks: --weights NAME=FILE.

using Kinora.Cli.Shell;
using Kinora.Curation.Scores;
using Kinora.Engine;
using Kinora.Evaluation.Footage;

namespace Kinora.Cli.Curation;

/// <summary>Networks that score clips, with the user's weights.</summary>
internal static class WeightedScorers
{
    // In the order in which they run: the aesthetic head reads what CLIP made of the pictures.
    private static readonly OrderedDictionary<string, Func<string, Device, List<IClipScorer>, IClipScorer>> Loaders = new(StringComparer.Ordinal)
    {
        [ScorerSlot.Raft] = (file, device, _) => RaftScorer.Load(file, device),
        [ScorerSlot.Clip] = (folder, device, _) => MatchScorer.LoadClip(folder, device),
        [ScorerSlot.Siglip] = (folder, device, _) => MatchScorer.LoadSiglip(folder, device),
        [ScorerSlot.Laion] = (file, _, before) => AestheticScorer.Load(file, before.OfType<MatchScorer>().First(s => s.Name == ScorerSlot.Clip)),
    };

    /// <summary>The names that weights can be given for.</summary>
    public static string Names => string.Join(", ", Loaders.Keys);

    /// <summary>Reads NAME=FILE words; a name that does not exist, comes twice, or whose file is missing is refused.</summary>
    public static IReadOnlyList<(string Name, string File)> Parse(IReadOnlyList<string> words)
    {
        var parsed = new List<(string Name, string File)>();
        foreach (string word in words)
        {
            int at = word.IndexOf('=', StringComparison.Ordinal);
            string name = at > 0 ? word[..at] : "", file = at > 0 ? word[(at + 1)..] : "";
            if (!Loaders.ContainsKey(name)) { throw CommandException.Usage($"--weights: expected NAME=FILE with one of {Names} as name; got \"{word}\"."); }
            if (parsed.Any(p => p.Name == name)) { throw CommandException.Usage($"--weights: {name} is given twice."); }
            if (!Path.Exists(file)) { throw CommandException.Input($"--weights: {name}: there is no {file}."); }
            parsed.Add((name, file));
        }
        if (parsed.Any(p => p.Name == ScorerSlot.Laion) && parsed.All(p => p.Name != ScorerSlot.Clip)) { throw CommandException.Usage("--weights: the aesthetic head reads CLIP's features; give CLIP ViT-L/14 with --weights clip=FOLDER too."); }
        return [.. parsed.OrderBy(p => Loaders.IndexOf(p.Name))];
    }

    /// <summary>Loads networks, on the engine's thread. Every file is read before any footage.</summary>
    public static List<IClipScorer> Load(IReadOnlyList<(string Name, string File)> weights, Device device)
    {
        var scorers = new List<IClipScorer>();
        try
        {
            foreach (var (name, file) in weights) { scorers.Add(Loaders[name](file, device, scorers)); }
            return scorers;
        }
        catch
        {
            scorers.ForEach(s => s.Dispose());
            throw;
        }
    }
}
