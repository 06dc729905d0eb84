// What kinora evaluate says about input that it cannot use: the file, what is wrong with it, and exit code 3 for a partial run.

using Kinora.Cli.Shell;
using Kinora.Media;

namespace Kinora.Cli.Tests;

public sealed class EvaluateCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-evaluate-").FullName;

    private string Clips => Path.Combine(_folder, "clips");

    [Fact]
    public async Task MixedSizesRatesSingleFramesAndDamage_AreLeftOutByNameAndExitIsThree()
    {
        Save("clips/a.mp4", 32, 32, 6, 8);
        Save("clips/b.mp4", 48, 32, 6, 8);
        Save("clips/c.mp4", 32, 32, 6, 24);
        Save("clips/d.mp4", 32, 32, 1, 8);
        byte[] whole = File.ReadAllBytes(Save("clips/e.mp4", 32, 32, 6, 8));
        // The header stands, the pictures do not: nothing but decoding them shows it.
        int at = whole.AsSpan().LastIndexOf("mdat"u8) + 4;
        whole.AsSpan(at + (whole.Length - at) / 4, (whole.Length - at) / 2).Fill(0xA5);
        File.WriteAllBytes(Path.Combine(Clips, "e.mp4"), whole);
        Outcome run = await Run();

        run.ExitCode.ShouldBe(ExitCodes.Input);
        run.Error.ShouldContain("left out b.mp4: 48×32, 6 frames, 8 frames per second; the first clip has 32×32");
        run.Error.ShouldContain("--resize WxH brings all to one size");
        run.Error.ShouldContain("left out c.mp4: 32×32, 6 frames, 24 frames per second");
        run.Error.ShouldContain("left out d.mp4: 32×32, 1 frame, 8 frames per second");
        run.Error.ShouldContain("left out e.mp4: ");
        run.Error.ShouldContain("1 clip judged, 4 left out");
    }

    [Fact]
    public async Task Resize_FoldersOfMixedSizes_JudgesAllAndSaysSoInThePassport()
    {
        Save("clips/a.mp4", 32, 32, 6, 8);
        Save("clips/b.mp4", 48, 64, 6, 8);
        Save("clips/c.mp4", 24, 16, 6, 8);
        Outcome run = await Run("--resize", "32x24", "--json");
        run.ExitCode.ShouldBe(0, run.Error);
        run.Output.ShouldContain("clips to 32\\u00D724 (bilinear of Pillow, antialiased)");
        run.Error.ShouldContain("3 clips judged, 0 left out");
        (await Run("--resize", "32")).ExitCode.ShouldBe(ExitCodes.Usage);
    }

    [Fact]
    public async Task SingleFrameClipsOnly_AreRefused()
    {
        Save("clips/a.mp4", 32, 32, 1, 8);
        Outcome run = await Run();
        run.ExitCode.ShouldBe(ExitCodes.Input);
        run.Error.ShouldContain("none of 1 clip could be judged; a.mp4: 1 frame: scores over time need at least 3");
    }

    [Fact]
    public async Task Prompts_ThatMatchNoClip_AreRefusedBeforeAnyClipIsRead()
    {
        Directory.CreateDirectory(Clips);
        File.WriteAllText(Path.Combine(Clips, "a.mp4"), "no clip");
        File.WriteAllText(Path.Combine(_folder, "prompts.txt"), "other.mp4\ta red balloon\n");
        Outcome run = await Run("--prompts", Path.Combine(_folder, "prompts.txt"));
        run.ExitCode.ShouldBe(ExitCodes.Input);
        run.Error.ShouldContain("prompts.txt, line 1: 'other.mp4' is none of the clips; they are named like 'a.mp4'");
        Outcome missing = await Run("--prompts", Path.Combine(_folder, "nothing.txt"));
        missing.ExitCode.ShouldBe(ExitCodes.Input);
        missing.Error.ShouldContain("nothing.txt");
    }

    [Theory]
    [InlineData("--i3d", "--reference")]
    [InlineData("--inception")]
    [InlineData("--raft")]
    [InlineData("--clip")]
    public async Task Weights_OfAnotherNetwork_AreRefusedByName(string option, string? also = null)
    {
        Save("clips/a.mp4", 32, 32, 6, 8);
        string weights = Path.Combine(_folder, "other.safetensors");
        using (var scope = Engine.TensorScope.Enter())
            Engine.Checkpoints.SafetensorsWriter.Write(weights, [KeyValuePair.Create("some.weight", Engine.Tensor.Zeros([2]))]);
        Outcome run = await Run([option, weights, .. also is null ? Array.Empty<string>() : [also, Clips]]);
        run.ExitCode.ShouldBeOneOf(ExitCodes.Input, ExitCodes.Integrity);
        run.Error.ShouldContain("other.safetensors");
    }

    [Fact]
    public async Task Features_NotFiniteOrTooFew_NameTheFileAndTheNumber()
    {
        string real = Npy("real.npy", 8, 2, null), bad = Npy("bad.npy", 8, 2, 5);
        Outcome nan = await Cli.RunAsync("evaluate", "features", bad, real);
        nan.ExitCode.ShouldBe(ExitCodes.Input);
        nan.Error.ShouldContain("bad.npy: row 2, column 1 is NaN");
        Outcome few = await Cli.RunAsync("evaluate", "features", real, real);
        few.ExitCode.ShouldBe(ExitCodes.Input);
        few.Output.ShouldContain("needs at least 128 clips, got 8");
    }

    [Fact]
    public async Task Scores_OfTwoRuns_StandInOneFileWithTheirSchema()
    {
        Save("clips/a.mp4", 32, 32, 6, 8);
        await Run();
        string[] once = File.ReadAllLines(Path.Combine(_folder, "report", "scores.jsonl"));
        await Run();
        string[] twice = File.ReadAllLines(Path.Combine(_folder, "report", "scores.jsonl"));
        twice.Take(once.Length).ShouldBe(once);
        twice.Length.ShouldBe(2 * once.Length);
        twice.ShouldAllBe(l => l.StartsWith("{\"schema\":\"kinora-score/1\""));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<Outcome> Run(params string[] options) => Cli.RunAsync(["evaluate", Clips, "-o", Path.Combine(_folder, "report"), .. options]);

    private string Save(string name, int width, int height, int frames, double fps)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        new Clip([.. Enumerable.Range(0, frames).Select(f => new VideoFrame(width, height, [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)(i * 7 + f * 31 + i / 97 * 13))]))], fps).Save(path);
        return path;
    }

    // Format version 1.0 of NumPy's files, float64.
    private string Npy(string name, int rows, int columns, int? nan)
    {
        string header = $"{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}".PadRight(117) + "\n";
        string path = Path.Combine(_folder, name);
        using var file = new BinaryWriter(File.Create(path));
        file.Write((byte[])[0x93, .. "NUMPY"u8, 1, 0]);
        file.Write((ushort)header.Length);
        file.Write(System.Text.Encoding.ASCII.GetBytes(header));
        for (int i = 0; i < rows * columns; i++)
            file.Write(i == nan ? double.NaN : i % 5);
        return path;
    }
}
