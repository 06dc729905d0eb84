// The nearest training clip by text: the baseline that every generator must beat (Emu Video, arXiv:2311.10709, compares with one).
// Without weights, captions are compared as bags of words weighted by inverse document frequency (Salton and Buckley, "Term-weighting
// approaches in automatic text retrieval", 1988: tf · ln(N / df), cosine).

using System.Text.RegularExpressions;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Retrieval;

/// <summary>Captions that can be asked for the nearest to a prompt.</summary>
public sealed partial class CaptionIndex
{
    private const int QueriesAtOnce = 64;
    private readonly FeatureMatrix _captions;
    private readonly Func<IReadOnlyList<string>, FeatureMatrix> _embed;

    private CaptionIndex(FeatureMatrix captions, Func<IReadOnlyList<string>, FeatureMatrix> embed, string name) => (_captions, _embed, Name) = (captions, embed, name);

    /// <summary>How texts are compared, in words.</summary>
    public string Name { get; }

    /// <summary>Captions.</summary>
    public int Count => _captions.Count;

    /// <summary>An index by a text encoder.</summary>
    /// <param name="captions">At least one.</param>
    /// <param name="embed">Unit vectors of texts.</param>
    /// <param name="name">The encoder, in words.</param>
    public static CaptionIndex ByEncoder(IReadOnlyList<string> captions, Func<IReadOnlyList<string>, FeatureMatrix> embed, string name)
    {
        ArgumentNullException.ThrowIfNull(captions);
        ArgumentNullException.ThrowIfNull(embed);
        return captions.Count > 0 ? new CaptionIndex(embed(captions), embed, name) : throw new EvaluationException("there are no captions to search.");
    }

    /// <summary>An index by words alone.</summary>
    public static CaptionIndex ByWords(IReadOnlyList<string> captions)
    {
        ArgumentNullException.ThrowIfNull(captions);
        string[][] words = [.. captions.Select(Words)];
        Dictionary<string, int> documents = words.SelectMany(w => w.Distinct(StringComparer.Ordinal)).GroupBy(w => w, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        Dictionary<string, int> columns = documents.Keys.Order(StringComparer.Ordinal).Select((w, i) => (w, i)).ToDictionary(p => p.w, p => p.i, StringComparer.Ordinal);
        if (columns.Count == 0)
            throw new EvaluationException("the captions have no words.");
        FeatureMatrix Embed(IReadOnlyList<string> texts)
        {
            var values = new double[texts.Count * columns.Count];
            for (int i = 0; i < texts.Count; i++)
            {
                Span<double> row = values.AsSpan(i * columns.Count, columns.Count);
                foreach (string word in Words(texts[i]))
                {
                    if (columns.TryGetValue(word, out int column))
                        row[column] += Math.Log((1.0 + captions.Count) / documents[word]);
                }
                double length = 0;
                foreach (double v in row)
                    length += v * v;
                for (int c = 0; length > 0 && c < row.Length; c++)
                    row[c] /= Math.Sqrt(length);
            }
            return new FeatureMatrix("words", texts.Count, columns.Count, values);
        }

        return new CaptionIndex(Embed(captions), Embed, "words, tf·idf");
    }

    /// <summary>The nearest caption of each prompt; of equals the first.</summary>
    public IReadOnlyList<NearestClip> Nearest(IReadOnlyList<string> prompts)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        var found = new List<NearestClip>();
        for (int start = 0; start < prompts.Count; start += QueriesAtOnce)
            found.AddRange(Memorization.Nearest(_embed([.. prompts.Skip(start).Take(QueriesAtOnce)]), _captions));
        return found;
    }

    private static string[] Words(string text) => [.. Word().Matches(text.ToLowerInvariant()).Select(m => m.Value)];

    [GeneratedRegex(@"[\p{L}\p{N}]+", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)] private static partial Regex Word();
}
