// Two evaluations as one HTML page: scores beside each other with their intervals, the same prompts side by side with the nearest training
// clips, and, with a study's result, automated scores against the human ranking. Clips are linked, not copied.

using System.Globalization;
using System.Net;
using System.Text;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Studies;

namespace Kinora.Evaluation.Comparison;

/// <summary>Writes the page.</summary>
public static class ComparisonPage
{
    private const int GalleryClips = 60;

    /// <summary>The page of a comparison that stands in <paramref name="folder"/>.</summary>
    /// <param name="comparison">The tests.</param>
    /// <param name="a">The first report.</param>
    /// <param name="b">The second report.</param>
    /// <param name="study">A study's result; null without one.</param>
    /// <param name="folder">Where the page will stand; clips are linked from there.</param>
    public static string Write(ReportComparison comparison, EvaluationReport a, EvaluationReport b, StudyResult? study, string folder)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{Html(a.Subject)} and {Html(b.Subject)}</title>\n<style>{Style}</style></head>\n<body><main>\n<h1>{Html(a.Subject)} <span class=\"note\">and</span> {Html(b.Subject)}</h1>\n<p class=\"lead\">{a.Clips.Count} and {b.Clips.Count} clips.</p>\n");
        Scores(page, comparison, a, b);
        if (study is not null)
            Human(page, study);
        Gallery(page, a, b, folder);
        page.Append(CultureInfo.InvariantCulture, $"</main>\n<script>{Script}</script>\n</body></html>\n");
        return page.ToString();
    }

    private static void Scores(StringBuilder page, ReportComparison comparison, EvaluationReport a, EvaluationReport b)
    {
        page.Append("<div class=\"scroll\"><table class=\"scores\"><thead><tr><th>score</th><th>a</th><th>b</th><th></th><th>a − b</th><th>p</th><th>test</th></tr></thead><tbody>\n");
        foreach (ScoreDifference d in comparison.Differences)
        {
            Score sa = a.Sheet[d.Metric], sb = b.Sheet[d.Metric];
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(d.Metric)}</th><td>{Value(sa)}</td><td>{Value(sb)}</td><td>{Bars(sa, sb)}</td><td>{d.A - d.B:G4}</td><td>{(d.P is { } p ? p.ToString("G3", CultureInfo.InvariantCulture) : "")}</td><td class=\"note\">{Html(d.Test)}</td></tr>\n");
        }
        foreach (var (metric, differ) in comparison.Mismatched)
            page.Append(CultureInfo.InvariantCulture, $"<tr class=\"warning\"><th scope=\"row\">{Html(metric)}</th><td colspan=\"6\">measured differently, not compared: {Html(string.Join(", ", differ))}</td></tr>\n");
        page.Append("</tbody></table></div>\n<p class=\"note\">Bars: 95 % intervals, a above b, on one scale from the lowest to the highest end.</p>\n");
    }

    private static string Value(Score s) => string.Create(CultureInfo.InvariantCulture, $"{s.Value:G5}{(s is { Low: { } low, High: { } high } ? string.Create(CultureInfo.InvariantCulture, $" <span class=\"note\">{low:G4} – {high:G4}</span>") : "")}");

    private static string Bars(Score a, Score b)
    {
        if (a is not { Low: { } la, High: { } ha } || b is not { Low: { } lb, High: { } hb })
            return "";
        double bottom = Math.Min(la, lb), scale = 100 / Math.Max(Math.Max(ha, hb) - bottom, 1e-300);
        string Bar(Score s, double low, double high, int y) => string.Create(CultureInfo.InvariantCulture, $"<rect class=\"range\" x=\"{(low - bottom) * scale:F1}\" y=\"{y}\" width=\"{Math.Max(0.8, (high - low) * scale):F1}\" height=\"5\" rx=\"2\"/><rect class=\"point\" x=\"{Math.Max(0, (s.Value - bottom) * scale - 0.6):F1}\" y=\"{y - 1}\" width=\"1.4\" height=\"7\"/>");
        return $"<svg viewBox=\"0 0 101 16\" role=\"img\" aria-label=\"intervals of both\">{Bar(a, la, ha, 1)}{Bar(b, lb, hb, 9)}</svg>";
    }

    // One small chart for each automated score: a point is a system, with its strength in quality and the bootstrap interval of that.
    private static void Human(StringBuilder page, StudyResult study)
    {
        page.Append("<h2>Automated scores against people</h2>\n");
        IReadOnlyList<StudyStrength> strengths = study.Questions.Count > 0 ? study.Questions[0].Strengths : [];
        StudyCorrelation[] charts = [.. study.Correlations.Where(c => strengths.Count(s => c.Automated.ContainsKey(s.System)) >= 2)];
        if (charts.Length == 0)
        {
            page.Append("<p class=\"note\">The study names no automated score of two systems or more.</p>\n");
            return;
        }
        page.Append("<div class=\"charts\">\n");
        foreach (StudyCorrelation c in charts)
            Chart(page, c, [.. strengths.Where(s => c.Automated.ContainsKey(s.System))]);
        page.Append("</div>\n<p class=\"note\">Across: the automated score. Up: strength in the raters' preferences (Bradley–Terry), with 95 % intervals. The sign of a correlation follows the score: a distance that agrees with people has a negative one.</p>\n");
    }

    private static void Chart(StringBuilder page, StudyCorrelation c, IReadOnlyList<StudyStrength> systems)
    {
        const double width = 320, height = 220, left = 40, right = 16, top = 12, bottom = 34;
        double x0 = systems.Min(s => c.Automated[s.System]), x1 = systems.Max(s => c.Automated[s.System]), y0 = systems.Min(s => s.Low), y1 = systems.Max(s => s.High);
        double padX = Math.Max(0.08 * (x1 - x0), 1e-12), padY = Math.Max(0.08 * (y1 - y0), 1e-12);
        double X(double x) => left + (x - x0 + padX) / (x1 - x0 + 2 * padX) * (width - left - right);
        double Y(double y) => top + (y1 + padY - y) / (y1 - y0 + 2 * padY) * (height - top - bottom);
        page.Append(CultureInfo.InvariantCulture, $"<figure class=\"chart\"><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{Html(c.Metric)} against human preference\"><line class=\"axis\" x1=\"{left}\" x2=\"{left}\" y1=\"{top}\" y2=\"{height - bottom}\"/><line class=\"axis\" x1=\"{left}\" x2=\"{width - right}\" y1=\"{height - bottom}\" y2=\"{height - bottom}\"/><text x=\"{left}\" y=\"{height - 18}\">{x0:G3}</text><text x=\"{width - right}\" y=\"{height - 18}\" text-anchor=\"end\">{x1:G3}</text><text x=\"{left - 4}\" y=\"{Y(y0):F0}\" text-anchor=\"end\">{y0:G2}</text><text x=\"{left - 4}\" y=\"{Y(y1) + 8:F0}\" text-anchor=\"end\">{y1:G2}</text>");
        foreach (StudyStrength s in systems)
        {
            double x = X(c.Automated[s.System]);
            bool end = x > width / 2;
            page.Append(CultureInfo.InvariantCulture, $"<line class=\"whisker\" x1=\"{x:F1}\" x2=\"{x:F1}\" y1=\"{Y(s.Low):F1}\" y2=\"{Y(s.High):F1}\"/><circle class=\"dot\" cx=\"{x:F1}\" cy=\"{Y(s.Strength):F1}\" r=\"4.5\"><title>{Html(s.System)}: {c.Automated[s.System]:G4}, {s.Strength:G3}</title></circle><text x=\"{x + (end ? -8 : 8):F1}\" y=\"{Y(s.Strength) - 6:F1}\" text-anchor=\"{(end ? "end" : "start")}\">{Html(s.System)}</text>");
        }
        page.Append(CultureInfo.InvariantCulture, $"</svg><figcaption>{Html(c.Metric)}: Spearman {Text(c.Spearman)}, Kendall {Text(c.Kendall)}, {systems.Count} systems</figcaption></figure>\n");
    }

    private static string Text(double value) => double.IsNaN(value) ? "–" : value.ToString("F2", CultureInfo.InvariantCulture);

    private static void Gallery(StringBuilder page, EvaluationReport a, EvaluationReport b, string folder)
    {
        // By prompt where both have it, else by name.
        var others = b.Clips.GroupBy(Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        ClipRecord[] shared = [.. a.Clips.Where(c => others.ContainsKey(Key(c))).Take(GalleryClips)];
        if (shared.Length == 0)
        {
            page.Append("<p class=\"note\">The two have no prompt and no file name in common.</p>\n");
            return;
        }
        bool near = shared.Any(c => c.Nearest is not null || others[Key(c)].Nearest is not null);
        page.Append(CultureInfo.InvariantCulture, $"<h2>Side by side</h2>\n<div class=\"scroll\"><table class=\"gallery\"><thead><tr><th>prompt</th><th>{Html(a.Subject)}</th>{(near ? "<th>nearest training clip</th>" : "")}<th>{Html(b.Subject)}</th>{(near ? "<th>nearest training clip</th>" : "")}</tr></thead><tbody>\n");
        foreach (ClipRecord clip in shared)
        {
            ClipRecord other = others[Key(clip)];
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(clip.Prompt ?? clip.Name)}</th><td>{Media(clip.Path, folder)}</td>{(near ? Near(clip, folder) : "")}<td>{Media(other.Path, folder)}</td>{(near ? Near(other, folder) : "")}</tr>\n");
        }
        page.Append("</tbody></table></div>\n");
    }

    private static string Key(ClipRecord clip) => clip.Prompt ?? clip.Name;

    private static string Near(ClipRecord clip, string folder) => clip.Nearest is { } n
        ? string.Create(CultureInfo.InvariantCulture, $"<td>{Media(n.Path, folder)}<div class=\"note\">{n.Similarity:F2} {Html(n.Name)}</div></td>")
        : "<td></td>";

    private static string Media(string path, string folder)
    {
        string link = EvaluationPage.Link(path, folder);
        return path.EndsWith(".gif", StringComparison.OrdinalIgnoreCase) ? $"<img src=\"{link}\" alt=\"\" loading=\"lazy\">" : $"<video src=\"{link}\" loop muted playsinline preload=\"none\"></video>";
    }

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5d6672;--line:#d9dee4;--panel:#f5f7f9;--bad:#a3261c;--accent:#2459c4}
        @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--soft:#98a2ae;--line:#2d333b;--panel:#1c2026;--bad:#ff9e93;--accent:#7fa8ff}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:2rem 1.25rem 4rem}h1{margin:0;font-size:1.7rem;overflow-wrap:anywhere}h2{margin:2.5rem 0 .75rem;font-size:1.25rem}
        .lead{margin:.25rem 0 1.5rem;color:var(--soft)}.note{color:var(--soft);font-size:.82rem;font-weight:400}.scroll{overflow-x:auto}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.35rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}thead th{color:var(--soft);font-weight:500;font-size:.85rem}tbody th{font-weight:500}.warning td{color:var(--bad);font-size:.88rem}
        .scores tbody th{white-space:nowrap}.scores svg{width:150px;height:24px;display:block}.range{fill:var(--accent);opacity:.35}.point,.dot{fill:var(--accent)}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:1rem}.chart{margin:0;border:1px solid var(--line);border-radius:10px;background:var(--panel);padding:.5rem}.chart text{font-size:11px;fill:var(--soft)}.axis{stroke:var(--line)}.whisker{stroke:var(--accent);opacity:.5;stroke-width:2}figcaption{font-size:.85rem;color:var(--soft)}
        .gallery video,.gallery img{display:block;width:150px;background:#000;border-radius:6px;image-rendering:pixelated}.gallery tbody th{font-weight:400;max-width:22ch}.gallery .note{max-width:150px;overflow-wrap:anywhere;line-height:1.25}
        """;

    private const string Script = """
        const still=matchMedia('(prefers-reduced-motion: reduce)').matches;
        const seen=new IntersectionObserver(es=>{for(const e of es){const v=e.target;if(e.isIntersecting&&!still)v.play().catch(()=>{});else v.pause()}});
        document.querySelectorAll('video').forEach(v=>{seen.observe(v);if(still)v.controls=true});
        """;
}
