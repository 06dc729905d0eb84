// kinora generate: from a prompt to a clip on disk.

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Kinora.Cli.Doctor;
using Kinora.Cli.Generation;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Frames;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Checkpoints.Lora;
using Kinora.Models.Diffusion;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Generation;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Cli;

/// <summary><c>kinora generate PROMPT</c>.</summary>
public static class GenerateCommand
{
    public static Command Create()
    {
        var prompt = new Argument<string>("prompt") { Description = "What the clip should show. Models that animate a picture without words need none.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "" };
        var output = new Option<string?>("--output", "-o") { Description = "A .mp4, .webm, .gif or .png, or a folder for one PNG per frame. Default: a name made from the prompt.", HelpName = "path" };
        var seed = new Option<ulong?>("--seed") { Description = "Decides the noise; random by default. Clip i of --count has the seed plus i.", HelpName = "number" };
        var steps = new Option<int?>("--steps") { Description = "Sampling steps.", HelpName = "number" };
        var guidance = new Option<double?>("--guidance") { Description = "How closely to follow the prompt; 1 is no guidance and twice as fast.", HelpName = "scale" };
        var sampler = new Option<string?>("--sampler") { Description = $"kinora-world has {string.Join(", ", FlowSamplers.Names)}; Stable Diffusion, AnimateDiff and ModelScope {string.Join(", ", StableDiffusionSamplers.Names)}; CogVideoX ddim, dpm; the others one each.", HelpName = "name" };
        var negative = new Option<string>("--negative") { Description = "What to lead away from.", HelpName = "text", DefaultValueFactory = _ => "" };
        var size = new Option<string?>("--size") { Description = "Width x height in pixels, such as 64x64.", HelpName = "WxH" };
        var frames = new Option<int?>("--frames") { Description = "Frames of the clip; 1 makes an image.", HelpName = "number" };
        var fps = new Option<double?>("--fps") { Description = "Frames per second that the file states.", HelpName = "rate" };
        var image = new Option<string?>("--image") { Description = "The first frame: animate this picture.", HelpName = "file" };
        var strength = new Option<double?>("--image-strength") { Description = "How far a Stable Diffusion model leads away from --image, above 0 up to 1.", HelpName = "share" };
        var invert = new Option<string?>("--invert") { Description = "What --image shows (may be empty): the noise from which a Stable Diffusion model makes this picture is found and led to the prompt instead.", HelpName = "text" };
        var imageModel = new Option<string?>("--image-model") { Description = "The model that makes the first frame from the prompt; --model then animates it.", HelpName = "model" };
        var motionAdapter = new Option<string?>("--motion-adapter") { Description = "An AnimateDiff motion adapter, a folder or a file: makes clips with a Stable Diffusion 1.5 model.", HelpName = "path" };
        var motion = new Option<int?>("--motion") { Description = "How much moves in a clip of Stable Video Diffusion, 0 to 255.", HelpName = "number" };
        var imageNoise = new Option<double?>("--image-noise") { Description = "Noise that Stable Video Diffusion adds to --image; more lets the clip leave it further.", HelpName = "deviation" };
        var mask = new Option<string?>("--mask") { Description = "Where --image is painted anew by a Stable Diffusion model: white is new, black is kept.", HelpName = "file" };
        var control = new Option<string?>("--control") { Description = "What a ControlNet reads: edges, depth or a pose as a picture.", HelpName = "file" };
        var controlNet = new Option<string?>("--controlnet") { Description = "The folder or file of a ControlNet for a Stable Diffusion model.", HelpName = "path" };
        var controlStrength = new Option<double?>("--control-strength") { Description = "Strength of the ControlNet; 1 as it was trained.", HelpName = "factor" };
        var keyframes = new Option<string[]>("--keyframe") { Description = "A later frame that is to be this picture, as N=file with the first frame 0, or last=file; may be repeated.", HelpName = "frame=file" };
        var continued = new Option<string?>("--continue") { Description = "The clip to continue.", HelpName = "file" };
        var story = new Option<string?>("--story") { Description = "A file with several prompts over time, in the place of the prompt: lines such as \"0-17: a red balloon rises\" or \"0s-2s: ...\".", HelpName = "file" };
        var cache = new Option<double?>("--cache") { Description = $"Reuse work of the step before while it drifts less than this; without a number {StepCache.DefaultThreshold.ToString(CultureInfo.InvariantCulture)}. For transformer models.", HelpName = "drift", Arity = ArgumentArity.ZeroOrOne };
        var cacheCompare = new Option<bool>("--cache-compare") { Description = "Make every clip without --cache too, as NAME-uncached, and print the PSNR between them." };
        var preview = new Option<int>("--preview") { Description = "Every so many steps a small picture of the clip as it stands, in NAME-preview.png beside the clip until that is there.", HelpName = "steps" };
        var count = new Option<int>("--count") { Description = "How many clips.", HelpName = "number", DefaultValueFactory = _ => 1 };
        var model = new Option<string>("--model") { Description = "A model folder, the name of one under models/, or a file of weights (.safetensors, .gguf, .ckpt).", HelpName = "model", DefaultValueFactory = _ => KinoraOptions.DefaultModel };
        var components = new Option<string[]>("--component") { Description = "A component from elsewhere, such as transformer=wan-Q4_K.gguf or vae=folder; or a diffusers folder for all that the model lacks. May be repeated.", HelpName = "name=path|folder" };
        var loras = new Option<string[]>("--lora") { Description = "A LoRA file on top of the model's weights, with its weight after a colon; may be repeated.", HelpName = "file[:weight]" };
        var loraMode = new Option<string>("--lora-mode") { Description = "fused: added to the weights when they are loaded. live: on every use, weights stay as they are. auto: live where weights stay quantized.", HelpName = "auto|fused|live", DefaultValueFactory = _ => "auto" };
        var device = new Option<string>("--device") { Description = "cpu, cuda, cuda:1, or auto.", HelpName = "device", DefaultValueFactory = _ => "auto" };
        var dtype = new Option<string>("--dtype") { Description = "fp32, bf16, on a GPU fp16, or auto for what is faster here.", HelpName = "type", DefaultValueFactory = _ => "auto" };
        var weights = new Option<string>("--weights") { Description = $"In which form weights stay in memory: {WeightStorageExtensions.Names}. auto keeps 8-bit and GGUF weights as they are stored and the others in --dtype.", HelpName = "form", DefaultValueFactory = _ => "auto" };
        var offload = new Option<string>("--offload") { Description = "none; model: one network in memory at a time; block: weights come from their file block by block.", HelpName = "what", DefaultValueFactory = _ => "none" };
        var tiling = new Option<string>("--vae-tiling") { Description = "Code large pictures part by part: auto (where the whole would take much memory), on or off.", HelpName = "when", DefaultValueFactory = _ => "auto" };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would be made, and the memory and time it takes; load nothing." };
        var command = new Verb("generate", "Make a clip from words, from a picture, or as the continuation of a clip.",
            "kinora generate \"a red balloon rises over a night city\" -o balloon.mp4",
            "kinora generate \"a blue circle bounces on a beach\" --frames 1 -o circle.png      an image",
            "kinora generate \"the fox runs to the left\" --image fox.png -o fox.webm           from a picture",
            "kinora generate \"a corgi surfs\" --image-model sd15 --model svd -o corgi.mp4     picture, then clip",
            "kinora generate \"a red balloon rises\" --continue balloon.mp4 -o longer.mp4       what happens next",
            "kinora generate --story story.txt -o story.mp4                                    one clip, several prompts",
            "kinora generate \"a star spins in space\" --count 4 --seed 7 -o star.gif           four seeds")
        {
            prompt, output, seed, steps, guidance, sampler, negative, size, frames, fps, image, imageModel, motionAdapter, strength, invert, motion, imageNoise, mask, control, controlNet, controlStrength, keyframes, continued, story, cache, cacheCompare, preview, count, model, components, loras, loraMode, device, dtype, weights, offload, tiling, json, dryRun,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var kinora = new KinoraOptions { Model = result.GetRequiredValue(model), Device = result.GetRequiredValue(device), DType = result.GetRequiredValue(dtype), Weights = result.GetRequiredValue(weights), Offload = result.GetRequiredValue(offload), Parts = ComponentArguments.Parse(result.GetValue(components) ?? [], result.GetValue(motionAdapter)), Loras = [.. (result.GetValue(loras) ?? []).Select(LoraChoice.Find)], LoraMode = ParseLoraMode(result.GetRequiredValue(loraMode)) };
            ModelFolder folder = ModelFolder.Find(kinora);
            var (width, height) = ParseSize(result.GetValue(size));
            string? imagePath = result.GetValue(image), clipPath = result.GetValue(continued), maskPath = result.GetValue(mask), controlPath = result.GetValue(control);
            var request = new VideoGenerationRequest
            {
                Prompt = result.GetRequiredValue(prompt),
                NegativePrompt = result.GetRequiredValue(negative),
                SourcePrompt = result.GetValue(invert),
                FirstFrame = imagePath is null ? null : ImageFile.Read(imagePath),
                Control = controlPath is null ? null : ImageFile.Read(controlPath),
                Mask = maskPath is null ? null : ImageFile.Read(maskPath),
                Continue = clipPath is null ? null : Clip.Read(clipPath),
            };
            var options = new VideoGenerationOptions
            {
                Seed = result.GetValue(seed), Count = result.GetValue(count), Width = width, Height = height, Frames = result.GetValue(frames),
                FrameRate = result.GetValue(fps), Steps = result.GetValue(steps), Guidance = result.GetValue(guidance), Sampler = result.GetValue(sampler),
                ImageStrength = result.GetValue(strength), ControlNet = result.GetValue(controlNet), ControlStrength = result.GetValue(controlStrength),
                Motion = result.GetValue(motion), ImageNoise = result.GetValue(imageNoise), Tiling = VaeTilingExtensions.Parse(result.GetRequiredValue(tiling)),
                PreviewEverySteps = result.GetValue(preview), Cache = result.GetResult(cache) is null ? null : result.GetValue(cache) ?? StepCache.DefaultThreshold,
            };
            if (result.GetValue(preview) < 0)
            {
                throw CommandException.Usage("--preview: expected a number of steps, at least 1.");
            }
            if (result.GetValue(cacheCompare) && options.Cache is null)
            {
                throw CommandException.Usage("--cache-compare compares clips made with --cache; give that too.");
            }
            var later = KeyframeArguments.Parse(result.GetValue(keyframes) ?? []);
            request = request with { Keyframes = [.. later.Select(k => new Keyframe(k.Frame, ImageFile.Read(k.Path)))] };
            if (result.GetValue(story) is { } storyPath)
            {
                if (!File.Exists(storyPath))
                {
                    throw CommandException.Input($"--story {storyPath}: there is no such file. It holds lines such as \"0-17: a red balloon rises\".");
                }
                request = request with { Story = StoryParts(folder, request, options, StoryFile.Read(storyPath)) };
            }
            GenerationPlan plan;
            if (result.GetValue(imageModel) is { } imageModelName)
            {
                if (imagePath is not null || clipPath is not null)
                {
                    throw CommandException.Usage("--image-model makes the first frame; --image and --continue give one. Use one of them.");
                }
                plan = await FirstFrame.PlanAsync(new KinoraOptions { Model = imageModelName, Device = kinora.Device, DType = kinora.DType, Weights = kinora.Weights, Offload = kinora.Offload }, folder, request, options, result.GetValue(output), result.GetValue(dryRun), cancellationToken).ConfigureAwait(false);
            }
            else
            {
                plan = GenerationPlan.Create(folder, request, options);
                if (plan.Input is { } input)
                {
                    plan = plan with { Input = input with { Path = imagePath ?? clipPath, MaskPath = maskPath } };
                }
            }
            plan = plan with { KeyframeInputs = [.. plan.KeyframeInputs.Select(k => k with { Path = later.First(given => given.Frame == k.Frame || given.Frame + plan.Frames == k.Frame).Path })] };
            if (plan.ControlInput is { } controlled)
            {
                plan = plan with { ControlInput = controlled with { Path = controlPath } };
            }
            return result.GetValue(dryRun)
                ? DryRun(plan, kinora, result.GetValue(json))
                : await RunAsync(plan, kinora, result.GetValue(output), result.GetValue(json), result.GetValue(cacheCompare), cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    // Seconds become frames at the rate asked for, or at the model's own.
    private static IReadOnlyList<StoryPart> StoryParts(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options, StoryFile file)
    {
        if (request.Prompt.Length > 0)
        {
            throw CommandException.Usage("--story brings its own prompts; leave out the prompt.");
        }
        if (GenerationSystems.Of(folder).Stories == StoryMethod.None)
        {
            return file.Parts(options.FrameRate ?? 1, options.Frames);
        }
        double rate = options.FrameRate ?? GenerationPlan.Create(folder, request with { Prompt = file.Prompts[0] }, options with { Frames = null }).FrameRate;
        return file.Parts(rate, options.Frames);
    }

    private static int DryRun(GenerationPlan plan, KinoraOptions kinora, bool json)
    {
        PlanReport report = PlanReport.Create(plan, kinora.ResolveLoad());
        CommandSession.Current.Result(json ? JsonSerializer.Serialize(report, GenerationReportJson.Default.PlanReport) : report.ToString());
        return ExitCodes.Success;
    }

    private static async Task<int> RunAsync(GenerationPlan plan, KinoraOptions kinora, string? output, bool json, bool cacheCompare, CancellationToken cancellationToken)
    {
        var session = CommandSession.Current;
        string[] paths = OutputPaths.For(output, plan);
        CheckMemory(plan, kinora);
        RemarkOnUnusualSizes(plan);
        long start = Stopwatch.GetTimestamp();
        using var generator = new KinoraVideoGenerator(kinora);
        var written = new List<GeneratedFile>();
        using (var progress = new ConsoleProgress())
        {
            // One clip at a time, so that each is on disk before the next is begun.
            for (int i = 0; i < plan.Count; i++)
            {
                GenerationPlan one = plan with { Count = 1, Seed = plan.Seed + (ulong)i };
                string picture = Path.ChangeExtension(OutputPaths.Beside(paths[i], "-preview"), ".png");
                GeneratedVideo video;
                try
                {
                    video = (await generator.GenerateAsync(one, new GenerationConsole(progress, picture), cancellationToken).ConfigureAwait(false))[0];
                    video.Clip.Save(paths[i]);
                }
                finally
                {
                    if (one.PreviewEverySteps > 0)
                    {
                        File.Delete(picture);
                    }
                }
                written.Add(new GeneratedFile(paths[i], video.Manifest));
                progress.Line(string.Create(CultureInfo.InvariantCulture, $"{paths[i]}: {video.Clip.Width}x{video.Clip.Height}, {(video.Clip.Frames.Count == 1 ? "1 frame" : $"{video.Clip.Frames.Count} frames")}, seed {video.Manifest.Seed}"));
                if (video.Manifest.Cache is { } saved)
                {
                    progress.Line(string.Create(CultureInfo.InvariantCulture, $"cache {saved.Threshold}: {saved.Skipped} of {saved.Calls} network calls skipped but for their first block"));
                }
                if (cacheCompare)
                {
                    GeneratedVideo whole = (await generator.GenerateAsync(one with { Cache = null, PreviewEverySteps = 0 }, new GenerationConsole(progress), cancellationToken).ConfigureAwait(false))[0];
                    string beside = OutputPaths.Beside(paths[i], "-uncached");
                    whole.Clip.Save(beside);
                    written.Add(new GeneratedFile(beside, whole.Manifest));
                    progress.Line(string.Create(CultureInfo.InvariantCulture, $"{beside}: PSNR {PeakSignalToNoise.Of(Bytes(video), Bytes(whole)):0.0} dB between the two"));
                }
            }
        }
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        if (json)
        {
            session.Result(JsonSerializer.Serialize(new GenerateReport(Math.Round(took.TotalSeconds, 3), written), GenerationReportJson.Default.GenerateReport));
        }
        else
        {
            written.ForEach(w => session.Result(w.Path));
        }
        session.Remark($"made in {ConsoleProgress.Duration(took)}");
        return ExitCodes.Success;
    }

    private static byte[] Bytes(GeneratedVideo video) => [.. video.Clip.Frames.SelectMany(f => f.Rgb)];

    private static void CheckMemory(GenerationPlan plan, KinoraOptions kinora)
    {
        long available = Machine.Memory().AvailableBytes;
        LoadOptions load = kinora.ResolveLoad();
        long needed = plan.PeakBytes(load);
        if (load.Device.Type == DeviceType.Cpu && available > 0 && needed > available)
        {
            throw CommandException.Usage(string.Create(CultureInfo.InvariantCulture,
                $"{plan.Width}x{plan.Height} with {plan.Frames} frames needs about {needed / 1e9:0.0} GB of memory and {available / 1e9:0.0} GB are free. Make it smaller or shorter, or try --offload block, --weights int8 or --vae-tiling on."));
        }
    }

    private static void RemarkOnUnusualSizes(GenerationPlan plan)
    {
        if (plan.Story.Count == 0 && plan.MadeFor is { } made && ((plan.Width, plan.Height) != (made.Width, made.Height) || (plan.Frames != made.Frames && plan.Frames != 1)))
        {
            CommandSession.Current.Remark(string.Create(CultureInfo.InvariantCulture,
                $"note: {plan.Folder.Name} was trained on {made.Width}x{made.Height}{(made.Frames == 1 ? "" : $" with {made.Frames} frames")}; other sizes look worse"));
        }
    }

    /// <summary>Reads auto, fused and live.</summary>
    internal static LoraMode ParseLoraMode(string text) => text switch
    {
        "auto" => LoraMode.Auto,
        "fused" => LoraMode.Fused,
        "live" => LoraMode.Live,
        _ => throw CommandException.Usage($"--lora-mode: expected auto, fused or live, got {text}."),
    };

    private static (int? Width, int? Height) ParseSize(string? text)
    {
        if (text is null)
        {
            return (null, null);
        }
        string[] parts = text.Split('x', 'X', '×');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
            ? (width, height)
            : throw CommandException.Usage($"--size \"{text}\" is not a size; write width and height as in 64x64.");
    }
}
