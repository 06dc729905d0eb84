using System.Globalization;
using Kinora.Cli.Shell;
using Kinora.Models.Generation;

namespace Kinora.Cli.Generation;

/// <summary>Shows generation on the console's progress bar.</summary>
internal sealed class GenerationConsole(ConsoleProgress progress) : IProgress<GenerationProgress>
{
    public void Report(GenerationProgress value)
    {
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
