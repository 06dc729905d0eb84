using System.Globalization;
using System.Text;

namespace Kinora.Cli.Doctor;

/// <summary>The report as people read it.</summary>
internal static class MachineReportText
{
    public static string Write(MachineReport report)
    {
        var text = new StringBuilder();
        var culture = CultureInfo.InvariantCulture;
        Row(text, "Kinora", $"{report.Kinora}, .NET {report.DotNet}");
        Row(text, "System", report.OperatingSystem);
        var cpu = report.Processor;
        string quota = cpu.CgroupCores is { } cores ? string.Create(culture, $", quota {cores:0.##} cores") : "";
        Row(text, "Processor", string.Create(culture, $"{cpu.Model}, {cpu.AllowedCores} of {cpu.Cores} cores usable{quota}"));
        Row(text, "Features", cpu.Features.Count == 0 ? "none that the fast kernels need" : string.Join(' ', cpu.Features));
        var memory = report.Memory;
        Row(text, "Memory", $"{Gibibytes(memory.AvailableBytes)} free of {Gibibytes(memory.TotalBytes)}{(memory.CgroupLimitBytes is null ? "" : " (limit of the container)")}");
        if (report.Engine is { } engine)
        {
            Row(text, "Engine", $"{engine.BuildInfo}, {engine.Kernels} kernels, {engine.Threads} threads");
            Row(text, "", engine.NativeLibrary);
            if (engine.LibtorchPath is not null) { Row(text, "", engine.LibtorchPath); }
            Row(text, "CUDA", engine.CudaDevices.Count == 0 ? "none" : string.Join("; ", engine.CudaDevices));
        }

        if (report.Media.Versions is not null) { Row(text, "Media", $"{report.Media.Versions}; writes {string.Join(", ", report.Media.Formats)}"); }
        Row(text, "Vision", report.Vision);
        Row(text, "Font", report.Media.EmojiFont ?? "no Noto Color Emoji; needed only to draw new glyphs (apt-get install fonts-noto-color-emoji)");
        foreach (var model in report.Models) { Row(text, "Model", string.Create(culture, $"{model.Path}, {model.Bytes / 1e6:0.0} MB")); }
        foreach (var speed in report.Speed)
        {
            Row(text, "Speed", string.Create(culture, $"{speed.Name,-18} {speed.Rate,7:0} {speed.Unit}   max error {speed.MaxError:0.0e0} {(speed.IsCorrect ? "ok" : "WRONG")}"));
        }

        foreach (string problem in report.Problems) { Row(text, "Problem", problem); }
        if (report.Problems.Count == 0) { Row(text, "Verdict", "ready"); }
        return text.ToString();
    }

    private static void Row(StringBuilder text, string label, string value) => text.Append(label.PadRight(11)).Append(value).Append('\n');

    private static string Gibibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GiB");
}
