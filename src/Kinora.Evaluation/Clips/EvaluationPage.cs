// An evaluation as one HTML page: scores with interval bars and passports, then the clips. Clips are linked, not copied.

using System.Globalization;
using System.Net;
using System.Text;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Clips;

/// <summary>Writes the page.</summary>
public static class EvaluationPage
{
    private const int MaxClips = 400;

    /// <summary>The page of a report that stands in <paramref name="folder"/>.</summary>
    public static string Write(EvaluationReport report, string folder)
    {
        ArgumentNullException.ThrowIfNull(report);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{Html(report.Subject)}: evaluation</title>\n<style>{Style}</style></head>\n<body><main>\n");
        page.Append(CultureInfo.InvariantCulture, $"<h1>{Html(report.Subject)}</h1>\n<p class=\"lead\">{Words.Count(report.Clips.Count, "clip")} of {Html(report.Shape.ToString())}{(report.Skipped.Count > 0 ? $", {report.Skipped.Count} left out" : "")}. {report.Time:yyyy-MM-dd HH:mm} UTC.</p>\n");
        Scores(page, report.Sheet);
        if (report.Skipped.Count > 0)
        {
            page.Append("<h2>Left out</h2>\n<div class=\"scroll\"><table><tbody>");
            foreach (SkippedClip s in report.Skipped)
                page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(s.Name)}</th><td>{Html(s.Reason)}</td></tr>");
            page.Append("</tbody></table></div>\n");
        }
        page.Append("<h2>Clips</h2>\n<div class=\"grid\">\n");
        foreach (ClipRecord clip in report.Clips.OrderByDescending(c => c.Verdicts.Count(v => v.Expected != v.Seen)).ThenBy(c => c.Name, StringComparer.Ordinal).Take(MaxClips))
            Figure(page, clip, folder);
        page.Append("</div>\n");
        if (report.Clips.Count > MaxClips)
            page.Append(CultureInfo.InvariantCulture, $"<p class=\"note\">{MaxClips} of {report.Clips.Count} clips shown; report.json has all.</p>\n");
        page.Append(CultureInfo.InvariantCulture, $"</main>\n<script>{Script}</script>\n</body></html>\n");
        return page.ToString();
    }

    private static void Scores(StringBuilder page, ScoreSheet sheet)
    {
        page.Append("<div class=\"scroll\"><table class=\"scores\"><thead><tr><th>score</th><th>value</th><th>95 % interval</th><th></th><th>n</th><th>how</th></tr></thead><tbody>\n");
        foreach (Score s in sheet.Scores)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(s.Metric)}</th><td>{s.Value:G5}</td><td>{(s is { Low: { } low, High: { } high } ? string.Create(CultureInfo.InvariantCulture, $"{low:G4} – {high:G4}") : "")}</td><td>{Bar(s)}</td><td>{s.Passport.Count}{(s.Passport.ReferenceCount is { } r ? $" / {r}" : "")}</td><td><details><summary>{Html(s.Passport.Protocol)}</summary>{Passport(s)}</details></td></tr>\n");
            foreach (string warning in s.Warnings)
                page.Append(CultureInfo.InvariantCulture, $"<tr class=\"warning\"><td></td><td colspan=\"5\">{Html(warning)}</td></tr>\n");
        }
        foreach (RefusedScore r in sheet.Refused)
            page.Append(CultureInfo.InvariantCulture, $"<tr class=\"warning\"><th scope=\"row\">{Html(r.Metric)}</th><td colspan=\"5\">refused: {Html(r.Reason)}</td></tr>\n");
        page.Append("</tbody></table></div>\n<p class=\"note\">Scores of change over time are highest for clips that do not move; read them beside pixel-mse.</p>\n");
    }

    // The interval on a scale from 0 to its upper end, or to 1 for shares.
    private static string Bar(Score s)
    {
        if (s is not { Low: { } low, High: { } high })
            return "";
        double top = Math.Max(s.Interval == "wilson" ? 1 : high, double.Epsilon), bottom = Math.Min(0, low), scale = 100 / (top - bottom);
        double x0 = (low - bottom) * scale, x1 = (high - bottom) * scale, point = (s.Value - bottom) * scale;
        return string.Create(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 100 8\" role=\"img\" aria-label=\"{low:G4} to {high:G4}\"><rect class=\"rail\" x=\"0\" y=\"3\" width=\"100\" height=\"2\"/><rect class=\"range\" x=\"{x0:F1}\" y=\"1\" width=\"{Math.Max(0.5, x1 - x0):F1}\" height=\"6\" rx=\"2\"/><rect class=\"point\" x=\"{Math.Max(0, point - 0.6):F1}\" y=\"0\" width=\"1.2\" height=\"8\"/></svg>");
    }

    private static string Passport(Score s)
    {
        ScorePassport p = s.Passport;
        var rows = new List<(string, string)> { ("features", p.Features) };
        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
                rows.Add((name, value));
        }

        Add("preprocessing", p.Preprocessing);
        Add("weights", p.WeightsSha256);
        Add("subject", p.SubjectSha256);
        Add("reference", p.ReferenceSha256);
        Add("dimension", p.Dimension?.ToString(CultureInfo.InvariantCulture));
        Add("ddof", p.Ddof?.ToString(CultureInfo.InvariantCulture));
        Add("interval", s.Interval);
        foreach (var (key, value) in p.Settings)
            Add(key, value);
        foreach (var (key, value) in s.Details)
            Add(key, value.ToString("G6", CultureInfo.InvariantCulture));
        Add("kinora", p.Kinora);
        return "<dl>" + string.Concat(rows.Select(r => $"<dt>{Html(r.Item1)}</dt><dd>{Html(r.Item2)}</dd>")) + "</dl>";
    }

    private static void Figure(StringBuilder page, ClipRecord clip, string folder)
    {
        string link = Link(clip.Path, folder);
        page.Append(link.EndsWith(".gif", StringComparison.OrdinalIgnoreCase)
            ? $"<figure><img src=\"{link}\" alt=\"{Html(clip.Prompt ?? clip.Name)}\" loading=\"lazy\">"
            : $"<figure><video src=\"{link}\" loop muted playsinline preload=\"none\"></video>");
        page.Append(CultureInfo.InvariantCulture, $"<figcaption>{Html(clip.Prompt ?? clip.Name)}<div class=\"chips\">");
        foreach (AttributeVerdict v in clip.Verdicts)
            page.Append(v.Expected == v.Seen ? $"<span class=\"chip ok\">{Html(v.Expected)}</span>" : $"<span class=\"chip bad\" title=\"should be {Html(v.Expected)}\"><s>{Html(v.Seen)}</s></span>");
        if (clip.Nearest is { } near)
        {
            string other = Link(near.Path, folder);
            string media = near.Path.EndsWith(".gif", StringComparison.OrdinalIgnoreCase) ? $"<img src=\"{other}\" alt=\"{Html(near.Name)}\" loading=\"lazy\">" : $"<video src=\"{other}\" loop muted playsinline preload=\"none\"></video>";
            page.Append(CultureInfo.InvariantCulture, $"</div><div class=\"near\">{media}<span class=\"note\">nearest training clip, similarity {near.Similarity:F2}: {Html(near.Name)}</span>");
        }
        page.Append(CultureInfo.InvariantCulture, $"</div><span class=\"note\">{Html(clip.Name)}: {string.Join(", ", clip.Values.Select(v => string.Create(CultureInfo.InvariantCulture, $"{v.Key} {v.Value:G4}")))}</span></figcaption></figure>\n");
    }

    /// <summary>The address of a clip from a page in <paramref name="folder"/>.</summary>
    internal static string Link(string path, string folder) => string.Join('/', Path.GetRelativePath(Path.GetFullPath(folder), path).Split(Path.DirectorySeparatorChar).Select(Uri.EscapeDataString));

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5d6672;--line:#d9dee4;--panel:#f5f7f9;--good:#12703c;--good-back:#dcf3e4;--bad:#a3261c;--bad-back:#fbe3e0;--accent:#2459c4}
        @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--soft:#98a2ae;--line:#2d333b;--panel:#1c2026;--good:#7fdca4;--good-back:#173a26;--bad:#ff9e93;--bad-back:#4a1d19;--accent:#7fa8ff}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:2rem 1.25rem 4rem}h1{margin:0;font-size:1.9rem;overflow-wrap:anywhere}h2{margin:2.5rem 0 .75rem;font-size:1.25rem}
        .lead{margin:.25rem 0 1.5rem;color:var(--soft)}.note{color:var(--soft);font-size:.82rem}.scroll{overflow-x:auto}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.35rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}thead th{color:var(--soft);font-weight:500;font-size:.85rem}tbody th{font-weight:500;white-space:nowrap}
        .scores svg{width:140px;height:12px;display:block;margin-top:.35rem}.rail{fill:var(--line)}.range{fill:var(--accent);opacity:.35}.point{fill:var(--accent)}.warning td{color:var(--bad);font-size:.88rem}
        details summary{cursor:pointer;color:var(--soft)}dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .8rem;margin:.4rem 0;font-size:.8rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
        @media(max-width:560px){th,td{padding:.35rem .4rem}.scores tbody th{white-space:normal;overflow-wrap:anywhere;min-width:6rem}.scores th:nth-child(4),.scores td:nth-child(4):not([colspan]){display:none}}
        .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:.9rem}figure{margin:0;border:1px solid var(--line);border-radius:10px;overflow:hidden;background:var(--panel)}figure video,figure img{display:block;width:100%;background:#000;image-rendering:pixelated}
        figcaption{padding:.55rem .7rem .7rem;font-size:.88rem;line-height:1.35}.chips{display:flex;flex-wrap:wrap;gap:.25rem;margin:.3rem 0}.chip{border-radius:99px;padding:.05rem .5rem;font-size:.78rem}.near{display:flex;gap:.5rem;align-items:center;margin:.3rem 0}.near video,.near img{width:64px;border-radius:4px}.ok{color:var(--good);background:var(--good-back)}.bad{color:var(--bad);background:var(--bad-back)}
        """;

    private const string Script = """
        const still=matchMedia('(prefers-reduced-motion: reduce)').matches;
        const seen=new IntersectionObserver(es=>{for(const e of es){const v=e.target;if(e.isIntersecting&&!still)v.play().catch(()=>{});else v.pause()}});
        document.querySelectorAll('video').forEach(v=>{seen.observe(v);if(still)v.controls=true});
        """;
}
