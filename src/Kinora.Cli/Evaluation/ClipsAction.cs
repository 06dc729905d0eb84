// kinora evaluate CLIPS: the options and the action of the verb itself.

using System.CommandLine;
using System.Globalization;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;

namespace Kinora.Cli.Evaluation;

/// <summary>Adds the judging of a folder to <c>kinora evaluate</c>.</summary>
internal static class ClipsAction
{
    public static void AddTo(Command command)
    {
        var clips = new Argument<string?>("clips") { Description = "A folder of clips of one size, length and rate.", HelpName = "folder", Arity = ArgumentArity.ZeroOrOne };
        var prompts = new Option<string?>("--prompts") { Description = "Prompts: one line for each clip in the order of names, or 'name, tab, prompt'; by default those inside the clips.", HelpName = "file" };
        var reference = new Option<string?>("--reference") { Description = "A folder of real clips.", HelpName = "folder" };
        var output = new Option<string>("--output", "-o") { Description = "Folder of the report.", HelpName = "folder", DefaultValueFactory = _ => "report" };
        var paired = new Option<bool>("--paired") { Description = "A clip and its reference of the same name show the same: PSNR and SSIM." };
        var i3d = new Option<string?>("--i3d") { Description = "I3D weights, of pytorch-i3d or the TorchScript archive of StyleGAN-V: FVD and its relatives.", HelpName = "file" };
        var resize = new Option<string>("--fvd-resize") { Description = "crop (shorter side to 224, center) or stretch (both sides to 224).", HelpName = "how", DefaultValueFactory = _ => "crop" };
        var frames = new Option<int>("--fvd-frames") { Description = "Frames of each clip for FVD, from its beginning.", HelpName = "n", DefaultValueFactory = _ => new VideoFeatureOptions().Frames };
        var inception = new Option<string?>("--inception") { Description = "Inception v3 weights of pytorch-fid, or torchvision's under names of their own: FID of frames (with --reference) and inception score.", HelpName = "file" };
        var clip = new Option<string?>("--clip") { Description = "Folder of a CLIP model in the layout of transformers: CLIPSIM, coherency and consistency of frames.", HelpName = "folder" };
        var siglip = new Option<string?>("--siglip") { Description = "Folder of a SigLIP model: distances of its features of frames (with --reference).", HelpName = "folder" };
        var videoMae = new Option<string?>("--videomae") { Description = "Folder of a VideoMAE model: distances of its features of clips (with --reference).", HelpName = "folder" };
        var c3d = new Option<string?>("--c3d") { Description = "C3D weights, conv1 to fc8: inception score of clips.", HelpName = "file" };
        var lpips = new Option<string?>("--lpips") { Description = "LPIPS weights with VGG-16 in one file, for --paired.", HelpName = "file" };
        var raft = new Option<string?>("--raft") { Description = "RAFT weights of torchvision, large or small: dynamic degree and warping error.", HelpName = "file" };
        var vbench = new Option<string?>("--vbench") { Description = $"Folder of VBench's weights: {VBenchScores.Dino}, {VBenchScores.ClipBase}, {VBenchScores.ClipLarge} with {VBenchScores.AestheticHead}, {VBenchScores.Musiq}, {VBenchScores.ViClip} with {VBenchScores.ClipMerges}, {VBenchScores.Amt}.", HelpName = "folder" };
        var size = new Option<string?>("--resize") { Description = "Bring every clip and reference to this size first, so that mixed sizes can be judged.", HelpName = "WxH" };
        var precision = new Option<string>("--dtype") { Description = "fp32 (default) or bf16: what I3D, Inception and CLIP compute products in.", HelpName = "type", DefaultValueFactory = _ => "fp32" };
        var probes = new Option<string?>("--probes") { Description = $"Folder of the world's probe; by default {ProbeFolder.DefaultName} where it is found.", HelpName = "folder" };
        var training = new Option<string?>("--training") { Description = "A folder of training clips: the nearest to each clip is shown, and copies are counted against the clips of --reference.", HelpName = "folder" };
        var resamples = new Option<int>("--resamples") { Description = "Resamples of bootstrap intervals; 0 for none.", HelpName = "n", DefaultValueFactory = _ => new DistributionOptions().Resamples };
        var seed = new Option<ulong>("--seed") { Description = "Decides the resamples.", HelpName = "n" };
        var few = new Option<bool>("--few") { Description = "Compute scores of fewer clips than they need; they carry a warning." };
        var device = new Option<string>("--device") { Description = "cpu, cuda, or cuda:1.", HelpName = "device", DefaultValueFactory = _ => "cpu" };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        command.Add(clips);
        foreach (Option option in new Option[] { prompts, reference, output, paired, i3d, resize, frames, inception, clip, siglip, videoMae, c3d, lpips, raft, vbench, size, precision, probes, training, resamples, seed, few, device, json }) { command.Add(option); }
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            string folder = result.GetValue(clips) ?? throw CommandException.Usage("a folder of clips is needed: kinora evaluate CLIPS -o report. See kinora evaluate --help.");
            FvdResize how = result.GetValue(resize) switch { "crop" => FvdResize.CenterCrop, "stretch" => FvdResize.Stretch, var other => throw CommandException.Usage($"--fvd-resize {other}: use crop or stretch.") };
            string report = result.GetValue(output)!;
            var options = new ClipEvaluationOptions
            {
                Clips = folder, Prompts = result.GetValue(prompts), Reference = result.GetValue(reference), Paired = result.GetValue(paired), Resize = ParseSize(result.GetValue(size)), Precision = ParsePrecision(result.GetValue(precision)!), I3d = result.GetValue(i3d), Raft = result.GetValue(raft), VBench = result.GetValue(vbench), Inception = result.GetValue(inception), Clip = result.GetValue(clip), Siglip = result.GetValue(siglip), VideoMae = result.GetValue(videoMae), C3d = result.GetValue(c3d), Lpips = result.GetValue(lpips),
                Video = new VideoFeatureOptions(result.GetValue(frames), how), Probes = result.GetValue(probes) ?? FindProbes(folder), ProbesAsked = result.GetValue(probes) is not null, TextClip = TextClipJudge.Find(folder), Training = result.GetValue(training), Cache = Path.Combine(report, "cache"),
                Distributions = new DistributionOptions { Resamples = result.GetValue(resamples), Seed = result.GetValue(seed), AllowFew = result.GetValue(few) },
            };
            using var progress = new ConsoleProgress();
            ClipEvaluationResult judged = ClipEvaluation.Run(options, Device.Parse(result.GetValue(device)!), (stage, done, total) => progress.Report(stage, done, total), cancellationToken);
            EvaluationFolder.Write(report, judged);
            var session = CommandSession.Current;
            session.Result(result.GetValue(json) ? judged.Report.ToJson().TrimEnd() : ScoreText.Table(judged.Report.Sheet));
            foreach (SkippedClip s in judged.Report.Skipped) { session.Remark($"left out {s.Name}: {s.Reason}"); }
            session.Remark($"{Words.Count(judged.Report.Clips.Count, "clip")} judged, {judged.Report.Skipped.Count} left out; look at {Path.Combine(report, EvaluationFolder.PageFile)}");
            return judged.Report.Skipped.Count == 0 && judged.Report.Sheet.Refused.Count == 0 ? ExitCodes.Success : ExitCodes.Input;
        }, cancellationToken));
    }

    private static (int Width, int Height)? ParseSize(string? text) => text is null ? null
        : text.Split('x') is [var w, var h] && int.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out int width) && int.TryParse(h, NumberStyles.None, CultureInfo.InvariantCulture, out int height) && width > 0 && height > 0 ? (width, height)
        : throw CommandException.Usage($"--resize {text}: write it as WIDTHxHEIGHT, like 256x256.");

    private static DType ParsePrecision(string text) => text switch { "fp32" => DType.Float32, "bf16" => DType.BFloat16, _ => throw CommandException.Usage($"--dtype {text}: use fp32 or bf16.") };

    private static string? FindProbes(string clips)
    {
        try
        {
            return ProbeFolder.Find(clips);
        }
        catch (ConfigException)
        {
            return null;
        }
    }
}
