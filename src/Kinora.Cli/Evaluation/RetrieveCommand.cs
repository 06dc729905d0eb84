// kinora evaluate retrieve: the nearest training clip by text, as a contestant.

using System.CommandLine;
using System.Globalization;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Retrieval;

namespace Kinora.Cli.Evaluation;

/// <summary><c>kinora evaluate retrieve</c>.</summary>
internal static class RetrieveCommand
{
    public static Command Create()
    {
        var training = new Argument<string>("training") { Description = "A folder of training clips, each with a caption: NAME.txt beside NAME.mp4, or inside the clip.", HelpName = "folder" };
        var prompts = new Option<string>("--prompts") { Description = "One prompt in each line.", HelpName = "file", Required = true };
        var captions = new Option<string?>("--captions") { Description = "Captions of the training clips: one line for each clip in the order of names, or 'name, tab, caption'.", HelpName = "file" };
        var clip = new Option<string?>("--clip") { Description = "Folder of a CLIP model whose text encoder compares; without it, words do (tf·idf).", HelpName = "folder" };
        var output = new Option<string>("--output", "-o") { Description = "Folder of the clips found.", HelpName = "folder", Required = true };
        var command = new Verb("retrieve", "Answer prompts with the nearest training clips by text: the baseline that a generator must beat.",
            "kinora evaluate retrieve train/ --prompts prompts.txt -o retrieved/",
            "kinora evaluate study build ours/ retrieved/ -o study")
        {
            training, prompts, captions, clip, output,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            string[] asked = [.. File.ReadLines(result.GetRequiredValue(prompts)).Select(l => l.Trim()).Where(l => l.Length > 0)];
            IReadOnlyList<ClipFile> files = RetrievedFolder.Captioned(result.GetRequiredValue(training), result.GetValue(captions));
            string[] texts = [.. files.Select(f => f.Prompt!)];
            using ClipScores? encoder = result.GetValue(clip) is { } folder ? ClipScores.Load(folder, Device.Cpu) : null;
            CaptionIndex index = encoder is null ? CaptionIndex.ByWords(texts) : CaptionIndex.ByEncoder(texts, encoder.Texts, "CLIP");
            var found = RetrievedFolder.Write(result.GetRequiredValue(output), asked, files, index);
            foreach (RetrievedClip f in found) { CommandSession.Current.Result(string.Create(CultureInfo.InvariantCulture, $"{f.Similarity:F3}  {f.Prompt}  →  {f.Source}: {f.Caption}")); }
            CommandSession.Current.Remark($"{found.Count} clips of {files.Count} by {index.Name}, in {result.GetRequiredValue(output)}");
            return ExitCodes.Success;
        }, cancellationToken));
        return command;
    }
}
