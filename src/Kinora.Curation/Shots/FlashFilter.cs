// What happens to changes that follow each other too quickly: a flash is two of them.
// Source: PySceneDetect 0.7, detector.py FlashFilter (behavior).
namespace Kinora.Curation.Shots;

/// <summary>How changes closer than the minimum length are treated.</summary>
public enum FlashFilterMode
{
    /// <summary>Consecutive changes become one, at the last of them.</summary>
    Merge,

    /// <summary>A change counts only when the shot before it is long enough.</summary>
    Suppress,
}

/// <summary>Turns "this frame differs" into at most one cut per minimum length.</summary>
/// <param name="mode">Which rule.</param>
/// <param name="length">Minimum length of a shot in frames; 0 lets every change through.</param>
internal sealed class FlashFilter(FlashFilterMode mode, long length)
{
    private long? _lastAbove;
    private long _mergeStart;
    private bool _canMerge, _merging;

    /// <summary>The frame to cut at, now that frame <paramref name="index"/> is known; null for none.</summary>
    public long? Next(long index, bool differs)
    {
        if (length <= 0) { return differs ? index : null; }
        _lastAbove ??= index;
        return mode == FlashFilterMode.Merge ? Merge(index, differs) : Suppress(index, differs);
    }

    private long? Suppress(long index, bool differs)
    {
        if (!differs || index - _lastAbove < length) { return null; }
        return _lastAbove = index;
    }

    private long? Merge(long index, bool differs)
    {
        bool longEnough = index - _lastAbove >= length;
        if (differs) { _lastAbove = index; }
        if (_merging)
        {
            if (!longEnough || differs || _lastAbove - _mergeStart < length) { return null; }
            _merging = false;
            return _lastAbove;
        }
        if (!differs) { return null; }
        if (longEnough)
        {
            // Changes before the first cut are dropped, not merged: the first shot may not be shorter than the minimum.
            _canMerge = true;
            return index;
        }
        if (_canMerge)
        {
            _merging = true;
            _mergeStart = index;
        }
        return null;
    }
}
