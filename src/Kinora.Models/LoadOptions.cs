using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Lora;

namespace Kinora.Models;

/// <summary>What leaves the device or memory while it is not needed.</summary>
public enum Offload
{
    /// <summary>Nothing: networks stay once they are loaded, text encoders excepted.</summary>
    None,

    /// <summary>Whole networks: one at a time is on the device.</summary>
    Model,

    /// <summary>Blocks of networks: each comes to the device for its own computation.</summary>
    Block,
}

/// <summary>Where and how the networks of a model are loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>Where they run.</summary>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>Type of matrix products: float32 or bfloat16.</summary>
    public DType Compute { get; init; } = DType.Float32;

    /// <summary>In which form matrices and kernels lie in memory.</summary>
    public WeightStorage Storage { get; init; } = WeightStorage.Auto;

    /// <summary>What leaves while it is not needed.</summary>
    public Offload Offload { get; init; } = Offload.None;

    /// <summary>LoRA files on top of the model's weights.</summary>
    public IReadOnlyList<LoraChoice> Loras { get; init; } = [];

    /// <summary>When their changes are added.</summary>
    public LoraMode LoraMode { get; init; } = LoraMode.Auto;
}
