// How much memory loading takes, by every way from a file to a network: random matrices are written, a process of its own loads and uses
// them, and its peak is compared with the bytes of the weights in the form in which they are kept.

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Lora;

namespace Kinora.Evaluation.Memory;

/// <summary>What one process measured of itself, in bytes.</summary>
/// <param name="Weights">The weights in the form in which they are kept.</param>
/// <param name="Loading">Peak while loading, above what was resident before.</param>
/// <param name="Using">Peak of loading and of a first pass through every layer, likewise.</param>
/// <param name="Resident">What is resident after that pass, likewise.</param>
public sealed record LoadMeasurement(long Weights, long Loading, long Using, long Resident)
{
    /// <summary>The larger peak as a share of the weights.</summary>
    [JsonIgnore]
    public double Ratio => (double)Math.Max(Loading, Using) / Weights;

    /// <summary>As one process tells another.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, LoadJson.Default.LoadMeasurement);

    /// <summary>Reads <see cref="ToJson"/>.</summary>
    public static LoadMeasurement FromJson(string json) => JsonSerializer.Deserialize(json, LoadJson.Default.LoadMeasurement)!;

    /// <summary>The row of the table.</summary>
    public string Line(string route) => string.Create(CultureInfo.InvariantCulture,
        $"{route,-26} {Weights / 1e6,8:F0} {Loading / 1e6,8:F0} {Using / 1e6,8:F0} {Resident / 1e6,8:F0} {(double)Loading / Weights,8:F3} {(double)Using / Weights,8:F3}");

    /// <summary>The heading of the table.</summary>
    public const string Heading = "route                       weights     load      use resident     load      use\n                                 MB       MB       MB       MB    ratio    ratio";
}

[JsonSerializable(typeof(LoadMeasurement))]
internal sealed partial class LoadJson : JsonSerializerContext;

/// <summary>Files for the routes, and what a process does that measures one of them.</summary>
public static class LoadBench
{
    private const int Width = 4096, Shards = 4, LoraRank = 16;
    private const string Stored = "model.safetensors", LoraFile = "lora.safetensors";

    private sealed record Route(string Name, DType FileType, DType Compute, WeightStorage Storage = WeightStorage.Auto, string Kind = "file", bool Streamed = false);

    private static readonly Route[] All =
    [
        new("fp32-fp32", DType.Float32, DType.Float32),
        new("fp32-bf16", DType.Float32, DType.BFloat16),
        new("bf16-bf16", DType.BFloat16, DType.BFloat16),
        new("fp32-bf16-sharded", DType.Float32, DType.BFloat16, Kind: "shards"),
        new("fp32-bf16-pickle", DType.Float32, DType.BFloat16, Kind: "pickle"),
        new("gguf-on-use", DType.Float32, DType.BFloat16, Kind: "gguf"),
        new("bf16-bf16-lora", DType.BFloat16, DType.BFloat16, Kind: "lora"),
        new("fp32-bf16-split", DType.Float32, DType.BFloat16, Kind: "split"),
        new("fp32-as-stored", DType.Float32, DType.BFloat16, WeightStorage.AsStored),
        new("fp32-fp16", DType.Float32, DType.BFloat16, WeightStorage.Float16),
        new("fp32-fp8", DType.Float32, DType.BFloat16, WeightStorage.Float8),
        new("fp32-int8", DType.Float32, DType.BFloat16, WeightStorage.Int8),
    ];

    /// <summary>Names of the ways from a file to a network.</summary>
    public static IReadOnlyList<string> Routes { get; } = [.. All.Select(r => r.Name)];

    /// <summary>Writes the file or files of a route.</summary>
    /// <param name="route">One of <see cref="Routes"/>.</param>
    /// <param name="folder">Where to; it must exist.</param>
    /// <param name="bytes">About how many bytes of weights.</param>
    public static void Write(string route, string folder, long bytes)
    {
        Route r = Find(route);
        int item = r.Kind == "gguf" ? 1 : r.FileType.ItemSize();
        int count = (int)Math.Max(3, bytes / ((long)Width * Width * item));
        count = (count + 2) / 3 * 3;                                                             // splits take three at a time
        string[] names = [.. Enumerable.Range(0, count).Select(i => $"layers.{i}.weight")];
        switch (r.Kind)
        {
            case "pickle":
                RandomWeightFiles.WritePickle(Path.Combine(folder, "model.pt"), names, Width, FillUniform);
                break;
            case "gguf":
                RandomWeightFiles.WriteGguf(Path.Combine(folder, "model.gguf"), names, Width, (i, blocks) => new Random(i).NextBytes(blocks));
                break;
            case "shards":
                WriteShards(folder, names, r.FileType);
                break;
            case "split":
                WriteMatrices(Path.Combine(folder, Stored), Enumerable.Range(0, count / 3).Select(i => $"blocks.{i}.qkv.weight"), 3 * Width, r.FileType);
                break;
            default:
                WriteMatrices(Path.Combine(folder, Stored), names, Width, r.FileType);
                break;
        }
        if (r.Kind == "lora")
        {
            SafetensorsWriter.WriteOneByOne(Path.Combine(folder, LoraFile), Enumerable.Range(0, count).SelectMany(i => new[]
            {
                new TensorToWrite($"transformer.layers.{i}.lora_A.weight", [LoraRank, Width], DType.Float32, () => Tensor.Full([LoraRank, Width], 1e-3)),
                new TensorToWrite($"transformer.layers.{i}.lora_B.weight", [Width, LoraRank], DType.Float32, () => Tensor.Full([Width, LoraRank], 1e-3)),
            }));
        }
    }

    /// <summary>Loads the files of a route in this process, passes once through every layer, and measures. The process must be fresh.</summary>
    public static LoadMeasurement Measure(string route, string folder)
    {
        Route r = Find(route);
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(r.Compute);
        using var scope = TensorScope.Enter();
        // Start the library and its threads, and let the first product allocate what it keeps.
        Tensor x = Tensor.Ones([1, Width], r.Compute);
        F.Linear(x, Tensor.Ones([64, Width], r.Compute));
        GC.Collect();
        ProcessMemory.ResetPeak();
        long before = ProcessMemory.Resident;

        using IWeights weights = Open(r, folder, out IDisposable? also);
        int count = weights.Names.Count(n => n.EndsWith(".weight", StringComparison.Ordinal));
        Stack network = Checkpoint.Build(weights, p => new Stack(p, count), r.Compute, storage: r.Storage, streamed: r.Streamed);
        also?.Dispose();
        long loading = ProcessMemory.Peak - before;
        network.Forward(x);
        var result = new LoadMeasurement(network.Path.Store.NumBytes, loading, ProcessMemory.Peak - before, ProcessMemory.Resident - before);
        network.Path.Store.Dispose();
        return result;
    }

    private static Route Find(string route) => All.FirstOrDefault(r => r.Name == route) ?? throw new EvaluationException($"route '{route}' is unknown; there are {string.Join(", ", Routes)}.");

    private static IWeights Open(Route r, string folder, out IDisposable? also)
    {
        Checkpoint file = Checkpoint.Open(r.Kind == "lora" ? Path.Combine(folder, Stored) : folder);
        also = null;
        switch (r.Kind)
        {
            case "lora":
                LoraSet loras = LoraSet.Open([new LoraChoice(Path.Combine(folder, LoraFile), 0.8)]);
                also = new Both(loras, file);
                return loras.Apply("transformer", file);
            case "split":
                also = file;
                return new MappedWeights(file, new KeyMap(Enumerable.Range(0, file.Names.Count).SelectMany(block => Enumerable.Range(0, 3).Select(part =>
                    new KeyRule($"blocks.{block}.qkv.weight", $"layers.{3 * block + part}.weight", KeyStep.Parts(3, part))))));
            default:
                return file;
        }
    }

    // Uniform in ±0.05: weights that are no finite numbers are refused.
    private static void FillUniform(int seed, Span<float> values)
    {
        const float Range = 0.1f;
        var random = new Random(seed);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextSingle() - 0.5f) * Range;
        }
    }

    private static void WriteMatrices(string path, IEnumerable<string> names, int rows, DType dtype) =>
        SafetensorsWriter.WriteOneByOne(path, names.Select(n => new TensorToWrite(n, [rows, Width], dtype, () => Tensor.Randn([rows, Width], dtype))));

    private static void WriteShards(string folder, string[] names, DType dtype)
    {
        var index = new List<string>();
        string[][] parts = [.. names.Chunk((names.Length + Shards - 1) / Shards)];
        for (int i = 0; i < parts.Length; i++)
        {
            string shard = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{parts.Length:D5}.safetensors");
            WriteMatrices(Path.Combine(folder, shard), parts[i], Width, dtype);
            index.AddRange(parts[i].Select(n => $"\"{n}\":\"{shard}\""));
        }
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), $"{{\"metadata\":{{}},\"weight_map\":{{{string.Join(',', index)}}}}}");
    }

    private sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }

    private sealed class Stack(ParameterPath path, int count) : Module(path)
    {
        private readonly Linear[] _layers = [.. Enumerable.Range(0, count).Select(i => new Linear(path["layers"][i], Width, Width, bias: false))];

        // Every layer reads the same input: random values must not grow from layer to layer.
        public void Forward(Tensor x)
        {
            foreach (Linear layer in _layers)
            {
                using var scope = TensorScope.Enter();
                layer.Forward(x);
            }
        }
    }
}
