// Cuts by a learned detector that looks at windows of 100 small frames.
// Source of windows, padding and scenes: soCzech/TransNetV2, inference/transnetv2.py (behavior).
using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Runs a window predictor such as TransNet V2 over a clip.</summary>
/// <param name="predict">From 100 frames of 27 × 48 RGB bytes to 100 probabilities that a shot ends.</param>
/// <param name="threshold">Probability above which a frame ends a shot.</param>
public sealed class TransNetDetector(Func<byte[], float[]> predict, double threshold = 0.5) : IShotDetector
{
    private const int Width = 48, Height = 27, FrameBytes = Width * Height * 3, Window = 100, Stride = 50, Margin = 25;

    private readonly List<byte[]> _window = [];
    private readonly Queue<long> _waiting = new();
    private long _decoded;
    private bool _within;

    /// <inheritdoc/>
    public string Name => "transnet";

    /// <inheritdoc/>
    public void Process(FrameGraph frame, ShotTrace trace)
    {
        byte[] picture = Shrink(frame);
        // The first and last frames stand for what lies beyond the clip.
        if (_decoded == 0) { _window.AddRange(Enumerable.Repeat(picture, Margin)); }
        _decoded++;
        _window.Add(picture);
        _waiting.Enqueue(frame.Index);
        if (_window.Count == Window) { Predict(trace); }
    }

    /// <inheritdoc/>
    public void Finish(long lastIndex, ShotTrace trace)
    {
        while (_waiting.Count > 0)
        {
            while (_window.Count < Window) { _window.Add(_window[^1]); }
            Predict(trace);
        }
    }

    private void Predict(ShotTrace trace)
    {
        byte[] input = new byte[Window * FrameBytes];
        for (int i = 0; i < Window; i++) { _window[i].CopyTo(input, i * FrameBytes); }
        float[] probabilities = predict(input);
        for (int i = Margin; i < Margin + Stride && _waiting.TryDequeue(out long index); i++)
        {
            trace.Record("transnet", index, probabilities[i]);
            bool ends = probabilities[i] > threshold;
            // The first frame after those that end a shot begins the next one.
            if (_within && !ends) { trace.Cut(index); }
            _within = ends;
        }
        _window.RemoveRange(0, Stride);
    }

    private static byte[] Shrink(FrameGraph frame)
    {
        byte[] rgb = new byte[FrameBytes], plane = new byte[frame.Width * frame.Height], small = new byte[Width * Height];
        for (int c = 0; c < 3; c++)
        {
            for (int i = 0; i < plane.Length; i++) { plane[i] = frame.Bgr[(3 * i) + 2 - c]; }
            if (frame.Width >= Width && frame.Height >= Height) { AreaResize.Shrink(plane, frame.Width, frame.Height, small, Width, Height); }
            else { Nearest(plane, frame.Width, frame.Height, small); }
            for (int i = 0; i < small.Length; i++) { rgb[(3 * i) + c] = small[i]; }
        }
        return rgb;
    }

    private static void Nearest(byte[] plane, int w, int h, byte[] small)
    {
        for (int i = 0; i < small.Length; i++) { small[i] = plane[(i / Width * h / Height * w) + (i % Width * w / Width)]; }
    }
}
