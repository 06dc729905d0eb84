// One self-contained page about a run: the data as JSON inside report.html, which draws and recomputes in the browser.
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Reports;

/// <summary>The report of a dataset.</summary>
public static class ReportPage
{
    private const int MaxThumbnails = 500, MaxTimelines = 60;

    /// <summary>The page's text.</summary>
    /// <param name="result">A complete run.</param>
    /// <param name="recipe">The recipe that decided.</param>
    /// <exception cref="ArgumentException">The run is not complete.</exception>
    public static string Write(CurationResult result, Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(recipe);
        DatasetIndex index = result.Index ?? throw new ArgumentException("The run is not complete; there is nothing to report yet.", nameof(result));
        using var template = new StreamReader(typeof(ReportPage).Assembly.GetManifestResourceStream("Kinora.Curation.Reports.report.html")!, Encoding.UTF8);
        string data = Data(result, recipe, index).ToJsonString();
        // Inside a script element only "</" could end it early.
        return template.ReadToEnd().Replace("/*DATA*/", data.Replace("</", "<\\/", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    /// <summary>Writes the page into the dataset's folder and returns its path.</summary>
    /// <inheritdoc cref="Write"/>
    public static string Save(string folder, CurationResult result, Recipe recipe)
    {
        string path = Path.Combine(folder, Workspace.ReportName);
        Workspace.Write(path, Encoding.UTF8.GetBytes(Write(result, recipe)));
        return path;
    }

    private static JsonObject Data(CurationResult result, Recipe recipe, DatasetIndex index)
    {
        var clips = new JsonArray();
        int total = result.Sources.Sum(s => s.Measures.Clips.Count), every = Math.Max(1, (total + MaxThumbnails - 1) / MaxThumbnails), at = 0;
        for (int s = 0; s < result.Sources.Count; s++)
        {
            var (file, measures) = result.Sources[s];
            var size = WrittenSize(measures.Facts, recipe.Output);
            foreach (var clip in measures.Clips)
            {
                var decision = result.Decisions[at];
                clips.Add(new JsonObject
                {
                    ["id"] = clip.Id.ToString(), ["s"] = s, ["start"] = clip.StartTime, ["end"] = clip.EndTime,
                    ["v"] = new JsonArray([.. ScoreNames.All.Select(score => (JsonNode?)clip[score.Name]?.Value)]),
                    ["reasons"] = new JsonArray([.. decision.Reasons.Select(r => (JsonNode?)r.Rule)]), ["dup"] = decision.DuplicateOf?.ToString(),
                    ["c"] = FactCaption.Describe(clip), ["b"] = Bucket.Of(size.Width, size.Height, (int)(clip.EndFrame - clip.StartFrame), ClipCutter.ParseRate(measures.Facts!.FrameRate).ToDouble()),
                    ["t"] = at % every == 0 ? clip.Thumbnail : null,
                });
                at++;
            }
        }
        return new JsonObject
        {
            ["index"] = JsonNode.Parse(index.ToJson()), ["recipe"] = JsonNode.Parse(recipe.ToJson()), ["measure"] = result.Sources.Count > 0 ? result.Sources[0].Measures.Options : null,
            ["speed"] = result.MeasuredSeconds > 0 ? result.MeasuredSeconds / result.MeasureTime.TotalSeconds : null,
            ["audit"] = index.Kept == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{index.Residual.Clips} of {index.Kept} ({100 * index.Residual.Low:0.#}–{100 * index.Residual.High:0.#}\u00a0%)"),
            ["scores"] = new JsonArray([.. ScoreNames.All.Select(score => new JsonObject { ["name"] = score.Name, ["unit"] = score.Unit, ["meaning"] = score.Meaning, ["unavailable"] = WhyUnavailable(result, score.Name) })]),
            ["rules"] = new JsonArray([.. DecisionMaker.LimitsOf([.. result.Sources.Select(s => s.Measures)], recipe).Select(limit => new JsonObject { ["score"] = limit.Score, ["min"] = limit.Min, ["max"] = limit.Max, ["dropUnavailable"] = limit.DropUnavailable })]),
            ["sources"] = new JsonArray([.. result.Sources.Select((source, i) => Source(source, i < MaxTimelines))]),
            ["clips"] = clips,
        };
    }

    // As clips are written, but for pixels that are not square.
    private static (int Width, int Height) WrittenSize(SourceFacts? facts, OutputOptions output)
    {
        if (facts is null) { return (1, 1); }
        var (w, h) = facts.Rotation is 90 or 270 ? (facts.Height, facts.Width) : (facts.Width, facts.Height);
        if (output.Fit == ClipFit.Bucket && Bucket.SizeWithin(w, h, output.MaxShortSide) is { } size) { return size; }
        double scale = output.MaxShortSide == 0 ? 1 : Math.Min(1, (double)output.MaxShortSide / Math.Min(w, h));
        return ((int)Math.Round(w * scale), (int)Math.Round(h * scale));
    }

    private static JsonObject Source(CuratedSource source, bool withSeries)
    {
        JsonArray Numbers(IReadOnlyList<double> values) => withSeries ? new JsonArray([.. values.Select(v => (JsonNode?)v)]) : [];
        var series = source.Measures.Series;
        return new JsonObject
        {
            ["name"] = source.File.Name, ["seconds"] = source.Measures.Facts?.Seconds ?? 0, ["start"] = source.Measures.Clips.Count > 0 ? source.Measures.Clips[0].StartTime : 0,
            ["text"] = source.File.Given, ["failure"] = source.Measures.Failure, ["damage"] = source.Measures.Damage,
            ["time"] = Numbers(series.Time), ["motion"] = Numbers(series.Motion), ["content"] = Numbers(series.Content),
        };
    }

    private static string? WhyUnavailable(CurationResult result, string score) =>
        result.Sources.SelectMany(s => s.Measures.Clips).Select(c => c[score]?.Unavailable).FirstOrDefault(reason => reason is not null);
}
