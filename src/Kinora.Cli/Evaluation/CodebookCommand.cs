// kinora evaluate codebook: how well a codebook serves the vectors that it quantizes.

using System.CommandLine;
using System.Globalization;
using Kinora.Cli.Shell;
using Kinora.Evaluation.Codebooks;
using Kinora.Evaluation.Features;

namespace Kinora.Cli.Evaluation;

/// <summary><c>kinora evaluate codebook</c>.</summary>
internal static class CodebookCommand
{
    public static Command Create()
    {
        var vectors = new Argument<string>("vectors") { Description = "Vectors before quantization, [n, d] as .npy or .safetensors.", HelpName = "file" };
        var codes = new Argument<string>("codebook") { Description = "Codes, [k, d].", HelpName = "file" };
        var compat = new Option<bool>("--compat") { Description = "Show the Wasserstein distance of the published script as well." };
        var command = new Verb("codebook", "Quantization error, utilization, perplexity and Wasserstein distance of a codebook.",
            "kinora evaluate codebook latents.npy codebook.npy",
            "kinora evaluate codebook latents.npy codebook.npy --compat")
        {
            vectors, codes, compat,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            CodebookScores s = CodebookScores.Of(FeatureMatrix.Read(result.GetRequiredValue(vectors)), FeatureMatrix.Read(result.GetRequiredValue(codes)));
            var session = CommandSession.Current;
            void Line(string name, double value) => session.Result(string.Create(CultureInfo.InvariantCulture, $"{name,-28} {value:G10}"));
            Line("quantization error", s.QuantizationError);
            Line("utilization", s.Utilization);
            Line("perplexity", s.Perplexity);
            Line("wasserstein", s.Wasserstein);
            if (result.GetValue(compat)) { Line("wasserstein, published script", s.PublishedWasserstein); }
            return ExitCodes.Success;
        }, cancellationToken));
        return command;
    }
}
