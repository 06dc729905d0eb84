using Kinora.Engine;

namespace Kinora.Models.Systems.AnimateDiff;

// The motion modules of AnimateDiff, by the level of the U-Net that they belong to: what turns a picture model into a video model.
// Paper: Guo et al., "AnimateDiff", arXiv:2307.04725, section 4.2.
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_motion_model.py (MotionAdapter).
public sealed class MotionAdapter : Module
{
    private readonly MotionModule[][] _down, _up;
    private readonly MotionModule[] _mid;

    /// <param name="path">Where the parameters stand: the root of the adapter's own checkpoint, or of one that holds the whole U-Net.</param>
    /// <param name="config">Sizes.</param>
    public MotionAdapter(ParameterPath path, MotionAdapterConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        int levels = config.BlockOutChannels.Count;
        _down = [.. Enumerable.Range(0, levels).Select(i => Level(path["down_blocks"][i], i, config.MotionLayersPerBlock.At(i)))];
        _up = [.. Enumerable.Range(0, levels).Select(i => Level(path["up_blocks"][i], levels - 1 - i, config.MotionLayersPerBlock.At(levels - 1 - i) + 1))];
        _mid = config.UseMotionMidBlock
            ? [.. Enumerable.Range(0, config.MotionMidBlockLayersPerBlock).Select(i => New(path["mid_block"], i, levels - 1, config.MotionTransformerLayersPerMidBlock))]
            : [];

        MotionModule[] Level(ParameterPath block, int level, int count) => [.. Enumerable.Range(0, count).Select(i => New(block, i, level, config.MotionTransformerLayersPerBlock.At(level)))];
        MotionModule New(ParameterPath block, int index, int level, int layers) =>
            new(block["motion_modules"][index], config.BlockOutChannels[level], config.MotionNumAttentionHeads.At(level), layers, config.MotionNormNumGroups, config.MotionMaxSeqLength);
    }

    public MotionAdapterConfig Config { get; }

    /// <summary>The modules of a level on the way down.</summary>
    internal IReadOnlyList<MotionModule> Down(int block) => _down[block];

    /// <summary>The modules of the coarsest level; none in v1.</summary>
    internal IReadOnlyList<MotionModule> Mid => _mid;

    /// <summary>The modules of a block on the way up, counted from the coarsest.</summary>
    internal IReadOnlyList<MotionModule> Up(int block) => _up[block];
}
