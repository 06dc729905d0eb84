using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Lora;

namespace Kinora.Models.Generation;

/// <summary>Which model makes clips, and where.</summary>
public sealed class KinoraOptions
{
    /// <summary>The model that is meant when nobody says otherwise.</summary>
    public const string DefaultModel = "kinora-world";

    /// <summary>A model folder, a file of weights, or the name of a folder in a models folder.</summary>
    public string Model { get; set; } = DefaultModel;

    /// <summary>Components that stand elsewhere: what a file of weights lacks, or others in the place of the model's own.</summary>
    public ModelParts Parts { get; set; } = new();

    /// <summary>LoRA files on top of the model's weights.</summary>
    public IReadOnlyList<LoraChoice> Loras { get; set; } = [];

    /// <summary>When their changes are added.</summary>
    public LoraMode LoraMode { get; set; } = LoraMode.Auto;

    /// <summary>cpu, cuda or cuda:N; auto takes the first GPU if there is one.</summary>
    public string Device { get; set; } = "auto";

    /// <summary>Type of matrix products: fp32, bf16, on a GPU fp16, or auto for what is faster here.</summary>
    public string DType { get; set; } = "auto";

    /// <summary>In which form weights stay in memory: auto, as-stored, bf16, fp16, fp8 or int8.</summary>
    public string Weights { get; set; } = "auto";

    /// <summary>What leaves memory while it is not needed: none, model or block.</summary>
    public string Offload { get; set; } = "none";

    /// <summary>The device that <see cref="Device"/> means on this machine. Starts the engine unless it is the CPU.</summary>
    /// <exception cref="DeviceException">It names no device of this machine.</exception>
    public Device ResolveDevice()
    {
        if (Device == "auto")
        {
            return EngineRuntime.CudaIsAvailable ? Engine.Device.Cuda() : Engine.Device.Cpu;
        }
        Device device = Engine.Device.Parse(Device);
        if (device.Type == DeviceType.Cuda && device.Index >= EngineRuntime.CudaDeviceCount)
        {
            throw new DeviceException($"device {device} was asked for; this machine has {EngineRuntime.CudaDeviceCount} CUDA devices that the engine sees. Use cpu, or run kinora doctor.");
        }
        return device;
    }

    /// <summary>How networks are loaded on this machine. Starts the engine unless the device is the CPU.</summary>
    /// <exception cref="DeviceException">The device is not one of this machine.</exception>
    /// <exception cref="ConfigException">A type is none.</exception>
    public LoadOptions ResolveLoad()
    {
        Device device = ResolveDevice();
        WeightStorage storage = WeightStorageExtensions.Parse(Weights);
        Offload offload = Offload.ToLowerInvariant() switch
        {
            "none" => Models.Offload.None,
            "model" => Models.Offload.Model,
            "block" => Models.Offload.Block,
            _ => throw new ConfigException($"offload '{Offload}' is unknown; use none, model or block."),
        };
        if (offload == Models.Offload.Block && storage is not (WeightStorage.Auto or WeightStorage.AsStored))
        {
            throw new ConfigException($"offload block brings weights in from their file as they stand there, so they cannot be kept as {Weights}. Leave one of the two out, or convert the file with kinora models convert.");
        }
        return new LoadOptions { Device = device, Compute = ResolveDType(device), Storage = storage, Offload = offload, Loras = Loras, LoraMode = LoraMode };
    }

    /// <summary>The type that <see cref="DType"/> means on a device.</summary>
    /// <exception cref="ConfigException">It names no type.</exception>
    public DType ResolveDType(Device device)
    {
        if (DType == "auto")
        {
            return device.Type == DeviceType.Cuda || HostProcessor.HasBfloat16 ? Engine.DType.BFloat16 : Engine.DType.Float32;
        }
        DType dtype = DTypeExtensions.Parse(DType);
        if (dtype == Engine.DType.Float16 && device.Type == DeviceType.Cpu)
        {
            throw new ConfigException("dtype fp16 needs a GPU: processors have no arithmetic in it. Use bf16 or fp32, and to keep weights in 16 bits --weights fp16.");
        }
        return dtype is Engine.DType.Float32 or Engine.DType.BFloat16 or Engine.DType.Float16 ? dtype
            : throw new ConfigException($"dtype {DType} is not one that models run in; use fp32, bf16, or on a GPU fp16.");
    }
}
