// The clips of one contestant on disk, so that a bench that was stopped goes on: NNNN.rgb appears by rename when its clip is complete,
// and NNNN.seconds beside it says how long it took.

using System.Globalization;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Systems;

/// <summary>Finished clips in a folder whose name holds the hash of everything that decides them.</summary>
internal sealed class ClipStore(string folder, int clipBytes)
{
    private const string PeakFile = "peak";

    /// <summary>The clip of that number, or null when it is not there.</summary>
    public (byte[] Rgb, double Seconds)? Find(int number)
    {
        string path = Clip(number);
        if (!File.Exists(path) || !File.Exists(Seconds(number)))
            return null;
        byte[] rgb = File.ReadAllBytes(path);
        return rgb.Length == clipBytes && double.TryParse(File.ReadAllText(Seconds(number)), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) ? (rgb, seconds) : null;
    }

    /// <summary>Keeps a clip.</summary>
    public void Add(int number, byte[] rgb, double seconds)
    {
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Seconds(number), file => file.Write(System.Text.Encoding.ASCII.GetBytes(seconds.ToString("R", CultureInfo.InvariantCulture))));
        AtomicFile.Write(Clip(number), file => file.Write(rgb));
    }

    /// <summary>The largest peak memory over all runs that made these clips, with that of this run; null when none is known.</summary>
    public long? Peak(long? now)
    {
        string path = Path.Combine(folder, PeakFile);
        long? before = File.Exists(path) && long.TryParse(File.ReadAllText(path), NumberStyles.Integer, CultureInfo.InvariantCulture, out long b) ? b : null;
        if (now is null || before >= now)
            return before;
        Directory.CreateDirectory(folder);
        AtomicFile.Write(path, file => file.Write(System.Text.Encoding.ASCII.GetBytes(now.Value.ToString(CultureInfo.InvariantCulture))));
        return now;
    }

    private string Clip(int number) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{number:D4}.rgb"));

    private string Seconds(int number) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{number:D4}.seconds"));
}
