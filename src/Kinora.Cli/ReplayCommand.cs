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
        var device = new Option<string?>("--device") { Description = "cpu, cuda or cuda:1. Default: the manifest's.", HelpName = "device" };
        var dtype = new Option<string?>("--dtype") { Description = "fp32 or bf16. Default: the manifest's.", HelpName = "type" };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Verb("replay", "Make a clip again from the manifest inside it, and compare.",
            "kinora replay balloon.mp4 --verify",
            "kinora replay balloon.mp4 -o again.mp4")
        {
            clip, verify, output, input, model, device, dtype, json,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            string path = result.GetRequiredValue(clip);
            string? again = result.GetValue(output);
            GenerationManifest recorded = ReadManifest(path);
            var kinora = new KinoraOptions { Model = result.GetValue(model) ?? recorded.Model, Device = result.GetValue(device) ?? recorded.Device, DType = result.GetValue(dtype) ?? recorded.DType, Weights = recorded.Weights ?? "auto", Parts = recorded.Parts ?? new ModelParts(), Loras = Loras(recorded), LoraMode = GenerateCommand.ParseLoraMode(recorded.LoraMode ?? "auto") };
            bool verified = result.GetValue(verify) || again is null;
            GenerationPlan plan = Plan(ModelFolder.Find(kinora), recorded, path, result.GetValue(input));
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

    private static LoraChoice[] Loras(GenerationManifest recorded) => [.. (recorded.Loras ?? []).Select(lora =>
        !File.Exists(lora.Path) ? throw CommandException.Input($"the clip was made with {lora.Path}, which is not there.")
        : Checkpoint.HashFile(lora.Path) != lora.Sha256 ? throw CommandException.Integrity($"the clip was made with {lora.Path}, which has changed since.")
        : new LoraChoice(lora.Path, lora.Weight))];

    private static GenerationPlan Plan(ModelFolder folder, GenerationManifest recorded, string path, string? inputPath)
    {
        var request = new VideoGenerationRequest { Prompt = recorded.Story is null ? recorded.Prompt : "", NegativePrompt = recorded.NegativePrompt, Story = recorded.Story ?? [] };
        if (recorded.Input is { } input)
        {
            string source = FindFile(input.Path, path, inputPath);
            request = input.Kind == "clip" ? request with { Continue = Clip.Read(source) } : request with { FirstFrame = ImageFile.Read(source) };
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
            ImageStrength = recorded.Input?.Strength, ControlNet = recorded.Control?.ControlNet, ControlStrength = recorded.Control?.Strength,
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
        return plan with { Input = recorded.Input, ControlInput = recorded.Control, KeyframeInputs = recorded.Keyframes ?? [] };
    }

    private static string FindFile(string? recorded, string clipPath, string? named)
    {
        string?[] candidates = [named, recorded, recorded is null ? null : Path.Combine(Path.GetDirectoryName(Path.GetFullPath(clipPath))!, Path.GetFileName(recorded))];
        return candidates.FirstOrDefault(c => c is not null && (File.Exists(c) || Directory.Exists(c)))
            ?? throw CommandException.Input($"{clipPath} was made from {recorded ?? "a picture or clip"}, which is not there. Name it with --input.");
    }

    private static void CheckModel(ModelFolder folder, GenerationManifest recorded, bool verified)
    {
        string found = folder.Sha256();
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
