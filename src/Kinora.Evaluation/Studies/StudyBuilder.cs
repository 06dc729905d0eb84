// Makes a study out of folders of clips: blind names, sides by seed, traps among the pairs.
// Protocol: Girdhar et al., "Emu Video", arXiv:2311.10709, section 4 (JUICE): two questions, each with its reasons, majority of five.

using System.Text;
using System.Text.Json;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Random;
using Kinora.Evaluation.Clips;
using Kinora.Media;

namespace Kinora.Evaluation.Studies;

/// <summary>What to build a study from.</summary>
public sealed record StudyOptions
{
    /// <summary>Folders of clips, one for each system; clips of the same name were made for the same prompt.</summary>
    public required IReadOnlyList<string> Systems { get; init; }

    /// <summary>Prompts as <c>kinora evaluate</c> takes them; null takes those inside the clips of the first system.</summary>
    public string? Prompts { get; init; }

    /// <summary>For the raters.</summary>
    public string Title { get; init; } = "Which clip is better?";

    /// <summary>Decides sides, order and traps.</summary>
    public ulong Seed { get; init; }

    /// <summary>Pairs whose answer is known: a clip against a damaged clip of another prompt.</summary>
    public int Traps { get; init; } = 3;
}

/// <summary>Builds studies.</summary>
public static class StudyBuilder
{
    private const int TrapBlock = 16;

    /// <summary>Writes a study into a new folder.</summary>
    /// <exception cref="EvaluationException">The systems do not have the same clips, a clip has no prompt, or the folder holds a study already.</exception>
    public static StudyManifest Build(StudyOptions options, string folder, Action<int, int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Systems.Count < 2)
            throw new EvaluationException("a study compares at least two folders of clips.");
        string[] names = [.. options.Systems.Select(s => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(s))))];
        if (names.Distinct(StringComparer.Ordinal).Count() != names.Length)
            throw new EvaluationException($"the folders are the systems' names and must differ, got {string.Join(", ", names)}.");
        if (File.Exists(Path.Combine(folder, StudyFiles.ManifestFile)))
            throw new EvaluationException($"{folder} holds a study already; raters may have begun. Choose another folder.");
        IReadOnlyList<ClipFile>[] clips = [.. options.Systems.Select(ClipFiles.Find)];
        for (int s = 1; s < clips.Length; s++)
        {
            string[] differ = [.. clips[0].Select(c => c.Name).Except(clips[s].Select(c => c.Name), StringComparer.Ordinal).Concat(clips[s].Select(c => c.Name).Except(clips[0].Select(c => c.Name), StringComparer.Ordinal))];
            if (differ.Length > 0)
                throw new EvaluationException($"{options.Systems[0]} and {options.Systems[s]} do not have the same clips: '{differ[0]}' is in one of them only ({differ.Length} such). Clips of one prompt must have one name.");
        }
        IReadOnlyList<ClipFile> prompted = options.Prompts is { } file ? ClipFiles.WithPrompts(clips[0], file) : [.. clips[0].Select(c => c with { Prompt = ClipFiles.ManifestPrompt(Clip.Read(c.Path)) })];
        if (prompted.FirstOrDefault(c => string.IsNullOrWhiteSpace(c.Prompt)) is { } bare)
            throw new EvaluationException($"'{bare.Name}' has no prompt inside it. Give the prompts with --prompts.");
        if (options.Traps < 0 || (options.Traps > 0 && prompted.Count < 2))
            throw new EvaluationException($"{options.Traps} traps: needs 0 or more, and clips of at least two prompts.");

        Directory.CreateDirectory(Path.Combine(folder, "clips"));
        Directory.CreateDirectory(Path.Combine(folder, StudyFiles.AnswersFolder));
        var generator = new Generator(options.Seed);
        var used = new HashSet<string>(StringComparer.Ordinal);
        string Blind(string extension)
        {
            string name;
            do
            {
                name = generator.NextUInt64().ToString("x16");
            }
            while (!used.Add(name));
            return $"clips/{name}{extension}";
        }

        var copies = new Dictionary<string, string>(StringComparer.Ordinal);
        string Copy(string path)
        {
            if (copies.TryGetValue(path, out string? there))
                return there;
            string blind = copies[path] = Blind(Path.GetExtension(path).ToLowerInvariant());
            File.Copy(path, Path.Combine(folder, blind));
            return blind;
        }

        var items = new List<(StudyItem Item, StudyKeyEntry Key)>();
        void Add(string prompt, string first, string second, string firstSystem, string secondSystem, bool trap)
        {
            bool swap = generator.NextBool(0.5);
            const string id = "numbered after the shuffle";
            items.Add(swap
                ? (new StudyItem(id, prompt, second, first), new StudyKeyEntry(id, secondSystem, firstSystem, trap ? "right" : null))
                : (new StudyItem(id, prompt, first, second), new StudyKeyEntry(id, firstSystem, secondSystem, trap ? "left" : null)));
        }

        for (int i = 0; i < prompted.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (int s = 0; s < clips.Length; s++)
            {
                for (int t = s + 1; t < clips.Length; t++)
                    Add(prompted[i].Prompt!, Copy(clips[s][i].Path), Copy(clips[t][i].Path), names[s], names[t], trap: false);
            }
            progress?.Invoke(i + 1, prompted.Count);
        }
        for (int n = 0; n < options.Traps; n++)
        {
            int i = generator.NextInt(prompted.Count), other = (i + 1 + generator.NextInt(prompted.Count - 1)) % prompted.Count;
            string damaged = Blind(".mp4");
            Damage(Clip.Read(clips[0][other].Path)).Save(Path.Combine(folder, damaged));
            Add(prompted[i].Prompt!, Copy(clips[0][i].Path), damaged, names[0], "trap", trap: true);
        }

        // Numbered after the shuffle: a number must not say which pairs are traps.
        var order = items.ToArray();
        generator.Shuffle<(StudyItem, StudyKeyEntry)>(order);
        order = [.. order.Select((o, i) => (o.Item with { Id = $"item{i + 1:D4}" }, o.Key with { Item = $"item{i + 1:D4}" }))];
        StudyItem[] shown = [.. order.Select(o => o.Item)];
        string seed = options.Seed.ToString();
        string signature = StudyFiles.Sign(folder, options.Title, seed, shown);
        var manifest = new StudyManifest(StudyManifest.SchemaName, options.Title, seed, shown, signature);
        var key = StudyKey.Of(signature, names, [.. order.Select(o => o.Key)]);
        Text(Path.Combine(folder, StudyFiles.KeyFile), JsonSerializer.Serialize(key, StudyJson.Default.StudyKey));
        Text(Path.Combine(folder, StudyFiles.PageFile), StudyPage.Write(manifest));
        Text(Path.Combine(folder, StudyFiles.ManifestFile), JsonSerializer.Serialize(manifest, StudyJson.Default.StudyManifest));
        return manifest;
    }

    // Coarse blocks, and every second pair of frames exchanged.
    private static Clip Damage(Clip clip)
    {
        VideoFrame[] frames = [.. clip.Frames.Select(f => new VideoFrame(f.Width, f.Height, Blocks(f)))];
        for (int i = 0; i + 1 < frames.Length; i += 2)
            (frames[i], frames[i + 1]) = (frames[i + 1], frames[i]);
        return new Clip(frames, clip.FrameRate);
    }

    private static byte[] Blocks(VideoFrame frame)
    {
        int block = Math.Max(2, Math.Min(frame.Width, frame.Height) / TrapBlock);
        var rgb = new byte[frame.Rgb.Length];
        for (int y = 0; y < frame.Height; y++)
        {
            for (int x = 0; x < frame.Width; x++)
                frame.Rgb.AsSpan((y / block * block * frame.Width + x / block * block) * 3, 3).CopyTo(rgb.AsSpan((y * frame.Width + x) * 3));
        }
        return rgb;
    }

    private static void Text(string path, string text) => AtomicFile.Write(path, f => f.Write(Encoding.UTF8.GetBytes(text + "\n")));
}
