using System.Security.Cryptography;
using Kinora.World;

namespace Kinora.Evaluation.Quality;

/// <summary>The version of the world that matters to scores: how it samples, draws and says things.</summary>
public static class WorldFingerprint
{
    private const int Scenes = 24, Side = 32, Frames = 3;

    /// <summary>SHA-256 over rendered scenes and captions of both splits, in lower-case hexadecimal.</summary>
    public static string Sha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var rgb = new byte[Frames * Side * Side * 3];
        for (int i = 0; i < Scenes; i++)
        {
            Scene scene = SceneSampler.Sample((ulong)i, i % 2 == 0 ? WorldSplit.Train : WorldSplit.HeldOut);
            Renderer.Render(scene, Side, Side, Frames, rgb);
            hash.AppendData(rgb);
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(CaptionGrammar.Describe(scene, (ulong)i)));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
