using Kinora.Evaluation.Features;
using Kinora.World;

namespace Kinora.Evaluation.Retrieval;

/// <summary>Training clips of the procedural world, by their scenes; a clip is drawn when it is needed.</summary>
/// <param name="Name">Where the scenes are from, for passports.</param>
/// <param name="Scenes">The scenes.</param>
public sealed record TrainingCorpus(string Name, IReadOnlyList<Scene> Scenes)
{
    private const ulong Wording = 0x7261_494E;

    /// <summary>A caption of each clip, drawn by its place.</summary>
    public IReadOnlyList<string> Captions { get; } = [.. Scenes.Select((s, i) => CaptionGrammar.Describe(s, Wording + (ulong)i))];

    /// <summary>Scenes of the training split by seeds from 0: like those that a generator was trained on, but not the very same.</summary>
    public static TrainingCorpus OfSplit(int clips) => new($"{clips} scenes of the training split", [.. Enumerable.Range(0, clips).Select(i => SceneSampler.Sample((ulong)i))]);

    /// <summary>Bytes [F, H, W, 3] of a clip.</summary>
    public byte[] Render(int index, int size, int frames)
    {
        var rgb = new byte[frames * size * size * 3];
        Renderer.Render(Scenes[index], size, size, frames, rgb);
        return rgb;
    }

    /// <summary>Coarse descriptors of every clip. Only the frames that <see cref="PixelDescriptor"/> looks at are drawn.</summary>
    public FeatureMatrix Descriptors(int size, int frames, Action<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var values = new double[Scenes.Count * PixelDescriptor.Dimension];
        int done = 0;
        // A frame depends on its time alone, so that a clip of 5 frames shows frames 0, k, 2k, 3k and 4k of one of 1 + 4k.
        int drawn = (frames - 1) % (PixelDescriptor.Frames - 1) == 0 ? PixelDescriptor.Frames : frames;
        Parallel.For(0, Scenes.Count, new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Math.Max(1, Environment.ProcessorCount / 2) }, i =>
        {
            PixelDescriptor.Of(Render(i, size, drawn), drawn, size, size).CopyTo(values, i * PixelDescriptor.Dimension);
            int now = Interlocked.Increment(ref done);
            if (now % 500 == 0)
                progress?.Invoke(now);
        });
        return new FeatureMatrix(Name, Scenes.Count, PixelDescriptor.Dimension, values);
    }
}
