using Kinora.Media;
using Kinora.Models.Diffusion;

namespace Kinora.Models.Generation;

/// <summary>One clip in the making: what the pipeline is asked for, and what it tells meanwhile.</summary>
/// <param name="plan">The checked request.</param>
/// <param name="seed">This clip's seed.</param>
/// <param name="cancellation">Looked at before every network call.</param>
public sealed class ClipRun(GenerationPlan plan, ulong seed, CancellationToken cancellation = default)
{
    private readonly List<VideoFrame> _frames = [];
    // A continued clip keeps its own frames; what is made in the place of the held ones is left out.
    private int _left = plan.Input?.Kind == "clip" ? plan.HeldFrames : 0;
    private bool _begun;

    /// <summary>The checked request.</summary>
    public GenerationPlan Plan => plan;

    /// <summary>This clip's seed.</summary>
    public ulong Seed => seed;

    /// <summary>Looked at before every network call.</summary>
    public CancellationToken Cancellation => cancellation;

    /// <summary>The frames so far.</summary>
    public IReadOnlyList<VideoFrame> Frames => _frames;

    /// <summary>Step caching for this clip; null for none. Whoever makes the run frees it.</summary>
    public StepCache? Cache { get; init; }

    /// <summary>Hears of every finished step, with a picture when one is due.</summary>
    public Action<int, VideoFrame?>? OnStep { get; init; }

    /// <summary>Hears that decoding begins.</summary>
    public Action? OnDecoding { get; init; }

    /// <summary>Hears of every frame.</summary>
    public Action<VideoFrame>? OnFrame { get; init; }

    /// <summary>Tells that a sampling step is finished.</summary>
    /// <param name="done">Steps finished, from 1.</param>
    /// <param name="preview">Makes a picture of the clip as it stands; called only when one was asked for. Null where there is none.</param>
    public void Step(int done, Func<VideoFrame>? preview = null)
    {
        bool due = plan.PreviewEverySteps > 0 && done % plan.PreviewEverySteps == 0;
        OnStep?.Invoke(done, due ? preview?.Invoke() : null);
    }

    /// <summary>Tells that sampling is done and decoding begins.</summary>
    public void Decoding() => OnDecoding?.Invoke();

    /// <summary>Hands over the next frame that the model made, held ones included.</summary>
    public void Frame(VideoFrame frame)
    {
        if (!_begun && _left > 0)
        {
            foreach (VideoFrame given in plan.GivenFrames)
            {
                Add(given);
            }
        }
        _begun = true;
        if (_left > 0)
        {
            _left--;
            return;
        }
        Add(frame);
    }

    private void Add(VideoFrame frame)
    {
        _frames.Add(frame);
        OnFrame?.Invoke(frame);
    }
}
