// The snippet of docs/world.md, compiled and run: the region below is the code block of the page, word for word.
namespace Kinora.World.Tests;

public sealed class WorldPageTests
{
    [Fact]
    public void Snippet_IsThatOfThePage()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Kinora.slnx")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("The tests run outside the repository.");
        string[] shown = Lines(File.ReadAllText(Path.Combine(root, "docs", "world.md")), "```csharp\n", "```");
        string[] compiled = Lines(File.ReadAllText(Path.Combine(root, "tests", "Kinora.World.Tests", "WorldPageTests.cs")), "#region snippet\n", "#endregion");
        shown.Length.ShouldBe(8);
        compiled.ShouldBe(shown);
    }

    [Fact]
    public void Snippet_Runs()
    {
        #region snippet
        Scene scene = SceneSampler.Sample(seed: 7);                                  // or a Combination, or WorldSplit.HeldOut
        string caption = CaptionGrammar.Describe(scene, seed: 7);
        var rgb = new byte[17 * 64 * 64 * 3];                                        // [frames, height, width, 3]
        Renderer.Render(scene, 64, 64, 17, rgb);                                     // from any thread

        SceneTruth truth = GroundTruth.Describe(scene, 64, 64, 17, fps: 8);          // boxes, velocities, visibility, depth, camera
        var flow = new float[64 * 64 * 2];
        GroundTruth.Flow(scene, 64, 64, 17, frame: 0, flow);                         // [height, width, 2]: pixels from frame 0 to 1
        #endregion

        caption.ShouldBe("Yellow ghost.");
        truth.Actors[0].Noun.ShouldBe("ghost");
        rgb.Distinct().Count().ShouldBeGreaterThan(50);
        flow.Length.ShouldBe(64 * 64 * 2);
    }

    private static string[] Lines(string text, string begin, string end)
    {
        int from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        return [.. text[from..text.IndexOf(end, from, StringComparison.Ordinal)].Split('\n').Select(l => l.TrimEnd()).Select(l => l.StartsWith("        ", StringComparison.Ordinal) ? l[8..] : l).SkipLast(1)];
    }
}
