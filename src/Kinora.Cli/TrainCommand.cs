using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Training;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Cli;

/// <summary><c>kinora train</c>: recipe in, model folder out.</summary>
public static class TrainCommand
{
    public static Command Create()
    {
        var recipe = new Argument<string>("recipe") { Description = "The recipe, a YAML file." };
        var dataset = new Option<string?>("--dataset") { Description = "Learn from a dataset that curate made instead of the recipe's data.", HelpName = "folder" };
        var folder = new Option<string?>("--run") { Description = "The run's folder; default runs/<recipe name>. An existing run continues." };
        var device = new Option<string>("--device") { Description = "cpu, cuda, or cuda:1.", DefaultValueFactory = _ => "cpu" };
        var until = new Option<string?>("--until") { Description = $"Stop after this stage: {string.Join(", ", TrainingRun.Stages)}." };
        until.AcceptOnlyFromAmong([.. TrainingRun.Stages]);
        var decay = new Option<bool>("--decay-now") { Description = "Ask the run to start its stage's final learning-rate decay now." };
        var profile = new Option<int>("--profile") { Description = "Run this many steps of each stage under the operator profiler and print where the time goes." };
        var check = new Option<bool>("--check") { Description = "Read and check the recipe and its data, train nothing." };
        var command = new Verb("train", "Train a model from a recipe; continues a run that was stopped.",
            "kinora train recipes/kinora-world.yaml",
            "kinora train recipes/kinora-world.yaml --decay-now     finish the running stage early",
            "kinora train recipes/kinora-world.yaml --dataset dataset     clips of your own",
            "torchrun --nproc-per-node 2 --no-python kinora train recipes/kinora-world.yaml     two processes")
        {
            recipe, dataset, folder, device, until, decay, profile, check,
        };
        command.SetAction((result, cancellationToken) => Task.Run(() =>
        {
            var parsed = RecipeFile.ReadAny(result.GetRequiredValue(recipe));
            var options = new TrainingOptions { Folder = result.GetValue(folder), Device = result.GetRequiredValue(device), Until = result.GetValue(until), ProfileSteps = result.GetValue(profile) };
            if (parsed is TextClipRecipe && options.Until is not null)
                throw CommandException.Usage("--until: a text-clip recipe has one stage; it stops and continues like any other.");
            if (result.GetValue(dataset) is { } clips)
            {
                if (parsed is not Recipe learning)
                    throw CommandException.Usage("--dataset: a text-clip recipe learns from the world alone.");
                learning.Dataset = learning.Dataset is { } own ? own with { Folder = clips } : new DatasetRecipe { Folder = clips };
            }
            if (result.GetValue(check))
            {
                if (parsed is Recipe generator)
                    TrainingRun.CheckData(generator, line => CommandSession.Current.Remark(line));
                CommandSession.Current.Result($"{parsed.Name}: the recipe is valid");
                return ExitCodes.Success;
            }
            if (result.GetValue(decay))
            {
                if (parsed is TextClipRecipe decaying)
                    TextClipRun.RequestDecay(decaying, options);
                else
                    TrainingRun.RequestDecay((Recipe)parsed, options);
                CommandSession.Current.Result($"{parsed.Name}: the final decay starts at the next log line of the run, or when it is next started");
                return ExitCodes.Success;
            }
            using var progress = new ConsoleProgress();
            string model = parsed is TextClipRecipe pairs
                ? TextClipRun.Execute(pairs, options, new Reporter(progress), cancellationToken)
                : TrainingRun.Execute((Recipe)parsed, options, new Reporter(progress), cancellationToken);
            CommandSession.Current.Result(model);
            return ExitCodes.Success;
        }, CancellationToken.None));
        return command;
    }

    private sealed class Reporter(ConsoleProgress progress) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Line is not null)
                progress.Line(value.Line);
            else
                progress.Report(value.Stage, value.Done, value.Total, value.Note);
        }
    }
}
