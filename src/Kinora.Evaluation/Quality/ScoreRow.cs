using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Quality;

/// <summary>One attribute's score over a set of clips.</summary>
/// <param name="Attribute">Its name.</param>
/// <param name="Right">Clips whose answer was right.</param>
/// <param name="Clips">Clips.</param>
/// <param name="Share">Right over clips.</param>
/// <param name="Low">Lower end of the 95 % Wilson interval.</param>
/// <param name="High">Upper end of the 95 % Wilson interval.</param>
public sealed record AttributeScore(string Attribute, int Right, int Clips, double Share, double Low, double High)
{
    internal static AttributeScore Of(string attribute, int right, int clips)
    {
        var interval = WilsonInterval.Of(right, clips);
        return new AttributeScore(attribute, right, clips, interval.Share, interval.Low, interval.High);
    }
}

/// <summary>The scores of one set of clips.</summary>
/// <param name="Name">What the clips are: "generated", "real", "codec".</param>
/// <param name="Scores">One for each attribute, then "all" for clips with every attribute right.</param>
public sealed record ScoreRow(string Name, int Clips, IReadOnlyList<AttributeScore> Scores)
{
    /// <summary>The name of the score that counts clips with every attribute right.</summary>
    public const string All = "all";

    /// <summary>The score of an attribute.</summary>
    public AttributeScore this[string attribute] => Scores.First(s => s.Attribute == attribute);

    /// <summary>Compares answers with labels, both row-major [clips, attributes].</summary>
    public static ScoreRow Of(string name, IReadOnlyList<int> labels, IReadOnlyList<int> answers)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(answers);
        int k = ProbeAttribute.All.Count, n = labels.Count / k;
        bool Right(int clip, int attribute) => labels[clip * k + attribute] == answers[clip * k + attribute];
        var scores = ProbeAttribute.All.Select((a, j) => AttributeScore.Of(a.Name, Enumerable.Range(0, n).Count(i => Right(i, j)), n));
        var all = AttributeScore.Of(All, Enumerable.Range(0, n).Count(i => Enumerable.Range(0, k).All(j => Right(i, j))), n);
        return new ScoreRow(name, n, [.. scores, all]);
    }
}
