using System.Globalization;

namespace Kinora.Engine;

/// <summary>Where a tensor lives; the values are libtorch's <c>c10::DeviceType</c> codes. Meta tensors have a shape and no data.</summary>
public enum DeviceType
{
    Cpu = 0,
    Cuda = 1,
    Meta = 14,
}

/// <summary>A device: its type and, for CUDA, its index.</summary>
public readonly record struct Device(DeviceType Type, int Index = 0)
{
    public static Device Cpu => new(DeviceType.Cpu);
    public static Device Meta => new(DeviceType.Meta);
    public static Device Cuda(int index = 0) => new(DeviceType.Cuda, index);

    /// <summary>Reads "cpu", "cuda" or "cuda:1".</summary>
    /// <exception cref="DeviceException">The text names no device.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Equals("cpu", StringComparison.OrdinalIgnoreCase))
            return Cpu;
        if (text.Equals("cuda", StringComparison.OrdinalIgnoreCase))
            return Cuda();
        if (text.StartsWith("cuda:", StringComparison.OrdinalIgnoreCase)
            && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            return Cuda(index);
        throw new DeviceException($"device '{text}' is unknown; use cpu, cuda or cuda:N.");
    }

    /// <summary>Waits until everything that was started on the device has ended. The CPU is never behind.</summary>
    public void Synchronize()
    {
        EngineRuntime.EnsureStarted();
        Native.NativeLoader.Check(Native.NativeMethods.kn_device_synchronize((int)Type, Index));
    }

    internal int ScalarIndex => Type == DeviceType.Cuda ? Index : -1;

    public override string ToString() => Type switch
    {
        DeviceType.Cpu => "cpu",
        DeviceType.Meta => "meta",
        _ => string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}"),
    };
}
