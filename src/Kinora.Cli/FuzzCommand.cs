// kinora bench fuzz: damaged files through the readers of foreign files.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Evaluation.Fuzz;

namespace Kinora.Cli;

/// <summary><c>kinora bench fuzz</c>.</summary>
internal static class FuzzCommand
{
    public static Command Create()
    {
        var inputs = new Option<long>("--inputs") { Description = "Mutated inputs for each reader.", HelpName = "n", DefaultValueFactory = _ => 200_000 };
        var seed = new Option<ulong>("--seed") { Description = "Another seed gives other mutations.", HelpName = "n", DefaultValueFactory = _ => 1 };
        var only = new Option<string?>("--only") { Description = $"One reader: {string.Join(", ", ReaderFuzz.Readers)}.", HelpName = "reader" };
        var jobs = new Option<int>("--jobs") { Description = "Threads that share the inputs.", HelpName = "n", DefaultValueFactory = _ => Environment.ProcessorCount };
        var command = new Verb("fuzz", "Feed mutated files to the readers of safetensors, GGUF, pickles, layouts of weights, LoRA files, tokenizers and configurations: none may crash, hang or allocate without measure.",
            "kinora bench fuzz",
            "kinora bench fuzz --only pickle --inputs 1000000 --seed 7")
        {
            inputs, seed, only, jobs,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            string? one = result.GetValue(only);
            if (one is not null && !ReaderFuzz.Readers.Contains(one, StringComparer.Ordinal)) { throw CommandException.Usage($"--only: expected {string.Join(", ", ReaderFuzz.Readers)}, got {one}."); }
            long count = result.GetValue(inputs);
            if (count < 1) { throw CommandException.Usage($"--inputs: expected 1 or more, got {count}."); }
            int workers = result.GetValue(jobs);
            if (workers is < 1 or > 256) { throw CommandException.Usage($"--jobs: expected 1 to 256, got {workers}."); }
            bool passed = true;
            using var progress = new ConsoleProgress();
            foreach (string reader in ReaderFuzz.Readers.Where(r => one is null || r == one))
            {
                FuzzResult outcome = ReaderFuzz.Run(reader, count, result.GetValue(seed), new Meter(progress, reader, count), cancellationToken, workers);
                CommandSession.Current.Result(outcome.ToString());
                passed &= outcome.Passed;
            }
            return passed ? ExitCodes.Success : ExitCodes.Integrity;
        }, cancellationToken));
        return command;
    }

    private sealed class Meter(ConsoleProgress progress, string reader, long count) : IProgress<long>
    {
        public void Report(long value) => progress.Report(reader, value, count);
    }
}
