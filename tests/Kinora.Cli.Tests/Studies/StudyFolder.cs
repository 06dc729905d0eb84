// Three systems' clips, made for four prompts, and a study of them.

using Kinora.Evaluation.Studies;
using Kinora.Media;

namespace Kinora.Cli.Tests.Studies;

/// <summary>A study in a temporary folder.</summary>
public sealed class StudyFolder : IDisposable
{
    /// <summary>Names that stand nowhere else, so that finding one on a page means that it was told.</summary>
    public static readonly string[] Systems = ["zebrafinch", "quokkamodel", "retrievalbase"];

    public const int Prompts = 4, Traps = 2, Items = Prompts * 3 + Traps;

    public StudyFolder()
    {
        for (int s = 0; s < Systems.Length; s++)
        {
            string folder = Directory.CreateDirectory(Path.Combine(Base, Systems[s])).FullName;
            for (int p = 0; p < Prompts; p++)
                Moving(p, s).Save(Path.Combine(folder, $"{p:D2}.mp4"));
        }
        File.WriteAllLines(Path.Combine(Base, "prompts.txt"), Enumerable.Range(0, Prompts).Select(p => $"a square moves <b>{p}</b> & stops"));
        Manifest = StudyBuilder.Build(new StudyOptions { Systems = [.. Systems.Select(s => Path.Combine(Base, s))], Prompts = Path.Combine(Base, "prompts.txt"), Seed = 5, Traps = Traps }, Study);
        Key = StudyFiles.Read(Study).Key;
    }

    public string Base { get; } = Directory.CreateTempSubdirectory("kinora-study-page-").FullName;

    public string Study => Path.Combine(Base, "study");

    public StudyManifest Manifest { get; }

    public StudyKey Key { get; }

    /// <summary>The page as a rater opens it from a folder.</summary>
    public string PageUrl => new Uri(Path.Combine(Study, StudyFiles.PageFile)).AbsoluteUri;

    /// <summary>What a rater answers who likes the system that stands first in <see cref="Systems"/>.</summary>
    public string Side(string item)
    {
        StudyKeyEntry k = Key.Items.Single(k => k.Item == item);
        return k.Trap ?? (Array.IndexOf(Systems, k.Left) < Array.IndexOf(Systems, k.Right) ? "left" : "right");
    }

    public void Dispose() => Directory.Delete(Base, recursive: true);

    // The second system's clips are longer than those of the others.
    private static Clip Moving(int prompt, int system)
    {
        const int w = 96, h = 64;
        return new Clip([.. Enumerable.Range(0, system == 1 ? 10 : 8).Select(f =>
        {
            var rgb = new byte[w * h * 3];
            for (int y = 0; y < h; y++)
            {
                for (int x = 0; x < w; x++)
                {
                    bool square = Math.Abs(x - 20 - 6 * f) < 10 && Math.Abs(y - 30) < 10;
                    rgb[(y * w + x) * 3 + prompt % 3] = (byte)(square ? 250 : 40 + 20 * system);
                    rgb[(y * w + x) * 3 + (prompt + 1) % 3] = (byte)(square ? 200 : 2 * y);
                }
            }
            return new VideoFrame(w, h, rgb);
        })], 8);
    }
}
