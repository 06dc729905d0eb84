// kinora bench: how good a model's clips are, how fast the engine and a model are, and whether the engine keeps its contract on a device.

using System.CommandLine;
using System.Globalization;
using Kinora.Cli.Curation;
using Kinora.Cli.Evaluation;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Evaluation.Contract;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Memory;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Speed;
using Kinora.Models;
using Kinora.Models.Generation;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Cli;

/// <summary><c>kinora bench</c>.</summary>
public static class BenchCommand
{
    private const string DefaultModel = "kinora-world";

    public static Command Create() =>
        new Verb("bench", "Measure: quality of a model's clips, speed of the engine and of a model, the engine's contract.",
            "kinora bench quality -o report                 judge 200 held-out prompts, write report/index.html",
            "kinora bench systems -o systems                rank every model, retrieval and ceilings on the same prompts",
            "kinora bench ops                               operators, attention, transformer block, training step",
            "kinora bench model                             components, a whole clip, a training step",
            "kinora bench networks --only wan               published networks at their real sizes, random weights",
            "kinora bench cache                             what step caching saves and what it costs",
            "kinora bench fvd --clips 256                   FVD from files to the number: speed, memory, bf16",
            "kinora bench selftest --device cuda            is the engine right on this device?",
            "kinora bench cuts                              precision and recall of the cut detectors",
            "kinora bench fuzz                              damaged files through every reader")
        {
            CreateQuality(), BenchSystemsCommand.Create(), BenchSystemsCommand.CreateRetrieval(), CreateOps(), CreateModel(), CreateNetworks(), CreateCache(), CreateFvd(), CreateSelfTest(), BenchCutsCommand.Create(), BenchCurateCommand.Create(), BenchTextCommand.Create(), FuzzCommand.Create(), BenchMemoryCommand.CreateLoad(), BenchMemoryCommand.CreateMemory(),
        };

    private static Command CreateQuality()
    {
        var defaults = new QualityOptions();
        var model = ModelOption();
        var output = new Option<string>("--output", "-o") { Description = "Folder of the report.", HelpName = "folder", DefaultValueFactory = _ => "report" };
        var probes = new Option<string?>("--probes") { Description = $"Folder of the probe; by default {ProbeFolder.DefaultName} beside the model.", HelpName = "folder" };
        var prompts = new Option<int>("--prompts") { Description = $"Held-out prompts, {QualityOptions.MinPrompts} to {HeldOutPrompts.Available}.", HelpName = "n", DefaultValueFactory = _ => defaults.Prompts };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the first clip; clip i has seed + i.", HelpName = "n", DefaultValueFactory = _ => defaults.Seed };
        var steps = new Option<int?>("--steps") { Description = "Sampling steps; the model's own by default.", HelpName = "n" };
        var guidance = new Option<double?>("--guidance") { Description = "Guidance scale; the model's own by default.", HelpName = "scale" };
        var sampler = new Option<string?>("--sampler") { Description = "Sampler; the model's own by default.", HelpName = "name" };
        var batch = new Option<int>("--batch") { Description = "Clips sampled together.", HelpName = "n", DefaultValueFactory = _ => defaults.BatchSize };
        var device = DeviceOption();
        var dtype = DTypeOption();
        var update = new Option<bool>("--update-card") { Description = "Write the scores into the model's README.md." };
        var pairs = new Option<int>("--pairs") { Description = $"Held-out prompts about two things besides, {QualityOptions.MinPrompts} to {HeldOutPairs.Available}, or 0 for none.", HelpName = "n", DefaultValueFactory = _ => defaults.Pairs };
        var retrain = new Option<bool>("--retrain") { Description = "Train the probe and the finder anew first, and keep each that passes its check." };
        var finder = new Option<bool>("--retrain-finder") { Description = "Train only the finder, which counts things and reads relations." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON instead of the table." };
        var command = new Verb("quality", "Judge a model's clips for held-out prompts with probes trained on real clips.",
            "kinora bench quality -o report",
            "kinora bench quality --steps 16 --guidance 3 --update-card",
            "kinora bench quality --retrain")
        {
            model, output, probes, prompts, pairs, seed, steps, guidance, sampler, batch, device, dtype, update, retrain, finder, json,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            var options = defaults with
            {
                Prompts = result.GetValue(prompts), Pairs = result.GetValue(pairs), Seed = result.GetValue(seed), Steps = result.GetValue(steps), Guidance = result.GetValue(guidance), Sampler = result.GetValue(sampler), BatchSize = result.GetValue(batch),
            };
            try
            {
                options.Validate();
            }
            catch (ConfigException e)
            {
                throw CommandException.Usage(e.Message);
            }
            Device where = Device.Parse(result.GetValue(device)!);
            string? probeFolder = result.GetValue(probes);
            using var progress = new ConsoleProgress();
            try
            {
                if (result.GetValue(retrain) || result.GetValue(finder))
                {
                    probeFolder ??= RetrainTarget(result.GetValue(model)!);
                    if (result.GetValue(retrain)) { Retrain(probeFolder, options, where, progress, cancellationToken); }
                    RetrainFinder(probeFolder, options, where, progress, cancellationToken);
                }
                ModelFolder folder = ModelFolder.Find(result.GetValue(model)!);
                QualityResult measured = QualityBench.Run(folder, probeFolder ?? ProbeFolder.Find(folder.Path), TextClipJudge.Find(folder.Path), options, where, Compute(result.GetValue(dtype)), p => progress.Report(p.Stage, p.Done, p.Total), cancellationToken);
                string report = result.GetValue(output)!;
                QualityFolder.Write(report, measured);
                if (result.GetValue(update)) { ScoreCard.UpdateFile(folder.Path, measured.Report); }
                CommandSession.Current.Result(result.GetValue(json) ? measured.Report.ToJson().TrimEnd('\n') : $"{ScoreTable.Plain(measured.Report.Rows)}\n\n{(measured.Report.Pairs is { } two ? two.Plain() + "\n\n" : "")}{ScoreTable.Plain(measured.Report.World)}");
                CommandSession.Current.Remark(string.Create(CultureInfo.InvariantCulture, $"{measured.Report.Clips.Count} clips in {measured.Run.GenerationSeconds:F0} s; look at {Path.Combine(report, "index.html")}"));
                return ExitCodes.Success;
            }
            catch (ProbeGateException e)
            {
                throw CommandException.Integrity(e.Message, e);
            }
        }, cancellationToken));
        return command;
    }

    private static Command CreateOps()
    {
        var (device, output, seconds) = (DeviceOption(), OutputOption(), SecondsOption());
        var only = OnlyOption();
        var command = new Verb("ops", "Time operators, attention, a transformer block, the reference training step and the world's renderer.",
            "kinora bench ops",
            "kinora bench ops --only attention -o ops.json")
        {
            device, only, output, seconds,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
            Time("ops", OpsCases.All, result.GetValue(only), Device.Parse(result.GetValue(device)!), result.GetValue(seconds), result.GetValue(output), cancellationToken), cancellationToken));
        return command;
    }

    private static Command CreateModel()
    {
        var model = ModelOption();
        var (device, output, seconds, dtype) = (DeviceOption(), OutputOption(), SecondsOption(), DTypeOption());
        var only = OnlyOption();
        var command = new Verb("model", "Time a model's components, a whole clip and a training step.",
            "kinora bench model",
            "kinora bench model --model models/kinora-world --dtype fp32 -o model.json")
        {
            model, device, dtype, only, output, seconds,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            ModelFolder folder = ModelFolder.Find(result.GetValue(model)!);
            Device where = Device.Parse(result.GetValue(device)!);
            DType compute = Compute(result.GetValue(dtype));
            using var networks = new NetworkLoader(folder, new LoadOptions { Device = where, Compute = compute });
            using var pipeline = KinoraWorldPipeline.Load(networks);
            return Time("model", ModelCases.All(folder, pipeline, compute), result.GetValue(only), where, result.GetValue(seconds), result.GetValue(output), cancellationToken);
        }, cancellationToken));
        return command;
    }

    private static Command CreateNetworks()
    {
        var (device, output, seconds) = (DeviceOption(), OutputOption(), SecondsOption());
        var only = OnlyOption();
        var write = new Option<string?>("--write") { Description = "Write weights, inputs and results of the chosen float32 cases for bench/peers/networks.py.", HelpName = "folder" };
        var profile = new Option<bool>("--profile") { Description = "Run each case once and print the time of its operators." };
        var command = new Verb("networks", "Time parts of published networks at their real sizes with random weights.",
            "kinora bench networks",
            "kinora bench networks --only Wan -o networks.json",
            "kinora bench networks --only \"SD 1.5 U-Net\" --profile")
        {
            device, only, output, seconds, profile, write,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            Device where = Device.Parse(result.GetValue(device)!);
            SpeedCase[] chosen = Chosen(NetworkCases.All, result.GetValue(only));
            return result.GetValue(profile)
                ? Profile(chosen, where)
                : TimeNetworks(chosen, where, Positive(result.GetValue(seconds)), result.GetValue(output), result.GetValue(write), cancellationToken);
        }, cancellationToken));
        return command;
    }

    // One case runs here; of several each runs in a process of its own, whose peak of memory is then the case's.
    private static int TimeNetworks(SpeedCase[] cases, Device device, double seconds, string? output, string? write, CancellationToken cancellationToken)
    {
        if (write is not null && cases.FirstOrDefault(c => c.Folder is null) is { } other) { throw CommandException.Usage($"--write: there is no counterpart of {other.Name}; choose cases by --only."); }
        if (cases is [var alone])
        {
            return Report(SpeedReport.MeasureAlone("networks", alone, device, seconds, subject =>
            {
                if (write is not null && alone.Precision == DType.Float32) { ((NetworkSubject)subject).Write(Path.Combine(write, alone.Folder!)); }
            }, cancellationToken), output);
        }
        using var progress = new ConsoleProgress();
        var parts = new List<SpeedReport>();
        string part = Path.GetTempFileName();
        try
        {
            foreach (SpeedCase speedCase in cases)
            {
                string[] arguments = ["bench", "networks", "--only", speedCase.Name, "--device", device.ToString(), "--seconds", seconds.ToString(CultureInfo.InvariantCulture), "--output", part];
                ChildProcess.Run(write is null ? arguments : [.. arguments, "--write", write], cancellationToken);
                parts.Add(SpeedReport.FromJson(File.ReadAllText(part)));
                progress.Line(SpeedReport.Line(parts[^1].Results[0]));
            }
        }
        finally
        {
            File.Delete(part);
        }
        return Report(SpeedReport.Join(parts), output);
    }

    private static Command CreateCache()
    {
        const int Prompts = 8;
        double[] thresholds = [0.05, 0.08, 0.1, 0.15, 0.2, 0.4];
        var model = ModelOption();
        var (device, output, dtype) = (DeviceOption(), OutputOption(), DTypeOption());
        var tried = new Option<double[]>("--threshold") { Description = $"Drift up to which work is reused; may be repeated. Default: {string.Join(", ", thresholds.Select(t => t.ToString(CultureInfo.InvariantCulture)))}.", HelpName = "drift" };
        var prompts = new Option<int>("--prompts") { Description = "Clips, for the first held-out prompts.", HelpName = "n", DefaultValueFactory = _ => Prompts };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the first clip; clip i has seed + i.", HelpName = "n" };
        var steps = new Option<int?>("--steps") { Description = "Sampling steps; the model's own by default.", HelpName = "n" };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON instead of the table." };
        var command = new Verb("cache", "Measure step caching: calls skipped, speed, and PSNR against the same clips without it.",
            "kinora bench cache",
            "kinora bench cache --threshold 0.1 --threshold 0.15 --prompts 32")
        {
            model, device, dtype, tried, prompts, seed, steps, output, json,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            ModelFolder folder = ModelFolder.Find(result.GetValue(model)!);
            int count = result.GetValue(prompts);
            if (count < 1 || count > HeldOutPrompts.Available) { throw CommandException.Usage($"--prompts {count}: expected 1 to {HeldOutPrompts.Available}."); }
            using var progress = new ConsoleProgress();
            var options = new VideoGenerationOptions { Seed = result.GetValue(seed), Steps = result.GetValue(steps) };
            CacheReport report = CacheBench.Measure(folder, result.GetValue(tried) is { Length: > 0 } own ? own : thresholds, options, count, Device.Parse(result.GetValue(device)!), Compute(result.GetValue(dtype)), (done, total) => progress.Report("clips", done, total), cancellationToken);
            if (result.GetValue(output) is { } file)
            {
                if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } parent) { Directory.CreateDirectory(parent); }
                File.WriteAllText(file, report.ToJson());
            }
            CommandSession.Current.Result(result.GetValue(json) ? report.ToJson() : report.Table());
            return ExitCodes.Success;
        }, cancellationToken));
        return command;
    }

    // Self times of operators in one run of each case, after one that warms up.
    private static int Profile(SpeedCase[] cases, Device device)
    {
        foreach (SpeedCase speedCase in cases)
        {
            using SpeedSubject subject = speedCase.Prepare(device);
            subject.Run();
            CommandSession.Current.Result($"{speedCase.Name}\n{EngineRuntime.Profile(subject.Run)}");
        }
        return ExitCodes.Success;
    }

    private static SpeedCase[] Chosen(IReadOnlyList<SpeedCase> cases, string? only)
    {
        SpeedCase[] chosen = [.. cases.Where(c => only is null || c.Name.Contains(only, StringComparison.OrdinalIgnoreCase))];
        return chosen.Length > 0 ? chosen : throw CommandException.Usage($"--only {only}: no case has that in its name. The cases are:\n  {string.Join("\n  ", cases.Select(c => c.Name))}");
    }

    private static Command CreateFvd()
    {
        var (device, output) = (DeviceOption(), OutputOption());
        var clips = new Option<int>("--clips") { Description = "Clips of 16×224² on each side.", HelpName = "n", DefaultValueFactory = _ => 128 };
        var i3d = new Option<string?>("--i3d") { Description = "I3D weights; by default random ones, whose distance is not shown.", HelpName = "file" };
        var command = new Verb("fvd", "Time FVD from files to the number in fp32 and bf16, with its memory and what bf16 changes.",
            "kinora bench fvd --clips 256",
            "kinora bench fvd --clips 1024 --i3d i3d_torchscript.pt -o fvd.json")
        {
            clips, i3d, device, output,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            using var progress = new ConsoleProgress();
            FvdBenchReport report = FvdBench.Run(result.GetValue(clips), result.GetValue(i3d), Device.Parse(result.GetValue(device)!), (stage, done, total) => progress.Report(stage, done, total), cancellationToken);
            if (result.GetValue(output) is { } file) { File.WriteAllText(file, report.ToJson() + "\n"); }
            CommandSession.Current.Result(report.Table());
            return ExitCodes.Success;
        }, cancellationToken));
        return command;
    }

    private static Command CreateSelfTest()
    {
        var device = DeviceOption();
        var command = new Verb("selftest", "Check the engine on a device against float64 arithmetic and its own laws.",
            "kinora bench selftest",
            "kinora bench selftest --device cuda")
        {
            device,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            Device where = Device.Parse(result.GetValue(device)!);
            if (where.Type == DeviceType.Cuda && where.Index >= EngineRuntime.CudaDeviceCount)
            {
                throw CommandException.Usage($"--device {where}: this build sees {EngineRuntime.CudaDeviceCount} CUDA devices.");
            }
            var session = CommandSession.Current;
            var results = EngineContract.Run(where, r => session.Result(string.Create(CultureInfo.InvariantCulture, $"{(r.Passed ? "pass" : "FAIL")}  {r.Name,-44} error {r.Error:G3}, at most {r.Tolerance:G3}{(r.Failure is null ? "" : $"  {r.Failure}")}")), cancellationToken);
            int failed = results.Count(r => !r.Passed);
            session.Result($"{results.Count - failed} of {results.Count} passed on {where}");
            return failed == 0 ? ExitCodes.Success : ExitCodes.Integrity;
        }, cancellationToken));
        return command;
    }

    private static int Time(string suite, IReadOnlyList<SpeedCase> cases, string? only, Device device, double seconds, string? output, CancellationToken cancellationToken)
    {
        SpeedCase[] chosen = Chosen(cases, only);
        using var progress = new ConsoleProgress();
        return Report(SpeedReport.Measure(suite, chosen, device, Positive(seconds), r => progress.Line(SpeedReport.Line(r)), cancellationToken), output);
    }

    private static double Positive(double seconds) => seconds > 0 ? seconds : throw CommandException.Usage("--seconds must be positive.");

    private static int Report(SpeedReport report, string? output)
    {
        if (output is not null)
        {
            if (Path.GetDirectoryName(Path.GetFullPath(output)) is { } parent) { Directory.CreateDirectory(parent); }
            File.WriteAllText(output, report.ToJson());
        }
        CommandSession.Current.Result(report.Table());
        return ExitCodes.Success;
    }

    private static void Retrain(string folder, QualityOptions options, Device device, ConsoleProgress progress, CancellationToken cancellationToken)
    {
        var training = new ProbeTrainingOptions();
        WorldProbe probe = ProbeTrainer.Train(WorldProbeConfig.Default, training, device,
            p => progress.Report("training the probe", p.Step, p.Total, string.Create(CultureInfo.InvariantCulture, $"loss {p.Loss:F3}")), cancellationToken);
        try
        {
            ScoreRow real = ProbeGate.Check(probe, ProbeGate.RealClips(probe.Config, ProbeGate.CardClips, options.Seed), device, cancellationToken);
            ProbeFolder.Save(folder, probe);
            ProbeFolder.WriteCard(folder, ProbeCard.Write(probe, training, real));
        }
        finally
        {
            probe.Path.Store.Dispose();
        }
    }

    private static void RetrainFinder(string folder, QualityOptions options, Device device, ConsoleProgress progress, CancellationToken cancellationToken)
    {
        var training = new ThingTrainingOptions();
        ThingFinder finder = ThingTrainer.Train(ThingFinderConfig.Default, training, device, ProbeFolder.Weights(folder), ThingFinderFolder.CheckpointOf(folder),
            p => progress.Report("training the finder", p.Step, p.Total, string.Create(CultureInfo.InvariantCulture, $"loss {p.Loss:F3}")), cancellationToken);
        try
        {
            PairGateResult real = PairGate.Check(finder, ProbeGate.CardClips, options.Seed, device, cancellationToken);
            ThingFinderFolder.Save(folder, finder, training);
            ProbeFolder.WriteCard(folder, ProbeCard.WithFinder(ProbeFolder.ReadCard(folder), finder, training, real));
        }
        finally
        {
            finder.Path.Store.Dispose();
        }
    }

    private static string RetrainTarget(string model)
    {
        string folder = ModelFolder.Find(model).Path;
        return Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)))!, ProbeFolder.DefaultName);
    }

    private static DType Compute(string? name) => name is null ? DType.BFloat16 : DTypeExtensions.Parse(name);

    private static Option<string> ModelOption() => new("--model") { Description = "A model folder, or the name of a model that is installed.", HelpName = "model", DefaultValueFactory = _ => DefaultModel };

    private static Option<string> DeviceOption() => new("--device") { Description = "cpu, cuda, or cuda:1.", HelpName = "device", DefaultValueFactory = _ => "cpu" };

    private static Option<string?> DTypeOption() => new("--dtype") { Description = "bf16 (default) or fp32: what matrix products run in.", HelpName = "type" };

    private static Option<string?> OutputOption() => new("--output", "-o") { Description = "Write the numbers as JSON here.", HelpName = "file" };

    private static Option<string?> OnlyOption() => new("--only") { Description = "Only cases whose name contains this.", HelpName = "text" };

    private static Option<double> SecondsOption() => new("--seconds") { Description = "Time spent on each case.", HelpName = "s", DefaultValueFactory = _ => 1.0 };
}
