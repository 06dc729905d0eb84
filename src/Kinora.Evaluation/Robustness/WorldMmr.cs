// A robustness benchmark of clips from the procedural world: the truth of every question is exact.
// Each fact gives a pair: a neutral question, and one that takes something false for granted. The right option of the second denies it.

using System.Text.Encodings.Web;
using System.Text.Json;
using Kinora.Media;
using Kinora.World;

namespace Kinora.Evaluation.Robustness;

/// <summary>Writes benchmark files and their clips.</summary>
public static class WorldMmr
{
    /// <summary>The benchmark's file in its folder.</summary>
    public const string BenchmarkFile = "world-mmr.json";

    private const ulong Purpose = 0x6D6D_7200;

    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A question, its right option first, and three wrong ones.</summary>
    private sealed record Draft(string Category, string Positive, string[] PositiveOptions, string Negative, string[] NegativeOptions);

    /// <summary>Writes <paramref name="clips"/> clips of <paramref name="size"/>×<paramref name="size"/> and the questions about them; a seed gives the same benchmark whatever the count.</summary>
    public static MmrBenchmark Write(string folder, int clips, ulong seed, int size, int frames, double fps, Action<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(clips);
        Directory.CreateDirectory(Path.Combine(folder, "clips"));
        var rows = new List<MmrRow>();
        var serials = new Dictionary<string, int>(StringComparer.Ordinal);
        var rgb = new byte[frames * size * size * 3];
        int frameBytes = size * size * 3;
        for (int i = 0; i < clips; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Every second clip has two things in it.
            Scene scene = SceneSampler.Sample(seed + (ulong)i, WorldSplit.Train, new WorldOptions(TwoActors: i % 2, Camera: 0));
            string file = $"clips/{i:D4}.mp4";
            Renderer.Render(scene, size, size, frames, rgb);
            new Clip([.. Enumerable.Range(0, frames).Select(f => new VideoFrame(size, size, rgb.AsSpan(f * frameBytes, frameBytes).ToArray()))], fps).Save(Path.Combine(folder, file), new VideoWriterOptions { Quality = 14 });
            var generator = new Engine.Random.Generator(seed + (ulong)i, Purpose);
            foreach (Draft draft in Ask(scene, generator))
            {
                int serial = serials[draft.Category] = serials.GetValueOrDefault(draft.Category) + 1;
                string id = $"{draft.Category}/{serial:D4}";
                rows.Add(Shuffled(rows.Count + 1, id, file, draft.Positive, draft.PositiveOptions, positive: true, generator));
                rows.Add(Shuffled(rows.Count + 1, id, file, draft.Negative, draft.NegativeOptions, positive: false, generator));
            }
            progress?.Invoke(i + 1);
        }
        string path = Path.Combine(folder, BenchmarkFile);
        Engine.Checkpoints.AtomicFile.Write(path, stream => WriteRows(stream, rows));
        return MmrBenchmark.Of(path, rows);
    }

    private static IEnumerable<Draft> Ask(Scene scene, Engine.Random.Generator random)
    {
        Actor a = scene.Actors[0];
        string noun = CaptionGrammar.Word(a.Noun), color = CaptionGrammar.Word(a.Color), setting = CaptionGrammar.SettingPhrases(scene.Setting)[0];
        string[] colors = Others(Vocabulary.Colors.Where(c => c != a.Color).Select(CaptionGrammar.Word), random);
        string[] settings = Others(Vocabulary.Settings.Where(s => s != scene.Setting).Select(s => CaptionGrammar.SettingPhrases(s)[0]), random);
        bool alone = scene.Actors.Count == 1, distinct = alone || scene.Actors[1].Noun != a.Noun;
        if (distinct)
        {
            yield return new Draft("attribute/color", $"What color is the {noun}?", [color, .. colors],
                $"Why is the {noun} {colors[0]}?", [$"the {noun} is not {colors[0]}, it is {color}", $"the {noun} is {colors[0]} because of the light", $"the {noun} is not {colors[0]}, it is {colors[1]}", $"the {noun} was painted {colors[0]}"]);
            string move = CaptionGrammar.MotionPhrases(a.Motion)[0];
            string[] moves = Others(Vocabulary.Motions.Where(m => m != a.Motion).Select(m => CaptionGrammar.MotionPhrases(m)[0]), random);
            yield return new Draft("attribute/motion", $"What does the {noun} do?", [$"it {move}", .. moves.Select(m => $"it {m}")],
                $"How fast is it when the {noun} {moves[0]}?", [$"that is wrong: the {noun} {move}", "very fast", $"that is wrong: the {noun} {moves[1]}", "slowly"]);
        }
        yield return new Draft("context/setting", "Where does the clip take place?", [setting, .. settings],
            $"What makes the scene {settings[0]} so bright?", [$"the scene is not {settings[0]}, it is {setting}", "the sun", $"the scene is not {settings[0]}, it is {settings[1]}", "a lamp"]);
        int count = scene.Actors.Count;
        yield return new Draft("attribute/number", "How many things are there in front of the background?", [Number(count), Number(count + 1), Number(count + 2), Number(count + 3)],
            $"Which of the {Number(count + 1)} things is the largest?", [$"there are not {Number(count + 1)} things, there {(count == 1 ? "is" : "are")} {Number(count)}", "the one in front", $"there are not {Number(count + 1)} things, there are {Number(count + 2)}", "the one on the left"]);
        if (!alone && distinct && scene.Relation is { } relation && relation != Relation.Chases)
        {
            string other = CaptionGrammar.Word(scene.Actors[1].Noun);
            string[] places = ["left of", "right of", "above", "below"];
            string right = places[(int)relation];
            string[] wrong = Others(places.Where(p => p != right), random);
            yield return new Draft("context/relation", $"Where is the {noun}, seen from the {other}?", [right + " it", .. wrong.Select(w => w + " it")],
                $"Why is the {noun} {wrong[0]} the {other}?", [$"the {noun} is not {wrong[0]} the {other}, it is {right} it", "because it moved there", $"the {noun} is not {wrong[0]} the {other}, it is {wrong[1]} it", "because there is more room"]);
        }
    }

    internal static string Number(int n) => n switch { 1 => "one", 2 => "two", 3 => "three", 4 => "four", _ => "five" };

    private static string[] Others(IEnumerable<string> words, Engine.Random.Generator random)
    {
        string[] all = [.. words.Distinct(StringComparer.Ordinal)];
        random.Shuffle<string>(all);
        return all[..3];
    }

    private static MmrRow Shuffled(int number, string id, string file, string question, string[] options, bool positive, Engine.Random.Generator random)
    {
        int[] order = [0, 1, 2, 3];
        random.Shuffle<int>(order);
        string text = question + string.Concat(order.Select((o, i) => $"\n{MmrBenchmark.Letters[i]}. {options[o]}"));
        return new MmrRow(number, id, file, text, MmrBenchmark.Letters[Array.IndexOf(order, 0)], positive);
    }

    private static void WriteRows(Stream stream, List<MmrRow> rows)
    {
        using var json = new Utf8JsonWriter(stream, Readable);
        json.WriteStartArray();
        foreach (MmrRow row in rows)
        {
            json.WriteStartObject();
            json.WriteString("id", row.Id);
            json.WriteString("video", row.Media);
            json.WriteString("question", row.Question);
            json.WriteString("ground_truth", row.Truth);
            json.WriteString("question_type", row.Positive ? "POS" : "NEG");
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
