// Mutated files through every reader of foreign files: each is read or refused with a message, soon and without large allocations.

using System.Diagnostics;
using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.Wan;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Fuzz;

/// <summary>What became of the inputs of one reader.</summary>
/// <param name="Reader">safetensors, gguf, pickle, tokenizer, config.</param>
/// <param name="Inputs">How many were tried.</param>
/// <param name="Accepted">Read without complaint.</param>
/// <param name="Refused">Refused with a message.</param>
/// <param name="Crashes">Neither: what was thrown, with the seed that repeats it.</param>
/// <param name="SlowestMilliseconds">The longest time of one input.</param>
/// <param name="LargestAllocation">The most managed bytes that one input allocated.</param>
/// <param name="Seconds">Time in all.</param>
public sealed record FuzzResult(string Reader, long Inputs, long Accepted, long Refused, IReadOnlyList<string> Crashes, double SlowestMilliseconds, long LargestAllocation, double Seconds)
{
    /// <summary>An input may take this long.</summary>
    public const double PatienceMilliseconds = 20_000;

    /// <summary>Nothing crashed and nothing hung.</summary>
    public bool Passed => Crashes.Count == 0 && SlowestMilliseconds < PatienceMilliseconds;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(Passed ? "pass" : "FAIL")}  {Reader,-12} {Inputs} inputs, {Accepted} read, {Refused} refused, {Crashes.Count} crashes, slowest {SlowestMilliseconds:F0} ms, most memory {LargestAllocation / 1e6:F1} MB, {Seconds:F0} s{string.Concat(Crashes.Take(5).Select(c => $"\n      {c}"))}");
}

/// <summary>Fuzzes the readers.</summary>
public static class ReaderFuzz
{
    private const int MostCrashes = 100;
    private const string SamplePrefix = "Kinora.Evaluation.Fuzz.Samples.";

    private static readonly (string Reader, string[] Samples, Action<string> Read)[] Targets =
    [
        ("safetensors", ["weights.safetensors"], ReadWeights),
        ("gguf", ["blocks.gguf"], ReadWeights),
        ("pickle", ["state-dict.pt", "legacy.bin"], ReadWeights),
        ("tokenizer", ["clip-tokenizer.json", "unigram-tokenizer.json", "pieces.model"], ReadTokenizer),
        ("config", ["unet.json", "wan.json"], ReadConfig),
    ];

    /// <summary>Names of the readers.</summary>
    public static IReadOnlyList<string> Readers { get; } = [.. Targets.Select(t => t.Reader)];

    /// <summary>Mutates the reader's samples and reads them.</summary>
    /// <param name="reader">One of <see cref="Readers"/>.</param>
    /// <param name="inputs">How many mutated inputs.</param>
    /// <param name="seed">Another seed gives other mutations.</param>
    /// <param name="progress">Told the number of inputs done.</param>
    /// <param name="cancellationToken">Stops between inputs.</param>
    public static FuzzResult Run(string reader, long inputs, ulong seed, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var target = Targets.FirstOrDefault(t => t.Reader == reader);
        ArgumentNullException.ThrowIfNull(target.Read, nameof(reader));
        byte[][] samples = [.. target.Samples.Select(Sample)];
        string memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        string folder = Path.Combine(memory, string.Create(CultureInfo.InvariantCulture, $"kinora-fuzz-{Environment.ProcessId}-{reader}"));
        Directory.CreateDirectory(folder);
        foreach (string name in target.Samples)
        {
            // Whole samples first: they must be readable, and libraries load outside the measured time.
            string whole = Path.Combine(folder, name);
            File.WriteAllBytes(whole, Sample(name));
            target.Read(whole);
        }
        var clock = Stopwatch.StartNew();
        var crashes = new List<string>();
        long accepted = 0, refused = 0, largest = 0;
        double slowest = 0;
        try
        {
            for (long i = 0; i < inputs && crashes.Count < MostCrashes; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int which = (int)(i % samples.Length);
                string path = Path.Combine(folder, target.Samples[which]);
                File.WriteAllBytes(path, new Mutator(seed * 0x100000001B3 + (ulong)i).Mutate(samples[which]));
                long before = GC.GetAllocatedBytesForCurrentThread();
                long begun = Stopwatch.GetTimestamp();
                try
                {
                    target.Read(path);
                    accepted++;
                }
                catch (KinoraException)
                {
                    refused++;
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    crashes.Add(string.Create(CultureInfo.InvariantCulture, $"{target.Samples[which]}, seed {seed}, input {i}: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} {FirstFrame(e)}"));
                }
                slowest = Math.Max(slowest, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                largest = Math.Max(largest, GC.GetAllocatedBytesForCurrentThread() - before);
                if (i % 1000 == 999)
                {
                    progress?.Report(i + 1);
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        return new FuzzResult(reader, accepted + refused + crashes.Count, accepted, refused, crashes, slowest, largest, clock.Elapsed.TotalSeconds);
    }

    private static void ReadWeights(string path)
    {
        using var scope = TensorScope.Enter();
        using Checkpoint file = Checkpoint.Open(path);
        foreach (string name in file.Names)
        {
            _ = file.Read(name);
        }
    }

    private static void ReadTokenizer(string path)
    {
        TextTokenizer tokenizer = TextTokenizer.LoadFile(path);
        int[] ids = tokenizer.Encode("The café's  cat\tsat at 12 𠮷 <|endoftext|> </s>.");
        _ = tokenizer.Decode(ids);
    }

    private static void ReadConfig(string path)
    {
        if (path.EndsWith("unet.json", StringComparison.Ordinal))
        {
            UNet2DConditionConfig.Read(ConfigText.OfFile(path)).Validate();
        }
        else
        {
            ModelConfigJson.ReadFile(path, WanJson.Default.WanTransformerConfig, WanTransformerConfig.Defaults).Validate();
        }
    }

    private static byte[] Sample(string name)
    {
        using Stream stream = typeof(ReaderFuzz).Assembly.GetManifestResourceStream(SamplePrefix + name) ?? throw new InvalidOperationException($"the sample {name} is not part of this assembly.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static string FirstFrame(Exception e) => e.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains("Kinora", StringComparison.Ordinal))?.Trim() ?? "";
}
