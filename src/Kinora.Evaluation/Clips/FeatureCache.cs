// Features on disk, named by what they depend on, so that a stopped run continues and nothing else is ever reused.

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Kinora.Engine.Checkpoints;
using Kinora.Media;

namespace Kinora.Evaluation.Clips;

/// <summary>Keeps the features of clips.</summary>
/// <param name="folder">Where; null keeps nothing.</param>
public sealed class FeatureCache(string? folder)
{
    // Another version when the arithmetic of an extractor changes.
    private const string Version = "features/3";

    /// <summary>The vectors of a clip, from disk when the same content was measured with the same weights and protocol before.</summary>
    /// <param name="file">The clip's file; its bytes name the entry.</param>
    public double[] Of(IClipFeatures extractor, Clip clip, string file)
    {
        ArgumentNullException.ThrowIfNull(extractor);
        if (folder is null)
            return extractor.Of(clip);
        string key = string.Join('\n', Version, extractor.Features, extractor.Preprocessing, extractor.WeightsSha256, Checkpoint.HashFile(file));
        string kept = Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))) + ".f64");
        if (File.Exists(kept) && new FileInfo(kept).Length is > 0 and var length && length % (extractor.Dimension * sizeof(double)) == 0)
            return MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(kept)).ToArray();
        double[] features = extractor.Of(clip);
        Directory.CreateDirectory(folder);
        AtomicFile.Write(kept, f => f.Write(MemoryMarshal.AsBytes<double>(features)));
        return features;
    }
}
