using Kinora.Media;

namespace Kinora.Models.Generation;

/// <summary>A picture that a later frame of the clip is to be.</summary>
/// <param name="Frame">Which frame, counted from 0, or from the end when negative: −1 is the last. The first frame is given by itself.</param>
/// <param name="Picture">What it shows.</param>
public sealed record Keyframe(int Frame, VideoFrame Picture);
