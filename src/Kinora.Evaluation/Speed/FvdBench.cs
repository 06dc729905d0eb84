// The whole of FVD from files to the number: how fast, how much memory, and what bfloat16 changes. Clips are rendered scenes, so nothing is needed
// but time; with random weights the distance itself says nothing and is not reported, only by how much the two precisions differ.

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Media;
using Kinora.Models.Systems.InceptionI3d;
using Kinora.World;

namespace Kinora.Evaluation.Speed;

/// <summary>One precision's run.</summary>
/// <param name="Precision">"fp32" or "bf16".</param>
/// <param name="Seconds">From the first file to the features of all.</param>
/// <param name="ClipsPerSecond">Of both sides together.</param>
/// <param name="ResidentMegabytes">Memory of the process after each quarter of the clips, in 10⁶ bytes.</param>
public sealed record FvdBenchRun(string Precision, double Seconds, double ClipsPerSecond, IReadOnlyList<double> ResidentMegabytes);

/// <summary>What the bench found.</summary>
/// <param name="Schema">"kinora-bench-fvd/1".</param>
/// <param name="Clips">On both sides together.</param>
/// <param name="RandomWeights">No weights were given: the distance is no score.</param>
/// <param name="DecodeSeconds">Reading all clips alone, without a network.</param>
/// <param name="PeakMegabytes">The most that the process ever held, in 10⁶ bytes.</param>
/// <param name="Runs">By precision.</param>
/// <param name="RelativeChange">|bf16 − fp32| / fp32 of the Fréchet distance.</param>
public sealed record FvdBenchReport(string Schema, int Clips, bool RandomWeights, double DecodeSeconds, double PeakMegabytes, IReadOnlyList<FvdBenchRun> Runs, double RelativeChange)
{
    /// <summary>A table of text.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{Clips} clips of {FvdBench.Frames}×{FvdBench.Size}² on {EngineRuntime.Threads} threads; reading them alone takes {DecodeSeconds:F1} s"));
        foreach (FvdBenchRun r in Runs)
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"  {r.Precision}  {r.Seconds,8:F1} s  {r.ClipsPerSecond,7:F2} clips/s  memory by quarters {string.Join(", ", r.ResidentMegabytes.Select(m => m.ToString("F0", CultureInfo.InvariantCulture)))} MB"));
        text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"  most memory {PeakMegabytes:F0} MB; bf16 is {Runs[0].Seconds / Runs[^1].Seconds:F2} times as fast and changes the distance by {100 * RelativeChange:F3} %{(RandomWeights ? " (random weights: the distance itself is no score)" : "")}"));
        return text.ToString().TrimEnd();
    }

    /// <summary>Indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, FvdBenchJson.Default.FvdBenchReport).ReplaceLineEndings("\n");
}

/// <summary>Runs the bench.</summary>
public static class FvdBench
{
    /// <summary>Of a clip.</summary>
    public const int Frames = 16, Size = 224;

    /// <summary>Clips on each side at least: with fewer the covariance says nothing.</summary>
    public const int MinClips = 8;

    private const int Quarters = 4;
    private const double FramesPerSecond = 8;

    /// <summary>Runs it in a temporary folder.</summary>
    /// <param name="clips">On each side.</param>
    /// <param name="i3d">Weights; null draws random ones.</param>
    public static FvdBenchReport Run(int clips, string? i3d, Device device, Action<string, int, int>? progress = null, CancellationToken cancellationToken = default)
    {
        if (clips < MinClips)
            throw new EvaluationException($"bench fvd: needs at least {MinClips} clips on each side, got {clips}.");
        string folder = Directory.CreateTempSubdirectory("kinora-bench-fvd-").FullName;
        try
        {
            string generated = Render(Path.Combine(folder, "generated"), clips, 0, new WorldOptions(TwoActors: 1, Camera: 0), progress, cancellationToken);
            string real = Render(Path.Combine(folder, "real"), clips, (ulong)clips, new WorldOptions(TwoActors: 0, Camera: 1), progress, cancellationToken);
            string weights = i3d ?? RandomWeights(Path.Combine(folder, "i3d.safetensors"));
            long start = Stopwatch.GetTimestamp();
            foreach (string file in Directory.EnumerateFiles(folder, "*.mp4", SearchOption.AllDirectories))
            {
                cancellationToken.ThrowIfCancellationRequested();
                _ = Clip.Read(file);
            }
            double decode = Stopwatch.GetElapsedTime(start).TotalSeconds;
            var runs = new List<FvdBenchRun>();
            var distances = new List<double>();
            foreach (DType precision in new[] { DType.Float32, DType.BFloat16 })
            {
                var memory = new List<double>();
                int last = 0;
                void Progress(string stage, int done, int total)
                {
                    progress?.Invoke($"{stage}, {precision.ShortName()}", done, total);
                    int quarter = (total == clips ? done : 0) * Quarters / clips;
                    if (stage == "reading the reference" && quarter > last)
                        (last, _) = (quarter, Add(memory));
                }

                var options = new ClipEvaluationOptions { Clips = generated, Reference = real, I3d = weights, Precision = precision, Distributions = new DistributionOptions { Resamples = 0, AllowFew = true } };
                start = Stopwatch.GetTimestamp();
                ClipEvaluationResult result = ClipEvaluation.Run(options, device, Progress, cancellationToken);
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                runs.Add(new FvdBenchRun(precision.ShortName(), seconds, 2 * clips / seconds, memory));
                distances.Add(FrechetDistance.Between(result.ReferenceFeatures!, result.Features!).Distance);
            }
            return new FvdBenchReport("kinora-bench-fvd/1", 2 * clips, i3d is null, decode, Status("VmHWM"), runs, Math.Abs(distances[1] - distances[0]) / distances[0]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool Add(List<double> memory)
    {
        memory.Add(Status("VmRSS"));
        return true;
    }

    private static string Render(string folder, int clips, ulong seed, WorldOptions options, Action<string, int, int>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        var rgb = new byte[Frames * Size * Size * 3];
        for (int i = 0; i < clips; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Renderer.Render(SceneSampler.Sample(seed + (ulong)i, WorldSplit.Train, options), Size, Size, Frames, rgb);
            int frame = rgb.Length / Frames;
            new Clip([.. Enumerable.Range(0, Frames).Select(f => new VideoFrame(Size, Size, rgb.AsSpan(f * frame, frame).ToArray()))], FramesPerSecond).Save(Path.Combine(folder, $"{i:D5}.mp4"));
            progress?.Invoke("rendering clips", i + 1, clips);
        }
        return folder;
    }

    private static string RandomWeights(string path)
    {
        using var scope = TensorScope.Enter();
        ParameterPath root = ParameterPath.Root(new InitializedParameters(1));
        using var store = root.Store;
        // Drawn with variance 1/(3·fan-in); 2/fan-in keeps the strength of what passes a ReLU (He et al., arXiv:1502.01852, section 2.2), so that features of
        // different clips differ as they do with trained weights.
        double gain = Math.Sqrt(6);
        SafetensorsWriter.Write(path, new InceptionI3dModel(root).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value.Dim < 2 ? p.Value : p.Value * gain)), Clips.RandomWeights.Mark);
        return path;
    }

    // A line of /proc/self/status, in 10⁶ bytes (proc(5): "kB" there are 1024 bytes).
    private static double Status(string name)
    {
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024 / 1e6;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(FvdBenchReport))]
internal sealed partial class FvdBenchJson : JsonSerializerContext;
