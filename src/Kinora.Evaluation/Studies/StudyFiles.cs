// A study on disk: study.json (what raters see; blind), key.json (what is what; not for raters), clips under names that say nothing,
// index.html, and one file of answers for each rater.

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Studies;

/// <summary>One pair of clips shown side by side.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Prompt">What both were made for.</param>
/// <param name="Left">The clip on the left, relative to the study.</param>
/// <param name="Right">The clip on the right.</param>
public sealed record StudyItem(string Id, string Prompt, string Left, string Right);

/// <summary>What the page shows.</summary>
/// <param name="Schema">"kinora-study/1".</param>
/// <param name="Title">For the raters.</param>
/// <param name="Seed">Decides sides and order, in decimal.</param>
/// <param name="Items">Pairs, traps among them.</param>
/// <param name="Signature">SHA-256 over everything above and the clips.</param>
public sealed record StudyManifest(string Schema, string Title, string Seed, IReadOnlyList<StudyItem> Items, string Signature)
{
    /// <summary>The format.</summary>
    public const string SchemaName = "kinora-study/1";
}

/// <summary>Who made the clips of an item.</summary>
/// <param name="Item">The item.</param>
/// <param name="Left">The system on the left.</param>
/// <param name="Right">The system on the right.</param>
/// <param name="Trap">The side that any attentive rater prefers: "left" or "right"; null for a real pair.</param>
public sealed record StudyKeyEntry(string Item, string Left, string Right, string? Trap);

/// <summary>What is what.</summary>
/// <param name="Schema">"kinora-study-key/2".</param>
/// <param name="Signature">The study's.</param>
/// <param name="Systems">Names of the folders, in the order given.</param>
/// <param name="Items">Every item of the study.</param>
/// <param name="Checksum">SHA-256 over everything above.</param>
public sealed record StudyKey(string Schema, string Signature, IReadOnlyList<string> Systems, IReadOnlyList<StudyKeyEntry> Items, string Checksum)
{
    /// <summary>The format.</summary>
    public const string SchemaName = "kinora-study-key/2";

    /// <summary>A key with its checksum.</summary>
    public static StudyKey Of(string signature, IReadOnlyList<string> systems, IReadOnlyList<StudyKeyEntry> items) => new(SchemaName, signature, systems, items, ChecksumOf(signature, systems, items));

    internal static string ChecksumOf(string signature, IReadOnlyList<string> systems, IReadOnlyList<StudyKeyEntry> items) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', [signature, string.Join('\t', systems), .. items.Select(i => $"{i.Item}\t{i.Left}\t{i.Right}\t{i.Trap}")]))));
}

/// <summary>One rater's judgment of one item.</summary>
/// <param name="Item">The item.</param>
/// <param name="Quality">"left", "right" or "tie".</param>
/// <param name="QualityReasons">Why.</param>
/// <param name="Faithfulness">"left", "right" or "tie".</param>
/// <param name="FaithfulnessReasons">Why.</param>
/// <param name="Milliseconds">From showing the clips to the answer.</param>
public sealed record StudyAnswer(string Item, string Quality, IReadOnlyList<string> QualityReasons, string Faithfulness, IReadOnlyList<string> FaithfulnessReasons, double Milliseconds);

/// <summary>One rater's file.</summary>
/// <param name="Schema">"kinora-study-answers/1".</param>
/// <param name="Study">The study's signature.</param>
/// <param name="Rater">The rater's name.</param>
/// <param name="Answers">In the order given.</param>
/// <param name="Checksum">FNV-1a over the rest, 16 hexadecimal digits: finds accidents and edits by hand.</param>
/// <param name="Browser">A random word of the rater's browser: tells two people of one name apart.</param>
public sealed record StudyAnswers(string Schema, string Study, string Rater, IReadOnlyList<StudyAnswer> Answers, string Checksum, string? Browser = null)
{
    /// <summary>The format.</summary>
    public const string SchemaName = "kinora-study-answers/1";

    /// <summary>The checksum that the page writes: over the fields joined by line feeds.</summary>
    public static string ChecksumOf(string study, string rater, IEnumerable<StudyAnswer> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        string text = string.Join('\n', answers.Select(a => string.Join('|', a.Item, a.Quality, string.Join(',', a.QualityReasons), a.Faithfulness, string.Join(',', a.FaithfulnessReasons), Math.Round(a.Milliseconds).ToString("F0"))).Prepend(rater).Prepend(study));
        ulong hash = 14695981039346656037;
        foreach (byte b in Encoding.UTF8.GetBytes(text))
            hash = unchecked((hash ^ b) * 1099511628211);
        return hash.ToString("x16");
    }
}

/// <summary>Reads and checks the files of a study.</summary>
public static class StudyFiles
{
    /// <summary>Names of the files.</summary>
    public const string ManifestFile = "study.json", KeyFile = "key.json", PageFile = "index.html", AnswersFolder = "answers";

    /// <summary>Reads a study and checks its signature against every clip.</summary>
    /// <exception cref="EvaluationException">A file is missing, damaged or edited.</exception>
    public static (StudyManifest Manifest, StudyKey Key) Read(string folder)
    {
        StudyManifest manifest = Json(Path.Combine(folder, ManifestFile), StudyJson.Default.StudyManifest);
        StudyKey key = Json(Path.Combine(folder, KeyFile), StudyJson.Default.StudyKey);
        if (manifest.Schema != StudyManifest.SchemaName)
            throw new EvaluationException($"{folder}: schema '{manifest.Schema}' is not {StudyManifest.SchemaName}.");
        string expected = Sign(folder, manifest.Title, manifest.Seed, manifest.Items);
        if (expected != manifest.Signature)
            throw new EvaluationException($"{folder}: the study was edited after it was built: its signature does not match its items and clips. Build it again; answers to the edited study cannot be used.");
        if (key.Schema != StudyKey.SchemaName)
            throw new EvaluationException($"{folder}: {KeyFile} has schema '{key.Schema}', not {StudyKey.SchemaName}. Build the study again with this version.");
        if (key.Signature != manifest.Signature)
            throw new EvaluationException($"{folder}: {KeyFile} belongs to another study.");
        return key.Checksum == StudyKey.ChecksumOf(key.Signature, key.Systems, key.Items) ? (manifest, key) : throw new EvaluationException($"{folder}: {KeyFile} was edited after the study was built: its checksum does not match. Put the original back; with another key the answers would be counted for the wrong systems.");
    }

    /// <summary>Reads a rater's file: one JSON object, or the lines that the server keeps.</summary>
    /// <exception cref="EvaluationException">The file is damaged, edited, or belongs to another study.</exception>
    public static StudyAnswers ReadAnswers(string path, StudyManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        StudyAnswers answers = path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase) ? FromLines(path) : Json(path, StudyJson.Default.StudyAnswers);
        if (answers.Schema != StudyAnswers.SchemaName)
            throw new EvaluationException($"{path}: schema '{answers.Schema}' is not {StudyAnswers.SchemaName}.");
        if (answers.Study != manifest.Signature)
            throw new EvaluationException($"{path}: these are answers to another study, or to this one before it was edited.");
        if (answers.Checksum != StudyAnswers.ChecksumOf(answers.Study, answers.Rater, answers.Answers))
            throw new EvaluationException($"{path}: the checksum does not match: the file was edited or damaged after the rater saved it.");
        var known = manifest.Items.Select(i => i.Id).ToHashSet(StringComparer.Ordinal);
        return answers.Answers.FirstOrDefault(a => !known.Contains(a.Item)) is { } strange ? throw new EvaluationException($"{path}: there is no item '{strange.Item}' in the study.") : answers;
    }

    /// <summary>SHA-256 over the items and the bytes of their clips.</summary>
    public static string Sign(string folder, string title, string seed, IReadOnlyList<StudyItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text + "\n"));
        Add(title);
        Add(seed);
        foreach (StudyItem item in items)
        {
            foreach (string clip in new[] { item.Left, item.Right })
            {
                if (!File.Exists(Path.Combine(folder, clip)))
                    throw new EvaluationException($"{folder}: {clip} of item '{item.Id}' is missing.");
            }
            Add($"{item.Id}\t{item.Prompt}\t{item.Left}\t{Checkpoint.HashFile(Path.Combine(folder, item.Left))}\t{item.Right}\t{Checkpoint.HashFile(Path.Combine(folder, item.Right))}");
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // The server appends one line per answer, each with its rater and study; a later answer to an item replaces the earlier one.
    // A last line without its end was being written when the machine stopped: nobody was told that it had been received.
    internal static StudyAnswers FromLines(string path)
    {
        string study = "", rater = "";
        string? browser = null;
        var answers = new Dictionary<string, StudyAnswer>(StringComparer.Ordinal);
        int number = 0;
        foreach (string line in CompleteLines(path))
        {
            number++;
            StudyAnswers one;
            try
            {
                one = JsonSerializer.Deserialize(line, StudyJson.Default.StudyAnswers) ?? throw new JsonException("null");
            }
            catch (JsonException e)
            {
                throw new EvaluationException($"{path}, line {number}: not an answer ({e.Message}).", e);
            }
            if (number > 1 && (one.Rater != rater || one.Study != study || one.Browser != browser))
                throw new EvaluationException($"{path}, line {number}: from '{one.Rater}', the lines before from '{rater}'; one file holds one rater.");
            if (one.Checksum != StudyAnswers.ChecksumOf(one.Study, one.Rater, one.Answers))
                throw new EvaluationException($"{path}, line {number}: the checksum does not match: the line was edited or damaged.");
            (study, rater, browser) = (one.Study, one.Rater, one.Browser);
            foreach (StudyAnswer a in one.Answers)
                answers[a.Item] = a;
        }
        return new StudyAnswers(StudyAnswers.SchemaName, study, rater, [.. answers.Values], StudyAnswers.ChecksumOf(study, rater, answers.Values), browser);
    }

    private static string[] CompleteLines(string path)
    {
        string text = File.ReadAllText(path);
        int end = text.LastIndexOf('\n') + 1;
        return end > 0 ? text[..(end - 1)].Split('\n') : throw new EvaluationException($"{path}: holds no complete answer.");
    }

    private static T Json<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new EvaluationException($"{path}: {e.Message}", e);
        }
        catch (FileNotFoundException e)
        {
            throw new EvaluationException($"{path}: there is no such file.", e);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(StudyManifest))]
[JsonSerializable(typeof(StudyKey))]
[JsonSerializable(typeof(StudyAnswers))]
[JsonSerializable(typeof(StudyResult))]
internal sealed partial class StudyJson : JsonSerializerContext;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(StudyAnswers))]
internal sealed partial class StudyLineJson : JsonSerializerContext;
