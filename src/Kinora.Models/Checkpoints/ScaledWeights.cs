// Weights in 8-bit floating point with a scale beside each, as ComfyUI repackages them.
// Source: comfyanonymous/ComfyUI v0.3.10, comfy/ops.py (scaled_fp8_ops): weight = stored · scale_weight; the tensor scaled_fp8 marks the file.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints;

/// <summary>Multiplies every scaled tensor by its scale when it is read; the scales themselves are not seen.</summary>
internal sealed class ScaledWeights : IWeights
{
    private const string Marker = "scaled_fp8", WeightScale = ".scale_weight", InputScale = ".scale_input", Weight = ".weight";

    private readonly IWeights _file;
    private readonly string[] _names;

    private ScaledWeights(IWeights file)
    {
        _file = file;
        _names = [.. file.Names.Where(n => !IsNote(n))];
    }

    public string Path => _file.Path;

    public IReadOnlyCollection<string> Names => _names;

    /// <summary>The file itself, or what reads it with its scales.</summary>
    public static IWeights Of(IWeights file) => file.Names.Any(n => n.EndsWith(WeightScale, StringComparison.Ordinal)) ? new ScaledWeights(file) : file;

    public StoredTensor? Find(string name) => IsNote(name) ? null : _file.Find(name);

    public Tensor Read(string name, DType? dtype = null, Device? device = null)
    {
        if (ScaleOf(name) is not { } factor)
        {
            return _file.Read(name, dtype, device);
        }
        using var scope = TensorScope.Enter();
        Tensor value = _file.Read(name, DType.Float32) * factor;
        value = dtype is { } wanted ? value.To(wanted) : value;
        return scope.Keep(device is { } place ? value.To(place) : value);
    }

    public StoredElements? ReadStored(string name) =>
        IsNote(name) || _file.ReadStored(name) is not { } elements ? null : elements with { Scale = elements.Scale * (ScaleOf(name) ?? 1) };

    public void Dispose() => _file.Dispose();

    private float? ScaleOf(string name)
    {
        string scale = name.EndsWith(Weight, StringComparison.Ordinal) ? name[..^Weight.Length] + WeightScale : "";
        if (scale.Length == 0 || _file.Find(scale) is null)
        {
            return null;
        }
        using var scope = TensorScope.Enter();
        return (float)_file.Read(scale, DType.Float32).Mean().Item();
    }

    private static bool IsNote(string name) =>
        name.EndsWith(WeightScale, StringComparison.Ordinal) || name.EndsWith(InputScale, StringComparison.Ordinal) || name == Marker || name.EndsWith("." + Marker, StringComparison.Ordinal);
}
