// A counted study as one HTML page: who won, how sure that is, why, how far raters agree, and whether automated scores say the same.

using System.Globalization;
using System.Net;
using System.Text;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Studies;

/// <summary>Writes the page of results.</summary>
public static class StudyResultPage
{
    /// <summary>Names of the files.</summary>
    public const string PageFile = "index.html", ResultFile = "result.json";

    private const int Colors = 6;

    /// <summary>Writes the page and the numbers into a folder.</summary>
    public static void WriteFolder(string folder, StudyResult result)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(result);
        Directory.CreateDirectory(folder);
        foreach (var (name, text) in new[] { (PageFile, Write(result)), (ResultFile, result.ToJson() + "\n") })
            AtomicFile.Write(Path.Combine(folder, name), f => f.Write(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>The page of a result.</summary>
    public static string Write(StudyResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        string[] systems = [.. result.Questions[0].Strengths.Select(s => s.System)];
        int Color(string system) => Math.Max(0, Array.IndexOf(systems, system)) % Colors;
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{Html(result.Title)}: results</title>\n<style>{Style}</style></head>\n<body><main>\n<h1>{Html(result.Title)}</h1>\n<p class=\"lead\">{Count(result.Items, "pair")}, {Count(result.Raters.Count, "rater")}, {Count(result.Raters.Sum(r => r.Used), "usable answer")}.</p>\n");
        foreach (string warning in result.Warnings)
            page.Append(CultureInfo.InvariantCulture, $"<p class=\"warning\">{Html(warning)}</p>\n");
        foreach (StudyQuestion question in result.Questions)
        {
            page.Append(CultureInfo.InvariantCulture, $"<h2>{(question.Question == "quality" ? "Quality: which clip looks better?" : "Faithfulness: which clip shows the words better?")}</h2>\n");
            if (question.Pairings.Count == 0)
            {
                page.Append("<p class=\"note\">No usable answers.</p>\n");
                continue;
            }
            Pairings(page, question, Color);
            page.Append("<div class=\"grid\">\n");
            Strengths(page, question, Color);
            AgreementChart(page, question);
            Reasons(page, question, systems, Color);
            page.Append("</div>\n");
        }
        Correlations(page, result, Color);
        Raters(page, result);
        page.Append(CultureInfo.InvariantCulture, $"<p class=\"note\">Study {result.Study[..Math.Min(16, result.Study.Length)]}. A pair goes to the side that most of its raters chose; pairs without such a side are ties. Intervals: Wilson for shares, resampled pairs for strengths. result.json holds the same numbers.</p>\n</main></body></html>\n");
        return page.ToString();
    }

    private static void Pairings(StringBuilder page, StudyQuestion q, Func<string, int> color)
    {
        page.Append("<div class=\"scroll\"><table><thead><tr><th>pairing</th><th class=\"wide\">won pairs</th><th>win rate</th><th>of decided pairs</th><th>sign test</th></tr></thead><tbody>\n");
        foreach (StudyPairing p in q.Pairings)
        {
            double n = p.WinsA + p.WinsB + p.Ties;
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\"><i class=\"c{color(p.A)}\"></i>{Html(p.A)}<br><i class=\"c{color(p.B)}\"></i>{Html(p.B)}</th><td class=\"wide\"><div class=\"stack\" role=\"img\" aria-label=\"{p.WinsA} to {p.WinsB}, {p.Ties} ties\">");
            foreach (var (wins, css, what) in new[] { (p.WinsA, "c" + color(p.A), p.A), (p.Ties, "tie", "tie"), (p.WinsB, "c" + color(p.B), p.B) })
            {
                if (wins > 0)
                    page.Append(CultureInfo.InvariantCulture, $"<span class=\"{css}\" style=\"width:{100 * wins / n:F2}%\" title=\"{Html(what)}: {wins}\">{wins}</span>");
            }
            page.Append(CultureInfo.InvariantCulture, $"</div></td><td>{100 * p.WinRateA:F1} %</td><td>{(p.Decided is { } d ? string.Create(CultureInfo.InvariantCulture, $"{100 * d.Share:F1} % <span class=\"note\">{100 * d.Low:F1}–{100 * d.High:F1}</span>") : "none")}</td><td>p = {p.P:G3}</td></tr>\n");
        }
        page.Append("</tbody></table></div>\n");
    }

    private static void Strengths(StringBuilder page, StudyQuestion q, Func<string, int> color)
    {
        double low = Math.Min(-0.1, q.Strengths.Min(s => s.Low)), high = Math.Max(0.1, q.Strengths.Max(s => s.High)), scale = 100 / (high - low);
        page.Append("<section><h3>Strength</h3><div class=\"rows\">\n");
        foreach (StudyStrength s in q.Strengths)
        {
            page.Append(CultureInfo.InvariantCulture, $"<span>{Html(s.System)}</span><svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{s.Low:F2} to {s.High:F2}\"><rect class=\"rail\" x=\"{-low * scale:F1}\" y=\"0\" width=\"0.6\" height=\"8\"/><rect class=\"range c{color(s.System)}\" x=\"{(s.Low - low) * scale:F1}\" y=\"2\" width=\"{Math.Max(0.5, (s.High - s.Low) * scale):F1}\" height=\"4\"/><rect class=\"c{color(s.System)}\" x=\"{Math.Clamp((s.Strength - low) * scale - 0.6, 0, 98.8):F1}\" y=\"0\" width=\"1.2\" height=\"8\"/></svg><span class=\"number\">{s.Strength:F2} <span class=\"note\">{s.Low:F2} to {s.High:F2}</span></span>\n");
        }
        page.Append("</div><p class=\"note\">Bradley–Terry, natural logarithm, mean 0: a difference of 1 is won 73 % of the time.</p></section>\n");
    }

    private static void AgreementChart(StringBuilder page, StudyQuestion q)
    {
        int most = Math.Max(1, q.AgreementHistogram.Values.DefaultIfEmpty().Max());
        page.Append("<section><h3>Agreement</h3><div class=\"rows\">\n");
        foreach (var (size, items) in q.AgreementHistogram)
            page.Append(CultureInfo.InvariantCulture, $"<span>{Html(size)}</span><div class=\"bar\"><span style=\"width:{100.0 * items / most:F1}%\"></span></div><span class=\"number\">{items}</span>\n");
        page.Append(CultureInfo.InvariantCulture, $"</div><p class=\"note\">Pairs by the size of their largest vote. Fleiss’ κ {Number(q.FleissKappa)}, Krippendorff’s α {Number(q.KrippendorffAlpha)}. Left was chosen {(q.LeftShare is { } l ? string.Create(CultureInfo.InvariantCulture, $"{100 * l.Share:F1} % ({100 * l.Low:F1}–{100 * l.High:F1}) of the time, p = {q.SideBiasP:G3}") : "never")}.</p></section>\n");
    }

    private static void Reasons(StringBuilder page, StudyQuestion q, string[] systems, Func<string, int> color)
    {
        page.Append("<section><h3>Why raters preferred it</h3>\n");
        if (q.Reasons.Count == 0)
        {
            page.Append("<p class=\"note\">Nobody gave a reason.</p></section>\n");
            return;
        }
        int most = Math.Max(1, q.Reasons.Max(r => r.Votes.Values.Max()));
        page.Append("<div class=\"rows reasons\">\n");
        foreach (StudyReason reason in q.Reasons)
        {
            page.Append(CultureInfo.InvariantCulture, $"<span>{Html(reason.Reason)}</span><div>");
            foreach (string system in systems.Where(s => reason.Votes.GetValueOrDefault(s) > 0))
                page.Append(CultureInfo.InvariantCulture, $"<div class=\"bar\" title=\"{Html(system)}: {reason.Votes[system]}\"><span class=\"c{color(system)}\" style=\"width:{100.0 * reason.Votes[system] / most:F1}%\"></span></div>");
            page.Append(CultureInfo.InvariantCulture, $"</div><span class=\"number\">{string.Join("<br>", systems.Where(s => reason.Votes.GetValueOrDefault(s) > 0).Select(s => reason.Votes[s].ToString(CultureInfo.InvariantCulture)))}</span>\n");
        }
        page.Append(CultureInfo.InvariantCulture, $"</div><p class=\"note legend\">{string.Join(" ", systems.Select(s => $"<span><i class=\"c{color(s)}\"></i>{Html(s)}</span>"))}</p></section>\n");
    }

    private static void Correlations(StringBuilder page, StudyResult result, Func<string, int> color)
    {
        if (result.Correlations.Count == 0)
            return;
        Dictionary<string, StudyStrength> people = result.Questions[0].Strengths.ToDictionary(s => s.System, StringComparer.Ordinal);
        page.Append("<h2>Automated scores beside people</h2>\n<div class=\"grid scatters\">\n");
        foreach (StudyCorrelation c in result.Correlations)
        {
            var points = c.Automated.Select(a => (System: a.Key, X: a.Value, Y: people[a.Key])).ToArray();
            double left = points.Min(p => p.X), width = Math.Max(points.Max(p => p.X) - left, double.Epsilon), low = points.Min(p => p.Y.Low), height = Math.Max(points.Max(p => p.Y.High) - low, double.Epsilon);
            page.Append(CultureInfo.InvariantCulture, $"<section><h3>{Html(c.Metric)}</h3><svg class=\"scatter\" viewBox=\"0 0 220 150\" role=\"img\" aria-label=\"{Html(c.Metric)} against strength in quality\"><path class=\"axis\" d=\"M20 8V130H214\"/><text x=\"117\" y=\"146\" text-anchor=\"middle\">{Html(c.Metric)}: {left:G3} to {left + width:G3}</text><text transform=\"translate(10 70) rotate(-90)\" text-anchor=\"middle\">strength</text>");
            foreach (var (system, x, y) in points)
            {
                double px = 35 + (x - left) / width * 150, py = 122 - (y.Strength - low) / height * 106, top = 122 - (y.High - low) / height * 106, bottom = 122 - (y.Low - low) / height * 106;
                page.Append(CultureInfo.InvariantCulture, $"<path class=\"whisker c{color(system)}\" d=\"M{px:F1} {top:F1}V{bottom:F1}\"/><circle class=\"c{color(system)}\" cx=\"{px:F1}\" cy=\"{py:F1}\" r=\"4\"/><text x=\"{px + (px > 130 ? -7 : 7):F1}\" y=\"{py + 3.5:F1}\" text-anchor=\"{(px > 130 ? "end" : "start")}\">{Html(system)}</text>");
            }
            page.Append(CultureInfo.InvariantCulture, $"</svg><p class=\"note\">Spearman {Number(c.Spearman)}, Kendall {Number(c.Kendall)} over {Count(points.Length, "system")}.</p></section>\n");
        }
        page.Append("</div>\n");
    }

    private static void Raters(StringBuilder page, StudyResult result)
    {
        page.Append("<h2>Raters</h2>\n<div class=\"scroll\"><table><thead><tr><th>rater</th><th>usable answers</th><th>too fast</th><th>traps</th><th>agrees with the others</th><th></th></tr></thead><tbody>\n");
        foreach (StudyRater r in result.Raters)
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html(r.Rater)}</th><td>{r.Used}</td><td>{r.TooFast}</td><td>{r.TrapsRight} of {r.Traps}</td><td>{(r.AgreementWithOthers is { } a ? string.Create(CultureInfo.InvariantCulture, $"{100 * a:F0} %") : "")}</td><td class=\"warning\">{(r.Excluded is { } why ? "left out: " + Html(why) : "")}</td></tr>\n");
        page.Append("</tbody></table></div>\n");
    }

    private static string Number(double? value) => value is { } v && double.IsFinite(v) ? v.ToString("F3", CultureInfo.InvariantCulture) : "undefined";

    private static string Count(int n, string what) => $"{n} {what}{(n == 1 ? "" : "s")}";

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5d6672;--line:#d9dee4;--panel:#f5f7f9;--bad:#a3261c;--c0:#2459c4;--c1:#b45309;--c2:#12703c;--c3:#8b3fb0;--c4:#b3245f;--c5:#4d6b74}
        @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--soft:#98a2ae;--line:#2d333b;--panel:#1c2026;--bad:#ff9e93;--c0:#7fa8ff;--c1:#f2a65a;--c2:#7fdca4;--c3:#d29bf0;--c4:#ff8fb8;--c5:#9fc0ca}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:2rem 1.25rem 4rem}h1{margin:0;font-size:1.9rem;overflow-wrap:anywhere}h2{margin:2.5rem 0 .75rem;font-size:1.25rem}h3{margin:0 0 .6rem;font-size:1rem}
        .lead{margin:.25rem 0 1rem;color:var(--soft)}.note{color:var(--soft);font-size:.85rem}.warning{color:var(--bad)}.scroll{overflow-x:auto}.number{font-variant-numeric:tabular-nums;white-space:nowrap}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}th,td{padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line);text-align:left}thead th{color:var(--soft);font-weight:500;font-size:.85rem}tbody th{font-weight:500}.wide{width:40%;min-width:9rem}td .note{display:block}
        .stack{display:flex;height:1.6rem;border-radius:6px;overflow:hidden;font-size:.8rem;color:var(--paper)}.stack span{display:grid;place-items:center;min-width:0;overflow:hidden}.tie{background:var(--line);color:var(--ink)}
        .grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem;margin-top:1rem}section{border:1px solid var(--line);border-radius:10px;background:var(--panel);padding:.9rem 1rem .4rem;min-width:0}
        .scatters{grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}@media(max-width:560px){main{padding:1.2rem .8rem 3rem}h1{font-size:1.5rem}table{font-size:.85rem}th,td{padding-right:.4rem}.wide{display:none}}
        .rows{display:grid;grid-template-columns:minmax(3rem,auto) minmax(4rem,1fr) auto;gap:.35rem .8rem;align-items:center;font-size:.9rem}.rows svg{width:100%;height:14px}.rows>span:first-child{overflow-wrap:anywhere}.bar{height:.9rem}.bar span{display:block;height:100%;background:var(--c0);border-radius:3px}.reasons .bar{height:1.35rem;padding:.2rem 0}
        i{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.4em}.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem}.scatter{width:100%}.scatter text{font-size:10px;fill:var(--soft)}.axis{fill:none;stroke:var(--line)}.rail{fill:var(--line)}.range{opacity:.4}.whisker{stroke-width:1.5;opacity:.5}
        .c0{background:var(--c0)!important;fill:var(--c0);stroke:var(--c0)}.c1{background:var(--c1)!important;fill:var(--c1);stroke:var(--c1)}.c2{background:var(--c2)!important;fill:var(--c2);stroke:var(--c2)}.c3{background:var(--c3)!important;fill:var(--c3);stroke:var(--c3)}.c4{background:var(--c4)!important;fill:var(--c4);stroke:var(--c4)}.c5{background:var(--c5)!important;fill:var(--c5);stroke:var(--c5)}rect,circle{stroke:none!important}
        """;
}
