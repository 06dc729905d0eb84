using Kinora.Engine;

namespace Kinora.Evaluation.Probes;

/// <summary>Asks a probe about clips.</summary>
public static class ProbeReading
{
    private const int BatchSize = 32;

    /// <summary>The probe's answers, row-major [B, attributes].</summary>
    public static int[] Read(WorldProbe probe, LabeledClips clips, Device device, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(probe);
        ArgumentNullException.ThrowIfNull(clips);
        using var inference = GradMode.Inference();
        int attributes = probe.Config.Attributes.Count, clipBytes = clips.Rgb.Length / clips.Count;
        var answers = new int[clips.Count * attributes];
        for (int start = 0; start < clips.Count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = TensorScope.Enter();
            int n = Math.Min(BatchSize, clips.Count - start);
            Tensor[] logits = probe.Forward(ClipTensor.FromBytes(clips.Rgb.AsSpan(start * clipBytes, n * clipBytes), n, clips.Frames, clips.Size, clips.Size, device));
            for (int a = 0; a < attributes; a++)
            {
                long[] best = logits[a].Argmax(1).To(Device.Cpu).ToArray<long>();
                for (int i = 0; i < n; i++)
                    answers[(start + i) * attributes + a] = (int)best[i];
            }
        }
        return answers;
    }
}
