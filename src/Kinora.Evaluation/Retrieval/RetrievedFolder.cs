// The retrieval baseline as a folder of clips, so that everything that judges a generator judges it too: kinora evaluate, studies.

using System.Globalization;
using System.Text;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Media;

namespace Kinora.Evaluation.Retrieval;

/// <summary>A prompt and the training clip that answers it.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="File">The clip, relative to the folder written.</param>
/// <param name="Source">The training clip, relative to its folder.</param>
/// <param name="Caption">Its caption.</param>
/// <param name="Similarity">Cosine of both texts.</param>
public sealed record RetrievedClip(string Prompt, string File, string Source, string Caption, double Similarity);

/// <summary>Writes the nearest training clip by text for each prompt.</summary>
public static class RetrievedFolder
{
    /// <summary>The prompts in the order of the clips, as <c>kinora evaluate --prompts</c> reads them.</summary>
    public const string PromptsFile = "prompts.txt";

    /// <summary>Captions of training clips: of a file like those of prompts, else of a text beside each clip, else of the manifests inside.</summary>
    /// <exception cref="EvaluationException">A clip has none.</exception>
    public static IReadOnlyList<ClipFile> Captioned(string training, string? captions)
    {
        IReadOnlyList<ClipFile> files = ClipFiles.Find(training);
        return captions is not null
            ? ClipFiles.WithPrompts(files, captions)
            : [.. files.Select(f => f with { Prompt = Beside(f) ?? Inside(f) ?? throw new EvaluationException($"{f.Path}: no caption. Put one into {Path.GetFileNameWithoutExtension(f.Name)}.txt beside the clip, or give a file with --captions.") })];
    }

    /// <summary>Copies the nearest clip of each prompt into <paramref name="folder"/>.</summary>
    /// <param name="folder">Where clips and prompts go.</param>
    /// <param name="prompts">What is asked for.</param>
    /// <param name="training">Training clips with captions.</param>
    /// <param name="index">Their captions, in the same order.</param>
    public static IReadOnlyList<RetrievedClip> Write(string folder, IReadOnlyList<string> prompts, IReadOnlyList<ClipFile> training, CaptionIndex index)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(index);
        if (prompts.Count == 0)
            throw new EvaluationException("there are no prompts.");
        Directory.CreateDirectory(folder);
        IReadOnlyList<NearestClip> nearest = index.Nearest(prompts);
        var found = new List<RetrievedClip>();
        for (int i = 0; i < prompts.Count; i++)
        {
            ClipFile source = training[nearest[i].Index];
            string name = string.Create(CultureInfo.InvariantCulture, $"{i:D4}{Path.GetExtension(source.Name).ToLowerInvariant()}");
            byte[] bytes = File.ReadAllBytes(source.Path);
            AtomicFile.Write(Path.Combine(folder, name), file => file.Write(bytes));
            found.Add(new RetrievedClip(prompts[i], name, source.Name, source.Prompt!, nearest[i].Similarity));
        }
        AtomicFile.Write(Path.Combine(folder, PromptsFile), file => file.Write(Encoding.UTF8.GetBytes(string.Concat(found.Select(f => $"{f.File}\t{f.Prompt}\n")))));
        return found;
    }

    private static string? Beside(ClipFile file)
    {
        string path = Path.ChangeExtension(file.Path, ".txt");
        return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } text ? text : null;
    }

    private static string? Inside(ClipFile file)
    {
        try
        {
            return ClipFiles.ManifestPrompt(Clip.Read(file.Path));
        }
        catch (MediaException e)
        {
            throw new EvaluationException($"{file.Path}: {e.Message}", e);
        }
    }
}
