// Sampled pictures on their way from the thread that decodes to the one that measures them.
using System.Collections.Concurrent;
using Kinora.Curation.Frames;
using Kinora.Media;

namespace Kinora.Curation.Scores;

/// <summary>A sampled frame and what belongs to it, in buffers that are used again.</summary>
internal sealed class Sample
{
    private byte[] _small = [], _earlierSmall = [];

    /// <summary>The frame at coded size.</summary>
    public SampledPicture Picture { get; } = new();

    /// <summary>A frame shortly before at coded size; valid with <see cref="HasEarlier"/>, where a scorer compares the two.</summary>
    public SampledPicture Earlier { get; } = new();

    /// <summary>Whether there was a frame to compare with.</summary>
    public bool HasEarlier { get; private set; }

    /// <summary>Number and presentation time of the sampled frame and of the earlier one.</summary>
    public (long Index, Rational Time) At { get; private set; }

    /// <inheritdoc cref="At"/>
    public (long Index, Rational Time) EarlierAt { get; private set; }

    /// <summary>The sampled frame as the graph has it: rows of B, G, R.</summary>
    public ReadOnlySpan<byte> Small => _small;

    /// <summary>The earlier frame as the graph has it.</summary>
    public ReadOnlySpan<byte> EarlierSmall => _earlierSmall;

    /// <summary>The codec's motion vectors in the sampled frame, of blocks in a picture of <see cref="CodedWidth"/>×<see cref="CodedHeight"/>.</summary>
    public IReadOnlyList<MotionVector> Vectors { get; private set; } = [];

    /// <summary>Pixels.</summary>
    public int CodedWidth { get; private set; }

    /// <summary>Pixels.</summary>
    public int CodedHeight { get; private set; }

    /// <summary>Forgets the earlier frame of the last use.</summary>
    public void Begin() => HasEarlier = false;

    /// <summary>Takes the reader's current frame, which the graph holds too, as the earlier one.</summary>
    /// <param name="reader">Where the frame is.</param>
    /// <param name="graph">Its small forms.</param>
    /// <param name="whole">Whether a scorer wants it at coded size.</param>
    public void LoadEarlier(AnalysisReader reader, FrameGraph graph, bool whole)
    {
        if (whole) { Earlier.Load(reader, graph.Index); }
        (HasEarlier, EarlierAt, _earlierSmall) = (true, (graph.Index, graph.Time), Copy(graph.Bgr, _earlierSmall));
    }

    /// <summary>Takes the reader's current frame, which the graph holds too.</summary>
    public void Load(AnalysisReader reader, FrameGraph graph)
    {
        Picture.Load(reader, graph.Index);
        (At, _small) = ((graph.Index, graph.Time), Copy(graph.Bgr, _small));
        (Vectors, CodedWidth, CodedHeight) = (reader.MotionVectors(), reader.CodedWidth, reader.CodedHeight);
    }

    private static byte[] Copy(ReadOnlySpan<byte> from, byte[] to)
    {
        if (to.Length != from.Length) { to = new byte[from.Length]; }
        from.CopyTo(to);
        return to;
    }
}

/// <summary>Hands samples over in order. No more exist than were made at first, so the thread that decodes waits for the one that measures.</summary>
/// <param name="count">How many samples exist.</param>
internal sealed class SampleQueue(int count) : IDisposable
{
    private readonly BlockingCollection<Sample> _free = new(new ConcurrentQueue<Sample>(Enumerable.Range(0, count).Select(_ => new Sample()))), _filled = [];

    /// <summary>A sample to fill; waits for one.</summary>
    public Sample Take(CancellationToken cancellationToken)
    {
        var sample = _free.Take(cancellationToken);
        sample.Begin();
        return sample;
    }

    /// <summary>Hands a filled sample over.</summary>
    public void Add(Sample sample) => _filled.Add(sample);

    /// <summary>No sample follows.</summary>
    public void Complete() => _filled.CompleteAdding();

    /// <summary>The filled samples in order, until <see cref="Complete"/>; each may be filled again when the next is asked for.</summary>
    public IEnumerable<Sample> Filled()
    {
        foreach (var sample in _filled.GetConsumingEnumerable())
        {
            yield return sample;
            _free.Add(sample);
        }
    }

    public void Dispose()
    {
        _free.Dispose();
        _filled.Dispose();
    }
}
