using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Weights of the differences that make the content score; their absolute values are normalized to sum 1.</summary>
/// <param name="Hue">Weight of the mean hue difference.</param>
/// <param name="Saturation">Weight of the mean saturation difference.</param>
/// <param name="Luma">Weight of the mean value difference.</param>
/// <param name="Edges">Weight of the mean difference of edge pictures.</param>
public sealed record ContentWeights(double Hue = 1, double Saturation = 1, double Luma = 1, double Edges = 0)
{
    /// <summary>Brightness alone.</summary>
    public static ContentWeights LumaOnly { get; } = new(0, 0, 1);
}

/// <summary>The content score of PySceneDetect: a weighted mean of how much hue, saturation, value and edges changed.</summary>
/// <param name="weights">The weights.</param>
/// <param name="edgesAlways">Compute and record edges though their weight is zero.</param>
internal sealed class ContentScore(ContentWeights weights, bool edgesAlways)
{
    /// <summary>Name under which the score is recorded.</summary>
    public const string Metric = "content_val";

    /// <summary>The score of the current frame, 0..255; 0 for the first.</summary>
    public double Of(FrameGraph frame, ShotTrace trace)
    {
        ContentDelta delta = frame.Delta;
        double edges = weights.Edges != 0 || edgesAlways ? frame.EdgeDelta : 0;
        double score = ((delta.Hue * weights.Hue) + (delta.Saturation * weights.Saturation) + (delta.Luma * weights.Luma) + (edges * weights.Edges))
            / (Math.Abs(weights.Hue) + Math.Abs(weights.Saturation) + Math.Abs(weights.Luma) + Math.Abs(weights.Edges));
        trace.Record(Metric, frame.Index, score);
        trace.Record("delta_hue", frame.Index, delta.Hue);
        trace.Record("delta_sat", frame.Index, delta.Saturation);
        trace.Record("delta_lum", frame.Index, delta.Luma);
        trace.Record("delta_edges", frame.Index, edges);
        return score;
    }
}
