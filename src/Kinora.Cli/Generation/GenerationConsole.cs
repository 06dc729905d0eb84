using System.Globalization;
using Kinora.Cli.Shell;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Cli.Generation;

/// <summary>Shows generation on the console's progress bar, and previews in a file.</summary>
/// <param name="progress">The bar.</param>
/// <param name="preview">Where the newest preview goes, if there are any.</param>
internal sealed class GenerationConsole(ConsoleProgress progress, string? preview = null) : IProgress<GenerationProgress>
{
    public void Report(GenerationProgress value)
    {
        if (value.Preview is { } picture && preview is not null)
        {
            if (!File.Exists(preview))
            {
                progress.Line($"{preview}: the clip as it stands, made anew while it is sampled");
            }
            ImageFile.WritePng(preview, picture);
        }
        string which = value.Clips > 1 ? string.Create(CultureInfo.InvariantCulture, $" {value.Clip + 1}/{value.Clips}") : "";
        which += value.Parts > 1 ? string.Create(CultureInfo.InvariantCulture, $" part {value.Part + 1}/{value.Parts}") : "";
        switch (value.Stage)
        {
            case GenerationStage.Loading:
                progress.Report("loading the model", 0, 0);
                break;
            case GenerationStage.Sampling:
                progress.Report($"sampling{which}", value.Step, value.Steps);
                break;
            default:
                progress.Report($"decoding{which}", 0, 0);
                break;
        }
    }
}
