// The ranking as one HTML file that needs nothing else.

using System.Globalization;
using System.Net;
using System.Text;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Systems;

/// <summary>Writes the page.</summary>
public static class SystemsPage
{
    private const int GalleryPrompts = 12, GalleryPairs = 6;
    private static readonly string[] Columns = ["noun", "color", "motion", "setting", ScoreRow.All];

    /// <summary>The page of a ranking.</summary>
    /// <param name="report">The numbers.</param>
    /// <param name="clip">Media type and bytes of a system's clip by its number; null where there is none.</param>
    /// <param name="training">Media type and bytes of a training clip.</param>
    public static string Write(SystemsReport report, Func<string, int, (string MediaType, byte[] Content)?> clip, Func<int, (string MediaType, byte[] Content)> training)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(training);
        SystemsPassport p = report.Passport;
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Systems on the procedural world</title>\n<style>{Style}</style></head>\n<body><main>\n");
        page.Append(CultureInfo.InvariantCulture, $"<h1>Systems on the procedural world</h1>\n<p class=\"lead\">{p.Prompts} prompts of combinations that no training split shows, one clip each, {p.Size}×{p.Size}, {p.Frames} frames. Ranked by clips with all four attributes right, then by the mean over attributes.</p>\n");
        Quality(page, report);
        Pairs(page, report);
        Agreement(page, report);
        Cost(page, report);
        Scatter(page, report);
        if (report.LeftOut.Count > 0)
        {
            page.Append("<h2>Left out</h2>\n<div class=\"scroll\"><table><tbody>");
            foreach (LeftOutSystem s in report.LeftOut)
                page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(s.Name)}</th><td class=\"wide\">{Html(s.Reason)}</td></tr>");
            page.Append("</tbody></table></div>\n");
        }
        Gallery(page, report, clip, training);
        Passport(page, p);
        page.Append(CultureInfo.InvariantCulture, $"</main>\n<script>{Script}</script>\n</body></html>\n");
        return page.ToString();
    }

    private static void Quality(StringBuilder page, SystemsReport report)
    {
        page.Append("<h2>What the clips show</h2>\n<div class=\"scroll\"><table class=\"scores\"><thead><tr><th></th><th>system</th>");
        foreach (string column in Columns)
            page.Append(CultureInfo.InvariantCulture, $"<th>{(column == ScoreRow.All ? "all four" : column)}</th>");
        page.Append("</tr></thead><tbody>\n");
        int rank = 0;
        foreach (SystemResult s in report.Systems)
        {
            bool ceiling = s.Kind == SystemResult.Ceiling;
            page.Append(CultureInfo.InvariantCulture, $"<tr{(ceiling ? " class=\"ceiling\"" : "")}><td>{(ceiling ? "" : (++rank).ToString(CultureInfo.InvariantCulture))}</td><th scope=\"row\">{Html(s.Name)}{(s.Kind == SystemResult.Retrieval ? "<div class=\"note\">nearest training clip by text</div>" : "")}</th>");
            foreach (string column in Columns)
            {
                AttributeScore a = s.Row[column];
                page.Append(CultureInfo.InvariantCulture, $"<td>{100 * a.Share:F1} % <span class=\"note\">{100 * a.Low:F1}–{100 * a.High:F1}</span>{Bar(a.Share, a.Low, a.High, 1)}</td>");
            }
            page.Append("</tr>\n");
        }
        page.Append("<tr class=\"ceiling\"><td></td><th scope=\"row\">guessing</th>");
        foreach (string column in Columns)
            page.Append(CultureInfo.InvariantCulture, $"<td>{100 * ScoreTable.Chance(column):0.##} %</td>");
        page.Append("</tr></tbody></table></div>\n<p class=\"note\">95 % Wilson intervals. Real clips and codecs are ceilings and stand outside the ranking. Retrieval can have at most three of the four right: no training clip shows what these prompts ask for together. These prompts ask for one thing.</p>\n");
    }

    private static void Pairs(StringBuilder page, SystemsReport report)
    {
        if (!report.Systems.Any(s => s.Pairs is not null))
            return;
        page.Append("<h2>Two things</h2>\n<div class=\"scroll\"><table class=\"scores\"><thead><tr><th>system</th>").Append(string.Concat(PairScores.Titles(report.Systems.First(s => s.Pairs is not null).Pairs!).Select(t => $"<th>{t}</th>"))).Append("<th>one thing counted</th></tr></thead><tbody>\n");
        foreach (SystemResult s in report.Systems.Where(s => s.Pairs is not null))
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr{(s.Kind == SystemResult.Ceiling ? " class=\"ceiling\"" : "")}><th scope=\"row\">{Html(s.Name)}</th>");
            foreach (AttributeScore a in s.Pairs!.Scores)
                page.Append(CultureInfo.InvariantCulture, $"<td>{100 * a.Share:F1} % <span class=\"note\">{100 * a.Low:F1}–{100 * a.High:F1}</span>{Bar(a.Share, a.Low, a.High, 1)}</td>");
            double? one = s.Sheet.Scores.FirstOrDefault(c => c.Metric == "world.count")?.Details.GetValueOrDefault("of one");
            page.Append(CultureInfo.InvariantCulture, $"<td>{100 * one:F1} %</td></tr>\n");
        }
        page.Append(CultureInfo.InvariantCulture, $"</tbody></table></div>\n<p class=\"note\">{report.Passport.Pairs} prompts about two things of scenes that no training split shows; 95 % Wilson intervals. A finder says where things are and what they are; the relation follows from their positions. The last column is of the prompts about one thing.</p>\n");
    }

    private static void Agreement(StringBuilder page, SystemsReport report)
    {
        string[] metrics = [TextClipJudge.Similarity, TextClipJudge.Recall, "world.frechet", "world.inception-score", Memorization.Similarity, Memorization.Score];
        metrics = [.. metrics.Where(m => report.Systems.Any(s => s.Sheet.Scores.Any(c => c.Metric == m)))];
        if (metrics.Length == 0)
            return;
        Score Any(string metric) => report.Systems.SelectMany(s => s.Sheet.Scores).First(c => c.Metric == metric);
        page.Append("<h2>Agreement, distances, copies</h2>\n<div class=\"scroll\"><table class=\"scores\"><thead><tr><th>system</th>");
        foreach (string metric in metrics)
            page.Append(CultureInfo.InvariantCulture, $"<th>{Html(Title(Any(metric)))}</th>");
        page.Append("</tr></thead><tbody>\n");
        foreach (SystemResult s in report.Systems)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr{(s.Kind == SystemResult.Ceiling ? " class=\"ceiling\"" : "")}><th scope=\"row\">{Html(s.Name)}</th>");
            foreach (string metric in metrics)
            {
                Score? score = s.Sheet.Scores.FirstOrDefault(c => c.Metric == metric);
                page.Append(score is null
                    ? $"<td class=\"note\">{(s.Sheet.Refused.Any(r => r.Metric == metric) ? "too few clips" : "")}</td>"
                    : string.Create(CultureInfo.InvariantCulture, $"<td>{score.Value:G4}{(score is { Low: { } low, High: { } high } ? string.Create(CultureInfo.InvariantCulture, $" <span class=\"note\">{low:G3}–{high:G3}</span>") : "")}{string.Concat(score.Warnings.Select(w => $"<div class=\"bad\">{Html(w)}</div>"))}</td>"));
            }
            page.Append("</tr>\n");
        }
        string copies = metrics.Contains(Memorization.Score) ? string.Create(CultureInfo.InvariantCulture, $" A clip counts as a copy when it is nearer to a training clip than {100 * Memorization.Quantile:0} % of {Any(Memorization.Score).Passport.ReferenceCount} held-out real clips are; one in a hundred is chance.") : "";
        page.Append(CultureInfo.InvariantCulture, $"</tbody></table></div>\n<p class=\"note\">By networks trained on this world: none of these is a published CLIPSIM, FVD or IS. Retrieval searches by the text encoder of the same text–clip model, which favors it in the first two columns.{Html(copies)}</p>\n");
    }

    private static string Title(Score score) => score.Metric switch
    {
        TextClipJudge.Recall => "own prompt nearest",
        Memorization.Similarity => "similarity to nearest training clip",
        Memorization.Score => "copies",
        _ => ScoreTable.Name(score),
    };

    private static void Cost(StringBuilder page, SystemsReport report)
    {
        page.Append("<h2>Cost</h2>\n<div class=\"scroll\"><table><thead><tr><th>system</th><th>seconds a clip</th><th>memory at the peak</th><th>parameters</th><th>weights</th><th>training</th></tr></thead><tbody>\n");
        foreach (SystemResult s in report.Systems.Where(s => s.Kind != SystemResult.Ceiling))
        {
            string training = s.TrainingMinutes is { } t ? string.Create(CultureInfo.InvariantCulture, $"{t:0} min") : s.Kind == SystemResult.Generator ? "not stated" : "none";
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(s.Name)}</th><td>{(s.SecondsPerClip is { } c ? string.Create(CultureInfo.InvariantCulture, $"{c:G3}") : "")}</td><td>{Megabytes(s.PeakBytes)}</td><td>{(s.Parameters is { } n ? string.Create(CultureInfo.InvariantCulture, $"{n / 1e6:F2} M") : "–")}</td><td>{Megabytes(s.WeightBytes)}</td><td>{training}</td></tr>\n");
        }
        page.Append(CultureInfo.InvariantCulture, $"</tbody></table></div>\n<p class=\"note\">Median of clips made one at a time, {report.Passport.Precision} on {Html(report.Passport.Device)}, {report.Passport.Threads} threads; whatever else the machine did counts too. Memory is what the system added to the process when it was largest. Training as the model's card states it.</p>\n");
    }

    // Quality against speed, one point a system; the table above says the same in numbers.
    private static void Scatter(StringBuilder page, SystemsReport report)
    {
        var points = report.Systems.Where(s => s.SecondsPerClip is > 0).Select(s => (s.Name, X: Math.Log10(s.SecondsPerClip!.Value), Score: s.Row[ScoreRow.All])).ToList();
        if (points.Count < 2)
            return;
        const double width = 640, height = 300, left = 46, right = 24, top = 16, bottom = 40;
        double low = points.Min(q => q.X) - 0.2, high = points.Max(q => q.X) + 0.2;
        double X(double x) => left + (x - low) / (high - low) * (width - left - right);
        double Y(double y) => top + (1 - y) * (height - top - bottom);
        page.Append(CultureInfo.InvariantCulture, $"<h2>Quality against speed</h2>\n<svg class=\"scatter\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Share of clips with all four attributes right against seconds a clip\">");
        foreach (double share in new[] { 0, 0.25, 0.5, 0.75, 1 })
            page.Append(CultureInfo.InvariantCulture, $"<line class=\"grid-line\" x1=\"{left}\" x2=\"{width - right}\" y1=\"{Y(share):F1}\" y2=\"{Y(share):F1}\"/><text x=\"{left - 6}\" y=\"{Y(share) + 4:F1}\" text-anchor=\"end\">{100 * share:0} %</text>");
        for (int decade = (int)Math.Ceiling(low); decade <= high; decade++)
            page.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(decade):F1}\" y=\"{height - 18}\" text-anchor=\"middle\">{Math.Pow(10, decade):G3} s</text>");
        foreach (var (name, x, score) in points)
        {
            bool end = X(x) > width - 160;
            page.Append(CultureInfo.InvariantCulture, $"<line class=\"whisker\" x1=\"{X(x):F1}\" x2=\"{X(x):F1}\" y1=\"{Y(score.Low):F1}\" y2=\"{Y(score.High):F1}\"/><circle class=\"dot\" cx=\"{X(x):F1}\" cy=\"{Y(score.Share):F1}\" r=\"5\"><title>{Html(name)}: {100 * score.Share:F1} %</title></circle><text x=\"{X(x) + (end ? -10 : 10):F1}\" y=\"{Y(score.Share) + 4:F1}\" text-anchor=\"{(end ? "end" : "start")}\">{Html(name)}</text>");
        }
        page.Append(CultureInfo.InvariantCulture, $"<text x=\"{(left + width - right) / 2:F0}\" y=\"{height - 2}\" text-anchor=\"middle\">seconds a clip (logarithmic)</text></svg>\n");
    }

    private static void Gallery(StringBuilder page, SystemsReport report, Func<string, int, (string MediaType, byte[] Content)?> clip, Func<int, (string MediaType, byte[] Content)> training)
    {
        (int Number, string Prompt)[] cases =
        [
            .. HeldOutPrompts.Take(Math.Min(GalleryPrompts, report.Passport.Prompts)).Select(c => (c.Number, c.Prompt)),
            .. HeldOutPairs.Take(Math.Min(GalleryPairs, report.Passport.Pairs)).Select(p => (report.Passport.Prompts + p.Number, p.Prompt)),
        ];
        SystemResult[] shown = [.. report.Systems.Where(s => clip(s.Name, 0) is not null)];
        page.Append("<h2>The same prompts</h2>\n<div class=\"scroll\"><table class=\"gallery\"><thead><tr><th>prompt</th>");
        foreach (SystemResult s in shown)
            page.Append(CultureInfo.InvariantCulture, $"<th>{Html(s.Name)}</th>{(s.Nearest.Count > 0 ? "<th>its nearest training clip</th>" : "")}");
        page.Append("</tr></thead><tbody>\n");
        foreach (var prompt in cases)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(prompt.Prompt)}</th>");
            foreach (SystemResult s in shown)
            {
                page.Append(CultureInfo.InvariantCulture, $"<td>{Media(clip(s.Name, prompt.Number)!.Value, $"{s.Name}: {prompt.Prompt}")}</td>");
                if (s.Nearest.Count > prompt.Number && s.Nearest[prompt.Number] is { } near)
                    page.Append(CultureInfo.InvariantCulture, $"<td>{Media(training(near.Clip), near.Caption)}<div class=\"note\">{near.Similarity:F2}: {Html(near.Caption)}</div></td>");
            }
            page.Append("</tr>\n");
        }
        page.Append("</tbody></table></div>\n");
    }

    private static void Passport(StringBuilder page, SystemsPassport p)
    {
        page.Append("<h2>Passport</h2>\n<div class=\"scroll\"><table class=\"passport\"><tbody>");
        foreach (var (name, value) in new (string, string?)[]
        {
            ("probe", p.ProbeSha256), ("finder", p.FinderSha256 ?? "none"), ("text–clip model", p.TextClipSha256 ?? "none"), ("world", p.WorldSha256), ("prompts", $"{p.Prompts} and {p.Pairs} about two things, sha256 {p.PromptsSha256}"), ("seeds", $"from {p.Seed}"), ("training clips", p.Training),
            ("run", string.Create(CultureInfo.InvariantCulture, $"{p.Precision} on {p.Device}, {p.Threads} threads, Kinora {p.Kinora}")),
        })
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{name}</th><td>{Html(value!)}</td></tr>");
        }
        page.Append("</tbody></table></div>\n<p class=\"note\">systems.json beside this page holds the same numbers.</p>\n");
    }

    private static string Media((string MediaType, byte[] Content) clip, string label)
    {
        string source = $"data:{clip.MediaType};base64,{Convert.ToBase64String(clip.Content)}";
        return clip.MediaType.StartsWith("video/", StringComparison.Ordinal)
            ? $"<video src=\"{source}\" muted loop playsinline preload=\"metadata\" aria-label=\"{Html(label)}\"></video>"
            : $"<img src=\"{source}\" alt=\"{Html(label)}\">";
    }

    private static string Bar(double value, double low, double high, double top) =>
        string.Create(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 100 8\" role=\"img\" aria-label=\"{low:G4} to {high:G4}\"><rect class=\"rail\" x=\"0\" y=\"3\" width=\"100\" height=\"2\"/><rect class=\"range\" x=\"{100 * low / top:F1}\" y=\"1\" width=\"{Math.Max(0.5, 100 * (high - low) / top):F1}\" height=\"6\" rx=\"2\"/><rect class=\"point\" x=\"{Math.Max(0, 100 * value / top - 0.6):F1}\" y=\"0\" width=\"1.2\" height=\"8\"/></svg>");

    private static string Megabytes(long? bytes) => bytes is { } b ? string.Create(CultureInfo.InvariantCulture, $"{b / 1e6:0} MB") : "–";

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5d6672;--line:#d9dee4;--panel:#f5f7f9;--bad:#a3261c;--accent:#2459c4}
        @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--soft:#98a2ae;--line:#2d333b;--panel:#1c2026;--bad:#ff9e93;--accent:#7fa8ff}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:2rem 1.25rem 4rem}h1{margin:0;font-size:1.9rem;letter-spacing:-.01em}h2{margin:2.5rem 0 .75rem;font-size:1.25rem}
        .lead{margin:.25rem 0 1.5rem;color:var(--soft)}.note{color:var(--soft);font-size:.82rem;font-weight:400}.bad{color:var(--bad);font-size:.82rem;max-width:26ch;white-space:normal}.scroll{overflow-x:auto}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.4rem .8rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}td{white-space:nowrap}td.wide{white-space:normal}thead th{color:var(--soft);font-weight:500;font-size:.85rem;max-width:19ch;overflow-wrap:anywhere}tbody th{font-weight:600}
        .ceiling th,.ceiling td{color:var(--soft);font-weight:400;background:var(--panel)}.scores svg{width:120px;height:10px;display:block;margin-top:.2rem}.rail{fill:var(--line)}.range{fill:var(--accent);opacity:.35}.point,.dot{fill:var(--accent)}
        .scatter{width:100%;max-width:760px;background:var(--panel);border:1px solid var(--line);border-radius:10px}.scatter text{font-size:12px;fill:var(--soft)}.grid-line{stroke:var(--line)}.whisker{stroke:var(--accent);opacity:.5;stroke-width:2}
        .gallery video,.gallery img{display:block;width:112px;height:112px;background:#000;border-radius:6px;image-rendering:pixelated}.gallery tbody th{font-weight:400;max-width:18ch}.gallery .note{max-width:112px;white-space:normal;line-height:1.25}.passport td{white-space:normal;word-break:break-all}
        """;

    private const string Script = """
        const still=matchMedia('(prefers-reduced-motion: reduce)').matches;
        const seen=new IntersectionObserver(es=>{for(const e of es){const v=e.target;if(e.isIntersecting&&!still)v.play().catch(()=>{});else v.pause()}});
        document.querySelectorAll('video').forEach(v=>{seen.observe(v);if(still)v.controls=true});
        """;
}
