// A curated dataset as training uses it: every clip gives one or more windows of the recipe's length and rate, scaled to cover the
// recipe's size and cropped to its middle. Which window a sample shows depends on the seed and the sample's number alone.

using System.Globalization;
using Kinora.Curation.Datasets;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Training.Recipes;

namespace Kinora.Training.Data;

internal sealed class DatasetSource : IClipSource
{
    private const int MostWords = 32;
    private const double RareWord = 0.05, CommonWord = 0.95;
    private readonly DatasetReader _dataset;
    private readonly WorldRecipe _size;
    private readonly ulong _seed;
    private readonly string[] _captions;
    private readonly string[] _words;
    private readonly Window[] _train, _heldOut;
    private readonly Dictionary<Purpose, (long Epoch, int[] Order)> _orders = [];

    private DatasetSource(DatasetReader dataset, WorldRecipe size, ulong seed, string[] captions, Window[] train, Window[] heldOut)
    {
        (_dataset, _size, _seed, _captions, _train, _heldOut) = (dataset, size, seed, captions, train, heldOut);
        _words = TellingWords([.. train.Select(w => w.Clip).Distinct().Select(clip => captions[clip])]);
        Attributes = _words.Length > 0 ? [.. _words.Select(word => new AttributeSpec("has_" + word, 2))] : [new AttributeSpec("any", 1)];
    }

    /// <summary>
    /// Two classes for each of the words that divide the captions best: absent, present. Where all captions have the same words, one
    /// attribute of a single class stands in, which teaches nothing.
    /// </summary>
    public IReadOnlyList<AttributeSpec> Attributes { get; }

    /// <inheritdoc/>
    public int? Clips => _train.Length;

    /// <inheritdoc/>
    public string? Fingerprint => string.Create(CultureInfo.InvariantCulture, $"{_dataset.Index.Root} {_train.Length}");

    /// <summary>Opens the dataset and says what it holds for clips of this size, length and rate.</summary>
    /// <exception cref="ConfigException">No clip is long enough.</exception>
    /// <exception cref="FileNotFoundException">The folder is no complete dataset.</exception>
    /// <exception cref="InvalidDataException">The dataset was changed since it was made.</exception>
    public static DatasetSource Open(DatasetRecipe recipe, WorldRecipe size, ulong seed, Action<string> report)
    {
        var dataset = DatasetReader.Open(recipe.Folder);
        try
        {
            var windows = WindowsOf(dataset.Rows, size);
            var clips = windows.Select(w => w.Clip).Distinct().ToList();
            if (clips.Count == 0)
                throw new ConfigException(TooShort(recipe.Folder, dataset.Rows, size));
            int aside = clips.Count < 2 ? 0 : Math.Clamp((int)Math.Round(recipe.HeldOut * clips.Count), 1, clips.Count - 1);
            var heldOut = clips.OrderBy(clip => dataset.Rows[clip].Id).Take(aside).ToHashSet();
            Window[] train = [.. windows.Where(w => !heldOut.Contains(w.Clip))], unseen = [.. windows.Where(w => heldOut.Contains(w.Clip))];
            string[] captions = [.. dataset.Rows.Select((_, i) => dataset.ReadCaption(i))];
            report(Summary(recipe.Folder, dataset.Rows, size, clips, train.Length, unseen.Length));
            return new DatasetSource(dataset, size, seed, captions, train, unseen.Length > 0 ? unseen : train);
        }
        catch
        {
            dataset.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Render(Purpose purpose, long sample, Span<byte> rgb)
    {
        var window = WindowOf(purpose, sample);
        var row = _dataset.Rows[window.Clip];
        double scale = Math.Max((double)_size.Width / row.File.Width, (double)_size.Height / row.File.Height);
        var options = new VideoReaderOptions
        {
            Width = Math.Max(_size.Width, (int)Math.Round(row.File.Width * scale)),
            Height = Math.Max(_size.Height, (int)Math.Round(row.File.Height * scale)),
            Filter = scale < 1 ? ScaleFilter.Area : ScaleFilter.Bicubic,
            Threads = 1,
        };
        using var reader = VideoReader.Open(_dataset.ReadClip(window.Clip), row.Key + ".mp4", options);
        // A quarter of a frame into the first frame: times in the file are rounded to its time base.
        double start = (reader.Info.StartTime ?? TimeSpan.Zero).TotalSeconds + (0.25 / RateOf(row)) + ((double)window.Index * _size.Frames / _size.FrameRate);
        int frameBytes = _size.Width * _size.Height * 3, written = 0;
        foreach (var frame in reader.Sample(_size.FrameRate, TimeSpan.FromSeconds(start)).Take(_size.Frames))
            CropMiddle(frame, rgb.Slice(written++ * frameBytes, frameBytes));
        if (written < _size.Frames)
            throw new InvalidDataException($"{row.Shard}: {row.Key}.mp4 gave {written} of {_size.Frames} frames from {start:0.###} s on; its {row.File.Frames} frames should reach further. \"kinora curate verify --decode\" tells which clips are damaged.");
    }

    /// <inheritdoc/>
    public IEnumerable<string> Captions(Purpose purpose, long sample, ulong wording)
    {
        // A caption that is too long loses words at its end.
        string caption = _captions[WindowOf(purpose, sample).Clip];
        for (int end = caption.Length; end > 0; end = caption.LastIndexOf(' ', end - 1))
            yield return caption[..end];
        yield return "";
    }

    /// <inheritdoc/>
    public long[] Labels(Purpose purpose, long sample, string caption)
    {
        var words = WordsOf(caption);
        return _words.Length > 0 ? [.. _words.Select(word => words.Contains(word) ? 1L : 0L)] : [0L];
    }

    /// <inheritdoc/>
    public void Dispose() => _dataset.Dispose();

    private static double RateOf(ClipRow row) => row.File.FramesPerSecond;

    private static List<Window> WindowsOf(IReadOnlyList<ClipRow> rows, WorldRecipe size)
        => [.. rows.SelectMany((row, clip) => Enumerable.Range(0, (int)Math.Floor(((row.File.Frames * size.FrameRate / RateOf(row)) + 1e-6) / size.Frames)).Select(i => new Window(clip, i)))];

    private static string TooShort(string folder, IReadOnlyList<ClipRow> rows, WorldRecipe size)
    {
        if (rows.Count == 0)
            return $"{folder}: the dataset has no clips. Its report.html shows which rules dropped them; run curate again with a milder --recipe.";
        double longest = rows.Max(row => row.File.Frames / RateOf(row));
        return string.Create(CultureInfo.InvariantCulture, $"{folder}: no clip is long enough: {size.Frames} frames at {size.FrameRate:0.###} per second take {size.Frames / size.FrameRate:0.###} s, the longest of {rows.Count} clips has {longest:0.###} s. Lower world.frames or raise world.frame_rate in the recipe.");
    }

    private static string Summary(string folder, IReadOnlyList<ClipRow> rows, WorldRecipe size, List<int> clips, int train, int heldOut)
    {
        var notes = new List<string>();
        int shorter = rows.Count - clips.Count, small = clips.Count(c => rows[c].File.Width < size.Width || rows[c].File.Height < size.Height), slow = clips.Count(c => RateOf(rows[c]) < size.FrameRate - 1e-6);
        if (shorter > 0)
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{shorter} clips are too short"));
        if (small > 0)
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{small} are smaller and are enlarged"));
        if (slow > 0)
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{slow} have fewer frames per second and repeat some"));
        if (heldOut == 0)
            notes.Add("none can be held out: validation shows training clips");
        return string.Create(CultureInfo.InvariantCulture, $"dataset {folder}: {clips.Count} clips give {train} windows of {size.Frames} frames, {size.Width}×{size.Height} at {size.FrameRate:0.###} per second, to train on and {heldOut} held out{(notes.Count > 0 ? "; " : "")}{string.Join(", ", notes)}");
    }

    // The words whose presence is nearest to even odds.
    private static string[] TellingWords(IReadOnlyList<string> captions)
    {
        var counts = captions.SelectMany(WordsOf).GroupBy(word => word, StringComparer.Ordinal).Select(g => (Word: g.Key, Share: (double)g.Count() / captions.Count));
        return [.. counts.Where(c => c.Share is >= RareWord and <= CommonWord).OrderBy(c => Math.Abs(c.Share - 0.5)).ThenBy(c => c.Word, StringComparer.Ordinal).Take(MostWords).Select(c => c.Word).Order(StringComparer.Ordinal)];
    }

    private static HashSet<string> WordsOf(string caption)
    {
        var words = new HashSet<string>(StringComparer.Ordinal);
        int start = 0;
        for (int i = 0; i <= caption.Length; i++)
        {
            if (i < caption.Length && char.IsLetter(caption[i]))
                continue;
            if (i > start)
                words.Add(caption[start..i].ToLowerInvariant());
            start = i + 1;
        }
        return words;
    }

    private Window WindowOf(Purpose purpose, long sample)
    {
        if (purpose == Purpose.Validation)
            return _heldOut[sample % _heldOut.Length];
        // Every epoch visits each window once, in its own order.
        long epoch = sample / _train.Length;
        lock (_orders)
        {
            if (!_orders.TryGetValue(purpose, out var known) || known.Epoch != epoch)
            {
                int[] order = [.. Enumerable.Range(0, _train.Length)];
                SampleSeeds.For(SampleSeeds.Seed(_seed, Purpose.DatasetOrder, (long)purpose), Purpose.DatasetOrder, epoch).Shuffle(order.AsSpan());
                _orders[purpose] = known = (epoch, order);
            }
            return _train[known.Order[sample % _train.Length]];
        }
    }

    private void CropMiddle(VideoFrame frame, Span<byte> target)
    {
        int left = (frame.Width - _size.Width) / 2, top = (frame.Height - _size.Height) / 2;
        for (int y = 0; y < _size.Height; y++)
            frame.Rgb.AsSpan((((top + y) * frame.Width) + left) * 3, _size.Width * 3).CopyTo(target[(y * _size.Width * 3)..]);
    }

    /// <summary>Frames [Index·F, (Index + 1)·F) of a clip at the recipe's rate.</summary>
    private readonly record struct Window(int Clip, int Index);
}
