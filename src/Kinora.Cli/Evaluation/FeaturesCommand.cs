// kinora evaluate features: the arithmetic of distribution metrics on feature matrices, so that anyone can check it.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Scores;

namespace Kinora.Cli.Evaluation;

/// <summary><c>kinora evaluate features</c>.</summary>
internal static class FeaturesCommand
{
    public static Command Create()
    {
        var defaults = new DistributionOptions();
        var generated = new Argument<string>("generated") { Description = "Features of the judged clips, [clips, features] as .npy or .safetensors; class probabilities with --probabilities.", HelpName = "file" };
        var real = new Argument<string?>("reference") { Description = "Features of real clips from the same network.", HelpName = "file", Arity = ArgumentArity.ZeroOrOne };
        var probabilities = new Option<bool>("--probabilities") { Description = "The rows are class probabilities: compute the inception score." };
        var ddof = new Option<int>("--ddof") { Description = "Covariances divide by n minus this: 1, or 0 as some published code.", HelpName = "n", DefaultValueFactory = _ => defaults.Ddof };
        var neighbors = new Option<int>("--neighbors") { Description = "Neighbors of precision, recall, density and coverage.", HelpName = "k", DefaultValueFactory = _ => defaults.Neighbors };
        var splits = new Option<int>("--splits") { Description = "Splits of the inception score.", HelpName = "n", DefaultValueFactory = _ => defaults.Splits };
        var resamples = new Option<int>("--resamples") { Description = "Resamples of bootstrap intervals; 0 for none.", HelpName = "n", DefaultValueFactory = _ => defaults.Resamples };
        var seed = new Option<ulong>("--seed") { Description = "Decides the resamples.", HelpName = "n" };
        var few = new Option<bool>("--few") { Description = "Compute scores of fewer clips than they need; they carry a warning." };
        var output = new Option<string?>("--output", "-o") { Description = "Append the scores to this file, one JSON line each.", HelpName = "file" };
        var json = new Option<bool>("--json") { Description = "Print the scores as JSON." };
        var command = new Verb("features", "Score a feature matrix against another: Fréchet and kernel distances, precision, recall, density, coverage; inception score.",
            "kinora evaluate features generated.npy real.npy",
            "kinora evaluate features i3d.safetensors real.safetensors --ddof 0 --resamples 1000",
            "kinora evaluate features probabilities.npy --probabilities")
        {
            generated, real, probabilities, ddof, neighbors, splits, resamples, seed, few, output, json,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            var options = defaults with { Ddof = result.GetValue(ddof), Neighbors = result.GetValue(neighbors), Splits = result.GetValue(splits), Resamples = result.GetValue(resamples), Seed = result.GetValue(seed), AllowFew = result.GetValue(few) };
            string path = result.GetValue(generated)!;
            string? reference = result.GetValue(real);
            if (result.GetValue(probabilities) == reference is not null)
            {
                throw CommandException.Usage(reference is null ? "a reference is needed: kinora evaluate features GENERATED REFERENCE. For the inception score of class probabilities add --probabilities." : "--probabilities takes one file: the inception score has no reference.");
            }
            FeatureMatrix features = FeatureMatrix.Read(path);
            using var progress = new ConsoleProgress();
            ScoreSheet sheet = reference is null
                ? DistributionSuite.Inception(features, "is", options)
                : DistributionSuite.Compare(features, FeatureMatrix.Read(reference), options, (stage, done, total) => progress.Report(stage, done, total), cancellationToken);
            if (result.GetValue(output) is { } file) { ScoreLog.Append(file, path, sheet.Scores, DateTimeOffset.UtcNow); }
            CommandSession.Current.Result(result.GetValue(json) ? sheet.ToJson() : ScoreText.Table(sheet));
            return sheet.Refused.Count == 0 ? ExitCodes.Success : ExitCodes.Input;
        }, cancellationToken));
        return command;
    }
}
