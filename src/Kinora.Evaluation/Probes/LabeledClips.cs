using Kinora.Engine;
using Kinora.World;

namespace Kinora.Evaluation.Probes;

/// <summary>Clips as bytes [B, F, H, W, 3] with the right answers [B, attributes].</summary>
/// <param name="Count">B.</param>
/// <param name="Frames">F.</param>
/// <param name="Size">H and W.</param>
public sealed record LabeledClips(int Count, int Frames, int Size, byte[] Rgb, int[] Labels)
{
    private static readonly WorldOptions OneActor = new(TwoActors: 0);

    /// <summary>Renders scenes with one actor, one for each seed.</summary>
    public static LabeledClips Render(IReadOnlyList<ulong> seeds, WorldSplit split, int size, int frames) =>
        Render([.. seeds.Select(s => SceneSampler.Sample(s, split, OneActor))], size, frames);

    /// <summary>Renders the scenes; the labels are those of each scene's first actor.</summary>
    public static LabeledClips Render(IReadOnlyList<Scene> scenes, int size, int frames)
    {
        ArgumentNullException.ThrowIfNull(scenes);
        int clipBytes = frames * size * size * 3, attributes = ProbeAttribute.All.Count;
        var rgb = new byte[scenes.Count * clipBytes];
        var labels = new int[scenes.Count * attributes];
        for (int i = 0; i < scenes.Count; i++)
        {
            Renderer.Render(scenes[i], size, size, frames, rgb.AsSpan(i * clipBytes, clipBytes));
            ProbeAttribute.Labels(CombinationOf(scenes[i])).CopyTo(labels, i * attributes);
        }
        return new LabeledClips(scenes.Count, frames, size, rgb, labels);
    }

    /// <summary>What the first actor of a scene shows.</summary>
    public static Combination CombinationOf(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        Actor a = scene.Actors[0];
        return new Combination(a.Noun, a.Color, a.Motion, scene.Setting);
    }

    /// <summary>The bytes of clip <paramref name="index"/>, [F, H, W, 3].</summary>
    public ReadOnlyMemory<byte> Clip(int index)
    {
        int clipBytes = Rgb.Length / Count;
        return Rgb.AsMemory(index * clipBytes, clipBytes);
    }

    /// <summary>Float32 [B, 3, F, H, W] in [−1, 1].</summary>
    public Tensor ToTensor(Device device) => ClipTensor.FromBytes(Rgb, Count, Frames, Size, Size, device);

    /// <summary>The answers to one attribute, int64 [B].</summary>
    public Tensor Targets(int attribute, Device device)
    {
        using var scope = TensorScope.Enter();
        int attributes = ProbeAttribute.All.Count;
        return scope.Keep(Tensor.FromArray<long>([.. Enumerable.Range(0, Count).Select(i => (long)Labels[i * attributes + attribute])], Count).To(device));
    }
}
