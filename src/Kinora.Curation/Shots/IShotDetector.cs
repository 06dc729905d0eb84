namespace Kinora.Curation.Shots;

/// <summary>Finds the first frames of new shots while a clip is decoded once. Detectors of one pass share the frame graph.</summary>
public interface IShotDetector
{
    /// <summary>What the user calls it.</summary>
    string Name { get; }

    /// <summary>Looks at the graph's current frame. Cuts may lie before it; they come in ascending order.</summary>
    void Process(Frames.FrameGraph frame, ShotTrace trace);

    /// <summary>The clip ended with frame number <paramref name="lastIndex"/>.</summary>
    void Finish(long lastIndex, ShotTrace trace);
}
