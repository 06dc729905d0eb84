// report.html: one self-contained page with the curves of every stage and the newest samples.

using System.Globalization;
using System.Net;
using System.Text;
using Kinora.Training.Loop;

namespace Kinora.Training.Reports;

/// <summary>Writes the page that shows how a run goes.</summary>
internal static class TrainingReport
{
    private const int Width = 640, Height = 220, Margin = 46;
    private const int SheetsShown = 4;

    public static void Write(RunFolder run, string name, IReadOnlyList<string> stages)
    {
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{WebUtility.HtmlEncode(name)}</title>");
        page.Append("<style>body{font:15px/1.5 system-ui,sans-serif;max-width:1400px;margin:2em auto;padding:0 1em;color:#222}h1,h2{font-weight:600}svg{background:#fafafa;border:1px solid #ddd;margin:4px}img,video{image-rendering:pixelated;max-width:100%}figure{margin:1em 0}figcaption{color:#666;font-size:13px;white-space:pre-line}</style>");
        page.Append(CultureInfo.InvariantCulture, $"<h1>{WebUtility.HtmlEncode(name)}</h1>");
        foreach (string stage in stages)
            Stage(page, run, stage);
        page.Append("</html>\n");
        string temporary = run.Report + ".tmp";
        File.WriteAllText(temporary, page.ToString());
        File.Move(temporary, run.Report, overwrite: true);
    }

    private static void Stage(StringBuilder page, RunFolder run, string stage)
    {
        var entries = TrainingLog.Read(Path.Combine(run.Root, stage, "log.jsonl")).ToList();
        if (entries.Count == 0)
            return;
        var last = entries[^1];
        page.Append(CultureInfo.InvariantCulture, $"<h2>{stage}</h2><p>step {last.Step}, {last.ElapsedSeconds / 60:F1} minutes, {last.SamplesPerSecond:F1} samples/s, {last.Gflops:F0} GFLOP/s</p>");
        foreach (string metric in last.Metrics.Keys)
            Curve(page, metric, [.. entries.Where(e => e.Metrics.ContainsKey(metric)).Select(e => ((double)e.Step, e.Metrics[metric]))], logarithmic: metric != "accuracy");
        Curve(page, "gradient norm", [.. entries.Select(e => ((double)e.Step, e.GradNorm))], logarithmic: true);
        Curve(page, "learning rate", [.. entries.Select(e => ((double)e.Step, e.LearningRate))], logarithmic: false);
        string samples = Path.Combine(run.Root, stage, "samples");
        if (!Directory.Exists(samples))
            return;
        string[] sheets = [.. Directory.GetFiles(samples, "step-*.png").OrderDescending(StringComparer.Ordinal).Take(SheetsShown)];
        string? newest = sheets.FirstOrDefault();
        foreach (string sheet in sheets)
        {
            string captions = Path.ChangeExtension(sheet, ".txt");
            string text = File.Exists(captions) ? File.ReadAllText(captions) : "";
            page.Append("<figure>");
            if (sheet == newest)
            {
                foreach (string clip in Directory.GetFiles(samples, Path.GetFileNameWithoutExtension(sheet) + "-*.mp4").Order(StringComparer.Ordinal))
                    page.Append(CultureInfo.InvariantCulture, $"<video width=\"128\" autoplay loop muted playsinline src=\"data:video/mp4;base64,{Convert.ToBase64String(File.ReadAllBytes(clip))}\"></video> ");
                page.Append("<br>");
            }
            page.Append(CultureInfo.InvariantCulture, $"<img src=\"data:image/png;base64,{Convert.ToBase64String(File.ReadAllBytes(sheet))}\" alt=\"samples\"><figcaption>{Path.GetFileNameWithoutExtension(sheet)}\n{WebUtility.HtmlEncode(text)}</figcaption></figure>");
        }
    }

    private static void Curve(StringBuilder page, string name, IReadOnlyList<(double X, double Y)> points, bool logarithmic)
    {
        var finite = points.Where(p => double.IsFinite(p.Y) && (!logarithmic || p.Y > 0)).ToList();
        if (finite.Count < 2)
            return;
        double Map(double y) => logarithmic ? Math.Log10(y) : y;
        double minX = finite[0].X, maxX = finite[^1].X, minY = finite.Min(p => Map(p.Y)), maxY = finite.Max(p => Map(p.Y));
        double spanX = Math.Max(maxX - minX, 1e-12), spanY = Math.Max(maxY - minY, 1e-12);
        double X(double x) => Margin + (x - minX) / spanX * (Width - 2 * Margin);
        double Y(double y) => Height - Margin + 20 - (Map(y) - minY) / spanY * (Height - 2 * Margin + 20);
        page.Append(CultureInfo.InvariantCulture, $"<svg width=\"{Width}\" height=\"{Height}\" role=\"img\" aria-label=\"{name}\"><text x=\"{Margin}\" y=\"18\" font-size=\"13\">{name}: {finite[^1].Y:G4}</text>");
        foreach (double fraction in new[] { 0.0, 0.5, 1.0 })
        {
            double value = logarithmic ? Math.Pow(10, minY + fraction * spanY) : minY + fraction * spanY;
            page.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Margin}\" x2=\"{Width - Margin}\" y1=\"{Y(value):F1}\" y2=\"{Y(value):F1}\" stroke=\"#ddd\"/><text x=\"2\" y=\"{Y(value) + 4:F1}\" font-size=\"10\" fill=\"#666\">{value:G3}</text>");
            double at = minX + fraction * spanX;
            page.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(at) - 10:F1}\" y=\"{Height - 8}\" font-size=\"10\" fill=\"#666\">{at:F0}</text>");
        }
        page.Append("<polyline fill=\"none\" stroke=\"#2563eb\" stroke-width=\"1.3\" points=\"");
        foreach (var (x, y) in finite)
            page.Append(CultureInfo.InvariantCulture, $"{X(x):F1},{Y(y):F1} ");
        page.Append("\"/></svg>");
    }
}
