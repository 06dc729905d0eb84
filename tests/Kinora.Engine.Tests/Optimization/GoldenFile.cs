using Kinora.Engine.Checkpoints;

namespace Kinora.Engine.Tests.Optimization;

/// <summary>Reference values of torch 1.13 and huggingface/diffusers v0.40.0 (d035dcd7); see each test for the class.</summary>
internal sealed class GoldenFile(string name) : IDisposable
{
    private readonly SafetensorsFile _file = SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Fixtures", "train", name + ".safetensors"));

    public float[] Floats(string tensor)
    {
        using var value = _file.Read(tensor);
        return value.ToArray<float>();
    }

    public double[] Doubles(string tensor)
    {
        using var value = _file.Read(tensor);
        return value.ToArray<double>();
    }

    public void Dispose() => _file.Dispose();
}
