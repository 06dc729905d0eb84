namespace Kinora.Models.Systems.Raft;

/// <summary>The sizes of a RAFT network.</summary>
public sealed record RaftConfig
{
    /// <summary>Channels of the feature encoder: stem, three stages, output.</summary>
    public required IReadOnlyList<int> FeatureLayers { get; init; }

    /// <summary>Channels of the context encoder.</summary>
    public required IReadOnlyList<int> ContextLayers { get; init; }

    /// <summary>Narrow 1×1, 3×3, 1×1 blocks in the encoders instead of two 3×3 convolutions.</summary>
    public bool Bottleneck { get; init; }

    /// <summary>Batch norm in the context encoder; none otherwise. The feature encoder always has instance norm.</summary>
    public bool ContextNorm { get; init; }

    /// <summary>Levels of the correlation pyramid.</summary>
    public required int CorrelationLevels { get; init; }

    /// <summary>Pixels looked at around each position of a level.</summary>
    public required int CorrelationRadius { get; init; }

    /// <summary>Channels of the convolutions over correlations (one or two).</summary>
    public required IReadOnlyList<int> MotionCorrelation { get; init; }

    /// <summary>Channels of the two convolutions over the flow.</summary>
    public required IReadOnlyList<int> MotionFlow { get; init; }

    /// <summary>Channels of the motion encoder's result, the flow included.</summary>
    public required int MotionChannels { get; init; }

    /// <summary>Channels of the recurrent state.</summary>
    public required int HiddenChannels { get; init; }

    /// <summary>A row and a column GRU of 5 instead of one of 3×3.</summary>
    public bool SeparableRecurrence { get; init; }

    /// <summary>Channels inside the flow head.</summary>
    public required int FlowHeadChannels { get; init; }

    /// <summary>Channels inside the predictor of upsampling weights; 0 for bilinear upsampling.</summary>
    public int MaskChannels { get; init; }

    /// <summary>The network of 5.3 million parameters.</summary>
    public static RaftConfig Large { get; } = new()
    {
        FeatureLayers = [64, 64, 96, 128, 256], ContextLayers = [64, 64, 96, 128, 256], ContextNorm = true, CorrelationLevels = 4, CorrelationRadius = 4,
        MotionCorrelation = [256, 192], MotionFlow = [128, 64], MotionChannels = 128, HiddenChannels = 128, SeparableRecurrence = true, FlowHeadChannels = 256, MaskChannels = 256,
    };

    /// <summary>The network of 1 million parameters.</summary>
    public static RaftConfig Small { get; } = new()
    {
        FeatureLayers = [32, 32, 64, 96, 128], ContextLayers = [32, 32, 64, 96, 160], Bottleneck = true, CorrelationLevels = 4, CorrelationRadius = 3,
        MotionCorrelation = [96], MotionFlow = [64, 32], MotionChannels = 82, HiddenChannels = 96, FlowHeadChannels = 128,
    };
}
