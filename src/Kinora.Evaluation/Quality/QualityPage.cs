// The report as one HTML file that needs nothing else: style, script and clips are inside.

using System.Globalization;
using System.Net;
using System.Text;

namespace Kinora.Evaluation.Quality;

/// <summary>Writes the page.</summary>
public static class QualityPage
{
    private const int Largest = 12;

    /// <summary>The page of a report.</summary>
    /// <param name="report">The numbers.</param>
    /// <param name="clip">The media type and the bytes of each clip's file.</param>
    public static string Write(QualityReport report, Func<ClipVerdict, (string MediaType, byte[] Content)> clip)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(clip);
        QualityPassport p = report.Passport;
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{Html(p.Model)}: quality</title>\n<style>{Style}</style></head>\n<body><main>\n");
        page.Append(CultureInfo.InvariantCulture, $"<h1>{Html(p.Model)}</h1>\n<p class=\"lead\">{p.Prompts} held-out prompts, one clip each, {p.Sampler}, {p.Steps} steps, guidance {p.Guidance:0.##}.</p>\n");
        Scores(page, report);
        Pairs(page, report);
        World(page, report);
        page.Append("<h2>Mistakes</h2>\n<div class=\"grid wide\">\n");
        foreach (Confusion confusion in report.Confusions)
            Mistakes(page, confusion);
        page.Append("</div>\n<h2>Clips, worst first</h2>\n<p class=\"note\">Chips show what should be seen; a crossed chip shows what was seen instead.</p>\n<div class=\"filters\"><button data-show=\"\" aria-pressed=\"true\">all</button>");
        foreach (string attribute in report.Clips.SelectMany(c => c.Attributes).Select(a => a.Attribute).Distinct())
        {
            int wrong = report.Clips.Count(c => c.Attributes.Any(a => a.Attribute == attribute && a.Expected != a.Seen));
            page.Append(CultureInfo.InvariantCulture, $"<button data-show=\"{attribute}\" aria-pressed=\"false\">{attribute} wrong ({wrong})</button>");
        }
        page.Append("</div>\n<div class=\"grid\" id=\"clips\">\n");
        foreach (ClipVerdict verdict in report.Clips.OrderByDescending(c => c.Wrong).ThenBy(c => c.Number))
            Figure(page, verdict, clip(verdict));
        page.Append("</div>\n<h2>Confusion tables</h2>\n<p class=\"note\">Rows: the prompt. Columns: the probe's answer.</p>\n");
        foreach (Confusion confusion in report.Confusions)
            Table(page, confusion);
        Passport(page, report);
        page.Append(CultureInfo.InvariantCulture, $"</main>\n<script>{Script}</script>\n</body></html>\n");
        return page.ToString();
    }

    private static void Scores(StringBuilder page, QualityReport report)
    {
        page.Append("<div class=\"tiles\">\n");
        foreach (AttributeScore score in report.Generated.Scores)
        {
            page.Append(CultureInfo.InvariantCulture, $"<div class=\"tile\"><div class=\"name\">{Title(score.Attribute)}</div><div class=\"number\">{100 * score.Share:F1}<small> %</small></div>");
            page.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 100 8\" role=\"img\" aria-label=\"95 % interval {100 * score.Low:F1} to {100 * score.High:F1} percent\"><rect class=\"rail\" x=\"0\" y=\"3\" width=\"100\" height=\"2\" rx=\"1\"/><rect class=\"range\" x=\"{100 * score.Low:F1}\" y=\"1\" width=\"{Math.Max(0.5, 100 * (score.High - score.Low)):F1}\" height=\"6\" rx=\"2\"/><rect class=\"point\" x=\"{Math.Max(0, 100 * score.Share - 0.6):F1}\" y=\"0\" width=\"1.2\" height=\"8\"/></svg>");
            page.Append(CultureInfo.InvariantCulture, $"<div class=\"note\">{100 * score.Low:F1}–{100 * score.High:F1} %</div></div>\n");
        }
        page.Append("</div>\n<div class=\"scroll\"><table><thead><tr><th>clips</th><th>n</th>");
        foreach (AttributeScore score in report.Generated.Scores)
            page.Append(CultureInfo.InvariantCulture, $"<th>{Title(score.Attribute)}</th>");
        page.Append("</tr></thead><tbody>");
        foreach (ScoreRow row in report.Rows)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{ScoreTable.Describe(row.Name)}</th><td>{row.Clips}</td>");
            foreach (AttributeScore score in row.Scores)
                page.Append(CultureInfo.InvariantCulture, $"<td>{100 * score.Share:F1} % <span class=\"note\">{100 * score.Low:F1}–{100 * score.High:F1}</span></td>");
            page.Append("</tr>");
        }
        page.Append("<tr><th scope=\"row\">guessing</th><td></td>");
        foreach (AttributeScore score in report.Generated.Scores)
            page.Append(CultureInfo.InvariantCulture, $"<td>{100 * ScoreTable.Chance(score.Attribute):0.##} %</td>");
        page.Append(CultureInfo.InvariantCulture, $"</tr></tbody></table></div>\n<p class=\"note\">95 % Wilson intervals. The probe was checked on the real clips first: every attribute must reach {100 * report.ProbeGate:F0} % there, or no score is computed. The codec row is the most that a generator over this codec can reach.</p>\n");
    }

    private static void Pairs(StringBuilder page, QualityReport report)
    {
        if (report.Pairs is not { } pairs)
            return;
        page.Append("<h2>Two things</h2>\n<div class=\"scroll\"><table><thead><tr><th>clips</th><th>n</th>").Append(string.Concat(PairScores.Titles(pairs.Two[0]).Append("one thing counted").Select(t => $"<th>{t}</th>"))).Append("</tr></thead><tbody>");
        foreach (ScoreRow row in pairs.Two)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{ScoreTable.Describe(row.Name)}</th><td>{row.Clips}</td>");
            page.Append(string.Concat(row.Scores.Select(ScoreTable.Percent).Append(pairs.OneOf(row.Name)).Select(c => $"<td>{c}</td>"))).Append("</tr>");
        }
        page.Append(CultureInfo.InvariantCulture, $"</tbody></table></div>\n<p class=\"note\">95 % Wilson intervals. A finder says where things are and what they are; the relation follows from their positions. It was checked on the real clips first: every share, and the share of false relations that it refuses, must reach {100 * report.ProbeGate:F0} %. The last column is of the prompts about one thing.</p>\n");
    }

    private static void World(StringBuilder page, QualityReport report)
    {
        if (report.World.Scores.Count == 0 && report.World.Refused.Count == 0)
            return;
        page.Append("<h2>Agreement and distances</h2>\n<div class=\"scroll\"><table><thead><tr><th>score</th><th>value</th><th>95 % interval</th><th>beside it</th></tr></thead><tbody>");
        foreach (Scores.Score s in report.World.Scores)
        {
            string beside = string.Join(", ", s.Details.Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Key} {d.Value:G3}")));
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(ScoreTable.Name(s))}</th><td>{s.Value:G4}</td><td>{(s is { Low: { } low, High: { } high } ? string.Create(CultureInfo.InvariantCulture, $"{low:G4} – {high:G4}") : "")}</td><td class=\"note\">{Html(beside)}</td></tr>");
        }
        foreach (Scores.RefusedScore r in report.World.Refused)
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(r.Metric)}</th><td colspan=\"3\" class=\"note\">refused: {Html(r.Reason)}</td></tr>");
        page.Append("</tbody></table></div>\n<p class=\"note\">Measured by networks that were trained on the procedural world; numbers of the same names elsewhere are others. Reference: real clips of held-out combinations.</p>\n");
    }

    private static void Mistakes(StringBuilder page, Confusion confusion)
    {
        var pairs = (from t in Enumerable.Range(0, confusion.Classes.Count)
                     from a in Enumerable.Range(0, confusion.Classes.Count)
                     where t != a && confusion.Counts[t][a] > 0
                     orderby confusion.Counts[t][a] descending, t, a
                     select (confusion.Classes[t], confusion.Classes[a], confusion.Counts[t][a])).Take(Largest).ToList();
        page.Append(CultureInfo.InvariantCulture, $"<section><h3>{Title(confusion.Attribute)}</h3>");
        if (pairs.Count == 0)
            page.Append("<p class=\"note\">none</p>");
        else
        {
            page.Append("<table><thead><tr><th>prompt</th><th>seen</th><th>clips</th></tr></thead><tbody>");
            foreach (var (truth, answer, count) in pairs)
                page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Word(truth)}</td><td>{Word(answer)}</td><td>{count}</td></tr>");
            page.Append("</tbody></table>");
        }
        page.Append("</section>\n");
    }

    private static void Figure(StringBuilder page, ClipVerdict verdict, (string MediaType, byte[] Content) clip)
    {
        string wrong = string.Join(' ', verdict.Attributes.Where(a => a.Expected != a.Seen).Select(a => a.Attribute));
        string source = $"data:{clip.MediaType};base64,{Convert.ToBase64String(clip.Content)}";
        page.Append(CultureInfo.InvariantCulture, $"<figure data-wrong=\"{wrong}\">");
        page.Append(clip.MediaType.StartsWith("video/", StringComparison.Ordinal)
            ? $"<video src=\"{source}\" muted loop playsinline preload=\"metadata\" aria-label=\"{Html(verdict.Prompt)}\"></video>"
            : $"<img src=\"{source}\" alt=\"{Html(verdict.Prompt)}\">");
        page.Append(CultureInfo.InvariantCulture, $"<figcaption>{Html(verdict.Prompt)}<div class=\"chips\">");
        foreach (AttributeVerdict a in verdict.Attributes)
        {
            page.Append(a.Expected == a.Seen
                ? $"<span class=\"chip ok\" title=\"{a.Attribute}\">{Word(a.Expected)}</span>"
                : $"<span class=\"chip bad\" title=\"{a.Attribute}: should be {Word(a.Expected)}\"><s>{Word(a.Seen)}</s></span>");
        }
        page.Append(CultureInfo.InvariantCulture, $"</div><span class=\"note\">#{verdict.Number}, seed {verdict.Seed}</span></figcaption></figure>\n");
    }

    private static void Table(StringBuilder page, Confusion confusion)
    {
        page.Append(CultureInfo.InvariantCulture, $"<details><summary>{Title(confusion.Attribute)}</summary><div class=\"scroll\"><table class=\"confusion\"><thead><tr><th></th>");
        foreach (string name in confusion.Classes)
            page.Append(CultureInfo.InvariantCulture, $"<th><span>{Word(name)}</span></th>");
        page.Append("</tr></thead><tbody>");
        for (int t = 0; t < confusion.Classes.Count; t++)
        {
            int total = Math.Max(1, confusion.Counts[t].Sum());
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Word(confusion.Classes[t])}</th>");
            for (int a = 0; a < confusion.Classes.Count; a++)
            {
                int count = confusion.Counts[t][a];
                page.Append(count == 0 ? "<td></td>" : string.Create(CultureInfo.InvariantCulture, $"<td class=\"{(t == a ? "hit" : "miss")}\" style=\"--share:{100.0 * count / total:F0}%\">{count}</td>"));
            }
            page.Append("</tr>");
        }
        page.Append("</tbody></table></div></details>\n");
    }

    private static void Passport(StringBuilder page, QualityReport report)
    {
        QualityPassport p = report.Passport;
        page.Append("<h2>Passport</h2>\n<div class=\"scroll\"><table class=\"passport\"><tbody>");
        foreach (var (name, value) in new (string, string)[]
        {
            ("model", $"{p.Model}, sha256 {p.ModelSha256}"), ("probe", $"sha256 {p.ProbeSha256}"), ("finder", p.FinderSha256 is { } f ? $"sha256 {f}" : "none"), ("text–clip model", p.TextClipSha256 is { } c ? $"sha256 {c}" : "none"), ("world", $"sha256 {p.WorldSha256}"), ("prompts", $"{p.Prompts} and {p.PairPrompts} about two things, sha256 {p.PromptsSha256}"),
            ("seeds", $"from {p.Seed}"), ("sampling", string.Create(CultureInfo.InvariantCulture, $"{p.Sampler}, {p.Steps} steps, guidance {p.Guidance:0.##}, rescaling {p.GuidanceRescale:0.##}")),
            ("clips", string.Create(CultureInfo.InvariantCulture, $"{p.Width}×{p.Height}, {p.Frames} frames, {p.FrameRate:0.##} frames per second")), ("run", $"{p.Precision} on {p.Device}, Kinora {p.Kinora}"),
        })
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{name}</th><td>{Html(value)}</td></tr>");
        }
        page.Append("</tbody></table></div>\n<p class=\"note\">report.json beside this page holds the same numbers; run.json when and where they were measured.</p>\n");
    }

    private static string Title(string attribute) => attribute == ScoreRow.All ? "all four" : attribute;

    private static string Word(string name) => Html(name.Replace('_', ' '));

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5d6672;--line:#d9dee4;--panel:#f5f7f9;--good:#12703c;--good-back:#dcf3e4;--bad:#a3261c;--bad-back:#fbe3e0;--accent:#2459c4}
        @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--soft:#98a2ae;--line:#2d333b;--panel:#1c2026;--good:#7fdca4;--good-back:#173a26;--bad:#ff9e93;--bad-back:#4a1d19;--accent:#7fa8ff}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:2rem 1.25rem 4rem}h1{margin:0;font-size:1.9rem;letter-spacing:-.01em}h2{margin:2.5rem 0 .75rem;font-size:1.25rem}h3{margin:0 0 .4rem;font-size:1rem}
        .lead{margin:.25rem 0 1.5rem;color:var(--soft)}.note{color:var(--soft);font-size:.85rem}.scroll{overflow-x:auto}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.75rem;margin-bottom:1.25rem}.tile{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
        .tile .name{color:var(--soft)}.tile .number{font-size:2rem;font-weight:650;font-variant-numeric:tabular-nums}td .note{display:block}td.note{white-space:normal}.tile small{font-size:1rem;color:var(--soft)}.tile svg{width:100%;height:10px;display:block}
        .rail{fill:var(--line)}.range{fill:var(--accent);opacity:.35}.point{fill:var(--accent)}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.35rem .7rem;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}thead th{color:var(--soft);font-weight:500;font-size:.85rem}tbody th{font-weight:500}
        .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:.9rem}.grid.wide{grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:1.5rem}
        figure{margin:0;border:1px solid var(--line);border-radius:10px;overflow:hidden;background:var(--panel)}figure[hidden]{display:none}figure video,figure img{display:block;width:100%;aspect-ratio:1;background:#000;image-rendering:pixelated}
        figcaption{padding:.55rem .7rem .7rem;font-size:.88rem;line-height:1.35}.chips{display:flex;flex-wrap:wrap;gap:.25rem;margin:.4rem 0 .3rem}.chip{border-radius:99px;padding:.05rem .5rem;font-size:.78rem}.ok{color:var(--good);background:var(--good-back)}.bad{color:var(--bad);background:var(--bad-back)}
        .filters{display:flex;flex-wrap:wrap;gap:.4rem;margin:0 0 1rem}button{font:inherit;font-size:.85rem;padding:.25rem .75rem;border:1px solid var(--line);border-radius:99px;background:transparent;color:inherit;cursor:pointer}button[aria-pressed=true]{border-color:var(--accent);color:var(--accent)}
        details{border:1px solid var(--line);border-radius:10px;padding:.5rem .9rem;margin-bottom:.6rem}summary{cursor:pointer}.confusion{font-size:.78rem;margin-top:.5rem}.confusion th,.confusion td{padding:.15rem .4rem;text-align:center}.confusion tbody th{text-align:right}.confusion thead th{vertical-align:bottom}.confusion thead span{writing-mode:vertical-rl;transform:rotate(180deg)}
        .hit{background:color-mix(in srgb,var(--good) calc(var(--share)*.35),transparent)}.miss{background:color-mix(in srgb,var(--bad) calc(20% + var(--share)*.4),transparent)}.passport td{white-space:normal;word-break:break-all}
        """;

    private const string Script = """
        const clips=[...document.querySelectorAll('figure')],still=matchMedia('(prefers-reduced-motion: reduce)').matches;
        const seen=new IntersectionObserver(es=>{for(const e of es){const v=e.target;if(e.isIntersecting&&!still)v.play().catch(()=>{});else v.pause()}});
        document.querySelectorAll('video').forEach(v=>{seen.observe(v);if(still)v.controls=true});
        document.querySelectorAll('[data-show]').forEach(b=>b.onclick=()=>{const w=b.dataset.show;document.querySelectorAll('[data-show]').forEach(o=>o.setAttribute('aria-pressed',String(o===b)));clips.forEach(f=>f.hidden=w!==''&&!f.dataset.wrong.split(' ').includes(w))});
        """;
}
