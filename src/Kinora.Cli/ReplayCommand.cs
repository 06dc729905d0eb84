// kinora replay: makes a clip again from the manifest that it carries, and compares.

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Kinora.Cli.Generation;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Checkpoints.Lora;
using Kinora.Models.Generation;

namespace Kinora.Cli;

/// <summary><c>kinora replay CLIP</c>.</summary>
public static class ReplayCommand
{
    public static Command Create()
    {
        var clip = new Argument<string>("clip") { Description = "A clip that Kinora made." };
        var verify = new Option<bool>("--verify") { Description = "Compare with what was made then; exit code 4 unless every frame is the same bit for bit. Meant when --output is not given." };
        var output = new Option<string?>("--output", "-o") { Description = "Where to write the clip made again.", HelpName = "path" };
        var input = new Option<string?>("--input") { Description = "The picture or clip that it was made from, when that has moved.", HelpName = "file" };
        var model = new Option<string?>("--model") { Description = "The model folder, when it is not found by the name in the manifest.", HelpName = "model" };
        var components = new Option<string[]>("--component") { Description = "NAME=PATH: where a component of the clip's model is now, when it has moved; or the folder that gave the others. May be repeated.", HelpName = "name=path" };
        var loras = new Option<string[]>("--lora") { Description = "Where a LoRA file of the clip is now, when it has moved. May be repeated; which is which is told by content.", HelpName = "file" };
        var controlNet = new Option<string?>("--controlnet") { Description = "Where the clip's ControlNet is now, when it has moved.", HelpName = "path" };
        var device = new Option<string?>("--device") { Description = "cpu, cuda or cuda:1. Default: the manifest's.", HelpName = "device" };
        var dtype = new Option<string?>("--dtype") { Description = "fp32 or bf16. Default: the manifest's.", HelpName = "type" };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Verb("replay", "Make a clip again from the manifest inside it, and compare.",
            "kinora replay balloon.mp4 --verify",
            "kinora replay balloon.mp4 -o again.mp4",
            "kinora replay corgi.mp4 --component vae=/weights/vae.safetensors --lora /weights/style.safetensors")
        {
            clip, verify, output, input, model, components, loras, controlNet, device, dtype, json,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            string path = result.GetRequiredValue(clip);
            string? again = result.GetValue(output);
            GenerationManifest recorded = ReadManifest(path);
            var kinora = new KinoraOptions { Model = result.GetValue(model) ?? recorded.Model, Device = result.GetValue(device) ?? recorded.Device, DType = result.GetValue(dtype) ?? recorded.DType, Weights = recorded.Weights ?? "auto", Parts = PartsOf(recorded, ComponentArguments.Parse(result.GetValue(components) ?? [])), Loras = LorasOf(recorded, result.GetValue(loras) ?? []), LoraMode = GenerateCommand.ParseLoraMode(recorded.LoraMode ?? "auto") };
            bool verified = result.GetValue(verify) || again is null;
            GenerationPlan plan = Plan(ModelFolder.Find(kinora), recorded, path, result.GetValue(input), result.GetValue(controlNet));
            CheckModel(plan.Folder, recorded, verified);
            MatchKernels(recorded);

            using var generator = new KinoraVideoGenerator(kinora);
            GeneratedVideo video;
            using (var progress = new ConsoleProgress())
            {
                video = (await generator.GenerateAsync(plan, new GenerationConsole(progress), cancellationToken).ConfigureAwait(false))[0];
            }
            if (again is not null)
            {
                video.Clip.Save(again);
            }
            ReplayReport report = Compare(path, recorded, video) with { Output = again };
            CommandSession.Current.Result(result.GetValue(json) ? JsonSerializer.Serialize(report, GenerationReportJson.Default.ReplayReport) : Describe(report));
            return report.Identical || !verified ? ExitCodes.Success : ExitCodes.Integrity;
        });
        return command;
    }

    private static GenerationManifest ReadManifest(string path)
    {
        if (!MediaMetadata.Read(path).TryGetValue(MediaMetadata.ManifestKey, out string? text))
        {
            throw CommandException.Input($"{path} carries no manifest of Kinora, so there is nothing to replay. Tools that re-encode a clip drop it.");
        }
        try
        {
            return GenerationManifest.FromJson(text);
        }
        catch (FormatException e)
        {
            throw CommandException.Integrity($"{path}: {e.Message}.", e);
        }
    }

    // The places that the clip's maker named, or where they are said to be now.
    private static ModelParts PartsOf(GenerationManifest recorded, ModelParts moved)
    {
        ModelParts parts = recorded.Parts ?? new ModelParts();
        if (moved.Components.Keys.FirstOrDefault(name => !parts.Components.ContainsKey(name)) is { } other)
        {
            throw CommandException.Input($"--component {other}={moved.Components[other]}: the clip was made with {(parts.Components.Count == 0 ? "no component from elsewhere" : $"{string.Join(", ", parts.Components.Keys.Order(StringComparer.Ordinal))} from elsewhere")}; a replay takes no other.");
        }
        if (moved.Folder is not null && parts.Folder is null)
        {
            throw CommandException.Input($"--component {moved.Folder}: the clip was made with no folder that gave its other components.");
        }
        parts = parts with { Components = parts.Components.ToDictionary(p => p.Key, p => moved.Components.GetValueOrDefault(p.Key, p.Value), StringComparer.Ordinal), Folder = moved.Folder ?? parts.Folder };
        foreach (var (name, place) in parts.Components)
        {
            if (!Path.Exists(place))
            {
                throw CommandException.Input($"the clip was made with {place} as {name}, which is not there. Say where it is now: --component {name}=PATH.");
            }
        }
        return parts.Folder is { } folder && !Directory.Exists(folder) ? throw CommandException.Input($"the clip was made with components of {folder}, which is not there. Say where it is now: --component FOLDER.") : parts;
    }

    // Files are known by their content: by the recorded place, else among those that are named now.
    private static LoraChoice[] LorasOf(GenerationManifest recorded, string[] moved)
    {
        List<(string Path, string Sha256)> named = [.. moved.Select(path => File.Exists(path) ? (path, Checkpoint.HashFile(path)) : throw CommandException.Input($"--lora {path}: there is no such file."))];
        ManifestLora[] wanted = [.. recorded.Loras ?? []];
        if (named.FirstOrDefault(n => !Array.Exists(wanted, w => w.Sha256 == n.Sha256)).Path is { } stranger)
        {
            throw CommandException.Integrity($"--lora {stranger}: {(wanted.Length == 0 ? "the clip was made without LoRA files" : $"the clip was made with {string.Join(", ", wanted.Select(w => $"{w.Path} (SHA-256 {w.Sha256[..12]})"))}; this is {named.Find(n => n.Path == stranger).Sha256[..12]}")}.");
        }
        return [.. wanted.Select(lora => new LoraChoice(Place(lora), lora.Weight))];

        string Place(ManifestLora lora) =>
            named.Find(n => n.Sha256 == lora.Sha256).Path
            ?? (!File.Exists(lora.Path) ? throw CommandException.Input($"the clip was made with {lora.Path}, which is not there. Say where it is now: --lora FILE.")
            : Checkpoint.HashFile(lora.Path) != lora.Sha256 ? throw CommandException.Integrity($"the clip was made with {lora.Path}, which has changed since. If the original is elsewhere: --lora FILE.")
            : lora.Path);
    }

    // The recorded place, the model's own one, or where it is said to be now.
    private static string? ControlNetOf(ModelFolder folder, GenerationManifest recorded, string? moved)
    {
        const string Component = "controlnet";
        if (recorded.Control is not { } control)
        {
            return moved is null ? null : throw CommandException.Input($"--controlnet {moved}: the clip was made without a ControlNet.");
        }
        string place = moved ?? (!Path.Exists(control.ControlNet) && folder.Has(Component) ? folder.Component(Component) : control.ControlNet);
        if (!Path.Exists(place))
        {
            throw CommandException.Input(moved is null ? $"the clip was made with the ControlNet {place}, which is not there. Say where it is now: --controlnet PATH." : $"--controlnet {place}: there is no such file or folder.");
        }
        return control.ControlNetSha256 is { } then && ModelFolder.Sha256Of(place) is var now && now != then
            ? throw CommandException.Integrity($"{place} is not the ControlNet that the clip was made with (SHA-256 {then[..12]}, this is {now[..12]}). If the original is elsewhere: --controlnet PATH.")
            : place;
    }

    private static GenerationPlan Plan(ModelFolder folder, GenerationManifest recorded, string path, string? inputPath, string? controlNetPath)
    {
        string? controlNet = ControlNetOf(folder, recorded, controlNetPath);
        var request = new VideoGenerationRequest { Prompt = recorded.Story is null ? recorded.Prompt : "", NegativePrompt = recorded.NegativePrompt, Story = recorded.Story ?? [] };
        if (recorded.Input is { } input)
        {
            string source = FindFile(input.Path, path, inputPath);
            request = input.Kind == "clip" ? request with { Continue = Clip.Read(source) } : request with { FirstFrame = ImageFile.Read(source), SourcePrompt = input.SourcePrompt };
            if (input.MaskSha256 is not null)
            {
                request = request with { Mask = ImageFile.Read(FindFile(input.MaskPath, path, null)) };
            }
        }
        if (recorded.Control is { } control)
        {
            request = request with { Control = ImageFile.Read(FindFile(control.Path, path, null)) };
        }
        if (recorded.Keyframes is { } keyframes)
        {
            request = request with { Keyframes = [.. keyframes.Select(k => new Keyframe(k.Frame, ImageFile.Read(FindFile(k.Path, path, null))))] };
        }
        GenerationPlan plan = GenerationPlan.Create(folder, request, new VideoGenerationOptions
        {
            Seed = recorded.Seed, Width = recorded.Width, Height = recorded.Height, Frames = recorded.Frames, FrameRate = recorded.FrameRate,
            Steps = recorded.Steps, Guidance = recorded.Guidance, GuidanceRescale = recorded.GuidanceRescale, Sampler = recorded.Sampler,
            ImageStrength = recorded.Input?.Strength, ControlNet = controlNet, ControlStrength = recorded.Control?.Strength,
            Cache = recorded.Cache?.Threshold, Motion = recorded.Input?.Motion, ImageNoise = recorded.Input?.Noise, Tiling = VaeTilingExtensions.Parse(recorded.VaeTiling ?? "auto"),
        });
        if (plan.ControlInput?.Sha256 != recorded.Control?.Sha256)
        {
            throw CommandException.Integrity($"{path} was controlled by {recorded.Control?.Path}, which has changed since.");
        }
        if (plan.Input is { } found && (found.Sha256 != recorded.Input!.Sha256 || found.MaskSha256 != recorded.Input.MaskSha256))
        {
            throw CommandException.Integrity($"{path} was made from {recorded.Input.Path}, whose frames have changed since. Name the original with --input.");
        }
        if (recorded.Keyframes?.Zip(plan.KeyframeInputs).FirstOrDefault(pair => pair.First.Sha256 != pair.Second.Sha256).First is { } changed)
        {
            throw CommandException.Integrity($"{path} has {changed.Path} as frame {changed.Frame}, which has changed since.");
        }
        return plan with { Input = recorded.Input, ControlInput = recorded.Control is null ? null : recorded.Control with { ControlNet = controlNet! }, KeyframeInputs = recorded.Keyframes ?? [] };
    }

    private static string FindFile(string? recorded, string clipPath, string? named)
    {
        string?[] candidates = [named, recorded, recorded is null ? null : Path.Combine(Path.GetDirectoryName(Path.GetFullPath(clipPath))!, Path.GetFileName(recorded))];
        return candidates.FirstOrDefault(c => c is not null && (File.Exists(c) || Directory.Exists(c)))
            ?? throw CommandException.Input($"{clipPath} was made from {recorded ?? "a picture or clip"}, which is not there. Name it with --input.");
    }

    private static void CheckModel(ModelFolder folder, GenerationManifest recorded, bool verified)
    {
        var (found, parts) = folder.Hashes();
        string[] changed = [.. (recorded.PartsSha256 ?? new Dictionary<string, string>()).Where(p => parts.GetValueOrDefault(p.Key) != p.Value).Select(p => p.Key).Order(StringComparer.Ordinal)];
        if (changed.Length > 0)
        {
            throw CommandException.Integrity($"{string.Join("; ", changed.Select(name => $"{folder.Component(name)} is not the {name} that the clip was made with (SHA-256 {recorded.PartsSha256![name][..12]}, this is {(parts.TryGetValue(name, out string? now) ? now[..12] : "none")})"))}. If the original is elsewhere: {string.Join(' ', changed.Select(name => $"--component {name}=PATH"))}.");
        }
        if (found == recorded.ModelSha256)
        {
            return;
        }
        string message = $"the clip was made by {recorded.Model} {recorded.ModelSha256[..12]}, {folder.Path} is {found[..12]}";
        if (verified)
        {
            throw CommandException.Integrity($"{message}. Name the folder of the model that made it with --model.");
        }
        CommandSession.Current.Remark($"note: {message}");
    }

    // Threads and instruction set decide the order in which sums are rounded.
    private static void MatchKernels(GenerationManifest recorded)
    {
        if (recorded.Device != "cpu")
        {
            return;
        }
        EngineRuntime.Threads = recorded.Threads;
        if (Enum.TryParse(recorded.CpuLevel, out CpuLevel level) && level <= CpuKernels.Best)
        {
            CpuKernels.Level = level;
        }
    }

    private static ReplayReport Compare(string path, GenerationManifest recorded, GeneratedVideo video)
    {
        IReadOnlyList<VideoFrame> stored = Clip.Read(path).Frames;
        IReadOnlyList<VideoFrame> made = video.Clip.Frames;
        if (stored.Count != made.Count || stored[0].Width != made[0].Width || stored[0].Height != made[0].Height)
        {
            throw CommandException.Integrity(string.Create(CultureInfo.InvariantCulture,
                $"{path} holds {stored.Count} frames of {stored[0].Width}x{stored[0].Height}; its manifest describes {made.Count} of {made[0].Width}x{made[0].Height}. The file was changed after it was made."));
        }
        double squares = 0;
        int largest = 0;
        for (int f = 0; f < made.Count; f++)
        {
            byte[] a = stored[f].Rgb, b = made[f].Rgb;
            for (int i = 0; i < a.Length; i++)
            {
                int difference = Math.Abs(a[i] - b[i]);
                squares += difference * difference;
                largest = Math.Max(largest, difference);
            }
        }
        double mean = squares / ((double)made.Count * made[0].Rgb.Length);
        double? psnr = mean == 0 ? null : Math.Round(10 * Math.Log10(255 * 255 / mean), 2);
        return new ReplayReport(path, video.Manifest.FramesSha256 == recorded.FramesSha256, psnr, largest, null, recorded, video.Manifest);
    }

    private static string Describe(ReplayReport report)
    {
        string encoded = report.PsnrDecibel is { } psnr
            ? string.Create(CultureInfo.InvariantCulture, $"PSNR {psnr:0.0} dB, largest difference {report.MaxDifference} of 255")
            : "no difference";
        if (report.Identical)
        {
            return $"{report.Path}: bit-identical (against the encoded file: {encoded})";
        }
        var (then, now) = (report.Recorded, report.Regenerated);
        var differences = new[]
        {
            ("device", then.Device, now.Device), ("dtype", then.DType, now.DType), ("processor", then.Processor, now.Processor), ("CPU level", then.CpuLevel, now.CpuLevel),
            ("threads", then.Threads.ToString(CultureInfo.InvariantCulture), now.Threads.ToString(CultureInfo.InvariantCulture)),
            ("engine", then.Engine, now.Engine), ("version", then.Version, now.Version),
        }.Where(d => d.Item2 != d.Item3).Select(d => $"{d.Item1} was {d.Item2}, is {d.Item3}").ToArray();
        return $"{report.Path}: not bit-identical; against the encoded file: {encoded}{(differences.Length > 0 ? $"\n  {string.Join("\n  ", differences)}" : "")}";
    }
}
