// kinora models: what weights are and whether they are whole, from one layout to another, from a hub to this machine.

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Models.Checkpoints.Doctor;
using Kinora.Models.Checkpoints.Hub;
using Kinora.Models.Checkpoints.Lora;

namespace Kinora.Cli;

/// <summary><c>kinora models</c>.</summary>
public static class ModelsCommand
{
    private static readonly string[] Layouts = ["diffusers", "original", "safetensors"];
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create() =>
        new Verb("models", "Weights: inspect a file or folder, convert its layout, pull a repository from a hub.",
            "kinora models inspect Wan2.1-T2V-1.3B-Diffusers",
            "kinora models convert sd15.safetensors -o sd15",
            "kinora models pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers")
        {
            CreateInspect(), CreateConvert(), CreatePull(),
        };

    private static Command CreateInspect()
    {
        var path = new Argument<string>("path") { Description = "A model folder, the folder of one network, or a file of weights." };
        var values = new Option<bool>("--values") { Description = "Read every element and report those that are no finite numbers." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Verb("inspect", "Name the layout, the system and the networks of weights; list what is missing or unexpected; say what to do.",
            "kinora models inspect sd15.ckpt",
            "kinora models inspect stable-video-diffusion-img2vid-xt --values",
            "kinora models inspect wan2.1-t2v-14b-Q4_K.gguf --json")
        {
            path, values, json,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            ModelReport report = ModelDoctor.Inspect(result.GetRequiredValue(path), result.GetValue(values));
            CommandSession.Current.Result(result.GetValue(json) ? JsonSerializer.Serialize(report, Readable) : report.ToString());
            return report.IsBroken ? ExitCodes.Integrity : ExitCodes.Success;
        }, cancellationToken));
        return command;
    }

    private static Command CreateConvert()
    {
        var path = new Argument<string>("path") { Description = "A file of weights, the folder of one network, or a model folder." };
        var output = new Option<string>("--output", "-o") { Description = "The folder (diffusers) or file to make; it must not exist.", HelpName = "path", Required = true };
        var to = new Option<string>("--to") { Description = "diffusers: a folder for each network. original: the authors' single file. safetensors: the same names in one file.", HelpName = string.Join('|', Layouts), DefaultValueFactory = _ => Layouts[0] };
        var dtype = new Option<string?>("--dtype") { Description = "bf16, fp16 or fp32: how floating-point weights are stored; by default as they are.", HelpName = "type" };
        var loras = new Option<string[]>("--lora") { Description = "A LoRA file to add to the weights, with its weight after a colon; may be given several times.", HelpName = "file[:weight]" };
        var command = new Verb("convert", "Write weights in another layout. Tensors pass one at a time, so memory stays small.",
            "kinora models convert v1-5-pruned.ckpt -o sd15 --dtype fp16",
            "kinora models convert Wan2.1_VAE.pth -o wan-vae",
            "kinora models convert sd15 -o sd15.safetensors --to original",
            "kinora models convert sd15 -o sd15-style --lora style.safetensors:0.8",
            "kinora models convert weights.pth -o weights.safetensors --to safetensors")
        {
            path, output, to, dtype, loras,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            string wanted = result.GetRequiredValue(to);
            int layout = Array.IndexOf(Layouts, wanted);
            if (layout < 0) { throw CommandException.Usage($"--to: expected {string.Join(", ", Layouts)}, got {wanted}."); }
            DType? floats = result.GetValue(dtype) is { } type ? DTypeExtensions.Parse(type) : null;
            IReadOnlyList<string> written = ModelConversion.Convert(result.GetRequiredValue(path), result.GetRequiredValue(output), (ModelLayout)layout, floats, [.. (result.GetValue(loras) ?? []).Select(LoraChoice.Find)]);
            foreach (string file in written)
            {
                CommandSession.Current.Result(file);
            }
            foreach (string folder in layout == (int)ModelLayout.Diffusers ? written.Select(f => Path.GetDirectoryName(f)!).Distinct().Where(f => Directory.GetFiles(f, "*.safetensors").Length > 0 && !File.Exists(Path.Combine(f, "config.json"))) : [])
            {
                CommandSession.Current.Remark($"note: {folder} has no config.json, because the weights alone do not show all of it. Copy the one of the model that it belongs to.");
            }
            return ExitCodes.Success;
        }, cancellationToken));
        return command;
    }

    private static Command CreatePull()
    {
        var repository = new Argument<string>("repository") { Description = "owner/name, or owner/name@revision." };
        var output = new Option<string?>("--output", "-o") { Description = "The folder; by default models/name.", HelpName = "folder" };
        var endpoint = new Option<string?>("--endpoint") { Description = "Address of the hub; by default $HF_ENDPOINT, else the public one.", HelpName = "url" };
        var include = new Option<string[]>("--include") { Description = "Only files whose path contains this; may be given several times.", HelpName = "text" };
        var parallel = new Option<int>("--parallel") { Description = "Ranges on the way at once, 1 to 32.", HelpName = "n", DefaultValueFactory = _ => 4 };
        var offline = new Option<bool>("--offline") { Description = "Ask nobody: check what was pulled before (also $HF_HUB_OFFLINE=1)." };
        var command = new Verb("pull", "Pull a repository of weights: parallel ranges, resumed after a break, every hash checked. The token is read from $HF_TOKEN.",
            "kinora models pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
            "kinora models pull owner/name@v1.0 -o /weights/name --include transformer --include vae")
        {
            repository, output, endpoint, include, parallel, offline,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var (name, revision) = HubPullOptions.Parse(result.GetRequiredValue(repository));
            int ranges = result.GetValue(parallel);
            if (ranges is < 1 or > 32) { throw CommandException.Usage($"--parallel: expected 1 to 32, got {ranges}."); }
            string folder = result.GetValue(output) ?? Path.Combine("models", name.Split('/')[1]);
            var options = new HubPullOptions(name, revision, folder)
            {
                Token = Environment.GetEnvironmentVariable("HF_TOKEN"),
                IsOffline = result.GetValue(offline) || Environment.GetEnvironmentVariable("HF_HUB_OFFLINE") == "1",
                Include = result.GetValue(include) ?? [],
                Parallel = ranges,
            };
            if ((result.GetValue(endpoint) ?? Environment.GetEnvironmentVariable("HF_ENDPOINT")) is { Length: > 0 } address)
            {
                options = Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" ? options with { Endpoint = uri }
                    : throw CommandException.Usage($"--endpoint: expected an http or https address, got {address}.");
            }
            using var progress = new ConsoleProgress();
            using var pull = new HubPull(options);
            HubManifest manifest = await pull.RunAsync(new Meter(progress), cancellationToken);
            CommandSession.Current.Remark(string.Create(CultureInfo.InvariantCulture, $"{manifest.Files.Count} files of {manifest.Repository} at {manifest.Revision}, {manifest.Files.Sum(f => f.Size)} bytes; look at it with: kinora models inspect {folder}"));
            CommandSession.Current.Result(folder);
            return ExitCodes.Success;
        });
        return command;
    }

    // Progress<T> would post to the thread pool, out of order.
    private sealed class Meter(ConsoleProgress progress) : IProgress<HubProgress>
    {
        private readonly Lock _gate = new();

        public void Report(HubProgress value)
        {
            lock (_gate)
            {
                progress.Report("pulling", value.Done, value.Total, value.File);
            }
        }
    }
}
