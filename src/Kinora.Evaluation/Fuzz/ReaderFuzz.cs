// Mutated files through every reader of foreign files: each is read or refused with a message, soon and without large allocations.

using System.Diagnostics;
using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models;
using Kinora.Models.Checkpoints.Doctor;
using Kinora.Models.Checkpoints.Lora;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.Wan;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Fuzz;

/// <summary>What became of the inputs of one reader.</summary>
/// <param name="Reader">One of <see cref="ReaderFuzz.Readers"/>.</param>
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
    private const string Model = "model.safetensors";

    private static readonly (string Reader, string[] Samples, Action<string> Read)[] Targets =
    [
        ("safetensors", ["weights.safetensors"], ReadWeights),
        ("gguf", ["blocks.gguf", "t5.gguf"], ReadWeights),
        ("pickle", ["state-dict.pt", "legacy.bin"], ReadWeights),
        ("layout", ["original.safetensors", "controlnet.safetensors", "wan.safetensors", "cogvideox.safetensors", "t5.gguf"], path => _ = ModelDoctor.Inspect(path)),
        ("lora", ["lora.safetensors", "dora.safetensors", "loha.safetensors", "lokr.safetensors"], ReadLora),
        ("tokenizer", ["clip-tokenizer.json", "unigram-tokenizer.json", "pieces.model"], ReadTokenizer),
        ("config", ["unet.json", "wan.json"], ReadConfig),
    ];

    /// <summary>Names of the readers.</summary>
    public static IReadOnlyList<string> Readers { get; } = [.. Targets.Select(t => t.Reader)];

    /// <summary>Mutates the reader's samples and reads them.</summary>
    /// <param name="reader">One of <see cref="Readers"/>.</param>
    /// <param name="inputs">How many mutated inputs.</param>
    /// <param name="seed">Another seed gives other mutations; the inputs do not depend on the number of workers.</param>
    /// <param name="progress">Told the number of inputs done.</param>
    /// <param name="cancellationToken">Stops between inputs.</param>
    /// <param name="workers">Threads that share the inputs.</param>
    public static FuzzResult Run(string reader, long inputs, ulong seed, IProgress<long>? progress, CancellationToken cancellationToken, int workers = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        var target = Targets.FirstOrDefault(t => t.Reader == reader);
        ArgumentNullException.ThrowIfNull(target.Read, nameof(reader));
        string memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        string folder = Path.Combine(memory, string.Create(CultureInfo.InvariantCulture, $"kinora-fuzz-{Environment.ProcessId}-{reader}"));
        // Files are small: handing parts of one to other threads would take longer than reading it.
        int threads = EngineRuntime.Threads;
        EngineRuntime.Threads = 1;
        var clock = Stopwatch.StartNew();
        try
        {
            var shared = new Shared(inputs, progress);
            var all = new Worker[workers];
            Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellationToken }, w =>
            {
                all[w] = new Worker(target.Samples, target.Read, Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{w}")), seed);
                all[w].Run(shared, cancellationToken);
            });
            return new FuzzResult(reader, all.Sum(w => w.Accepted + w.Refused + w.Crashes.Count), all.Sum(w => w.Accepted), all.Sum(w => w.Refused), [.. all.SelectMany(w => w.Crashes)], all.Max(w => w.Slowest), all.Max(w => w.Largest), clock.Elapsed.TotalSeconds);
        }
        finally
        {
            EngineRuntime.Threads = threads;
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private sealed class Shared(long inputs, IProgress<long>? progress)
    {
        private long _next;

        public long? Take()
        {
            long i = Interlocked.Increment(ref _next) - 1;
            if (i % 1000 == 999)
            {
                progress?.Report(i + 1);
            }
            return i < inputs ? i : null;
        }
    }

    private sealed class Worker(string[] names, Action<string> read, string folder, ulong seed)
    {
        public List<string> Crashes { get; } = [];

        public long Accepted { get; private set; }

        public long Refused { get; private set; }

        public double Slowest { get; private set; }

        public long Largest { get; private set; }

        public void Run(Shared shared, CancellationToken cancellationToken)
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(Path.Combine(folder, Model), FuzzSamples.Of(Model));
            (string Path, byte[] Bytes)[] samples = [.. names.Select(name => (Path.Combine(folder, name), FuzzSamples.Of(name)))];
            foreach (var (path, bytes) in samples)
            {
                // Whole samples first: they must be readable, and libraries load outside the measured time.
                File.WriteAllBytes(path, bytes);
                read(path);
            }
            while (Crashes.Count < MostCrashes && shared.Take() is { } i)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var (path, bytes) = samples[i % samples.Length];
                File.WriteAllBytes(path, new Mutator(seed * 0x100000001B3 + (ulong)i).Mutate(bytes));
                long before = GC.GetAllocatedBytesForCurrentThread();
                long begun = Stopwatch.GetTimestamp();
                try
                {
                    read(path);
                    Accepted++;
                }
                catch (KinoraException)
                {
                    Refused++;
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    Crashes.Add(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(path)}, seed {seed}, input {i}: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} {FirstFrame(e)}"));
                }
                Slowest = Math.Max(Slowest, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                Largest = Math.Max(Largest, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        }
    }

    private static void ReadLora(string path)
    {
        using var scope = TensorScope.Enter();
        using LoraSet set = LoraSet.Open([new LoraChoice(path)]);
        using Checkpoint model = Checkpoint.Open(Path.Combine(Path.GetDirectoryName(path)!, Model));
        IWeights changed = set.Apply("unet", model);
        set.ThrowUnlessUsed();
        foreach (string name in changed.Names)
        {
            _ = changed.Read(name);
        }
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

    private static string FirstFrame(Exception e) => e.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains("Kinora", StringComparison.Ordinal))?.Trim() ?? "";
}
