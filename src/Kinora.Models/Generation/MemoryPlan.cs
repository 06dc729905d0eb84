// How much memory a clip takes, from the headers of its weights and the sizes of its largest tensors. Nothing is loaded.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints;

namespace Kinora.Models.Generation;

/// <summary>A part of making a clip that holds its own networks and tensors: reading the prompt, sampling, decoding.</summary>
/// <param name="Network">The component that works.</param>
/// <param name="Kept">Components that stay in memory beside it unless networks are offloaded.</param>
/// <param name="Activations">Bytes of tensors at its peak, for a type of matrix products.</param>
/// <param name="Parameters">Type of the networks' parameters; null for that of matrix products.</param>
public sealed record MemoryPhase(string Network, IReadOnlyList<string> Kept, Func<DType, long> Activations, DType? Parameters = null);

/// <summary>The phases of one clip.</summary>
/// <param name="Folder">The model.</param>
/// <param name="Phases">Its phases.</param>
/// <param name="FrameBytes">Finished frames, held until the clip is written.</param>
public sealed record MemoryPlan(ModelFolder Folder, IReadOnlyList<MemoryPhase> Phases, long FrameBytes)
{
    /// <summary>The runtime, libtorch and libav with their threads, measured: what a process holds that has made the smallest clip.</summary>
    public const long Libraries = 250L << 20;

    // Freed tensors stay with the engine, by size, for the next of that size. A network whose stages differ in size leaves some of every
    // stage: measured in decoders of pictures and of clips, 0.6 to 1.0 of what is alive at the peak.
    private const double Retained = 0.8;

    /// <summary>Bytes in use at the peak, about: the largest phase.</summary>
    /// <param name="options">Where and how networks are loaded.</param>
    public long PeakBytes(LoadOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var weights = new Dictionary<(string, DType), long>();
        long Weights(string component, DType type) =>
            weights.TryGetValue((component, type), out long known) ? known : weights[(component, type)] = WeightBytes(component, type, options);
        long Phase(MemoryPhase phase)
        {
            DType type = phase.Parameters ?? options.Compute;
            long kept = options.Offload == Offload.None ? phase.Kept.Sum(c => Weights(c, type)) : 0;
            long alive = phase.Activations(options.Compute);
            long retained = options.Device.Type == DeviceType.Cpu ? Math.Min((long)(Retained * alive), EngineRuntime.DefaultHostCacheLimit) : 0;
            return Weights(phase.Network, type) + kept + alive + retained;
        }
        return Libraries + FrameBytes + Phases.Max(Phase);
    }

    /// <summary>Bytes of one component's weights as the options keep them, with what decoding its largest layer takes.</summary>
    private long WeightBytes(string component, DType type, LoadOptions options)
    {
        if (!Folder.Has(component))
        {
            return 0;
        }
        using Checkpoint file = Checkpoint.Open(Folder.Component(component));
        IWeights weights = DialectRecognition.FindPublished(file, component)?.Weights ?? file;
        bool streams = options.Offload == Offload.Block;
        long resident = 0, decoded = 0;
        var groups = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (string name in weights.Names)
        {
            StoredTensor stored = weights.Find(name)!;
            long plain = stored.NumElements * type.ItemSize();
            bool isWeight = stored.Shape.Count > 1;
            long bytes = streams && isWeight ? stored.NumBytes : isWeight ? options.Storage.BytesOf(stored.Type, type, stored.NumElements, stored.Shape[0]) : plain;
            if (bytes != plain)
            {
                decoded = Math.Max(decoded, plain);
            }
            if (streams && isWeight)
            {
                string group = Block(name);
                groups[group] = groups.GetValueOrDefault(group) + bytes;
            }
            else
            {
                resident += bytes;
            }
        }
        // The block in use and the one that is read ahead.
        return resident + decoded + groups.Values.OrderDescending().Take(2).Sum();
    }

    private static string Block(string name)
    {
        string[] parts = name.Split('.');
        int number = Array.FindIndex(parts, p => p.All(char.IsAsciiDigit));
        return number < 0 ? "" : string.Join('.', parts[..(number + 1)]);
    }
}
