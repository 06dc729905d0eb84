// CLIP's image encoder out of OpenAI's own archives (ViT-B-32.pt, ViT-L-14.pt): TorchScript, of which only the weights are read.
// Source: openai/CLIP, clip/model.py (build_model): sizes follow from shapes, heads are 64 wide.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;

namespace Kinora.Models.Systems.Clip;

/// <summary>Reads OpenAI's archives.</summary>
public static class OpenAiClip
{
    private const string Tower = "visual.";
    private const int HeadSize = 64;

    /// <summary>The image encoder with its projection.</summary>
    /// <exception cref="CheckpointException">The file holds no vision transformer of CLIP, or not exactly its weights.</exception>
    public static ClipVisionModelWithProjection LoadVision(string path, Device? device = null)
    {
        using Checkpoint file = Checkpoint.Open(path);
        if (file.Find(Tower + "conv1.weight") is not { Shape: [var width, 3, var patch, _] } || file.Find(Tower + "positional_embedding") is not { Shape: [var tokens, _] } || file.Find(Tower + "proj") is not { Shape: [_, var shared] })
            throw new CheckpointException($"{path}: no `{Tower}conv1.weight`, `{Tower}positional_embedding` and `{Tower}proj`; expected a vision transformer of OpenAI's CLIP, like ViT-B-32.pt.");
        const string blocks = Tower + "transformer.resblocks.";
        var config = new ClipVisionConfig
        {
            HiddenSize = (int)width, IntermediateSize = 4 * (int)width, NumAttentionHeads = (int)width / HeadSize, PatchSize = (int)patch, ImageSize = (int)(patch * (long)Math.Sqrt(tokens - 1)), ProjectionDim = (int)shared,
            NumHiddenLayers = 1 + file.Names.Where(n => n.StartsWith(blocks, StringComparison.Ordinal)).Select(n => int.TryParse(n[blocks.Length..].Split('.')[0], out int i) ? i : -1).DefaultIfEmpty(-1).Max(),
        };
        using var renamed = new MappedWeights(file, OpenClipKeys.Vision, Tower);
        var source = new CheckpointParameters(renamed);
        ParameterPath root = ParameterPath.Root(source, DType.Float32, device);
        try
        {
            var model = new ClipVisionModelWithProjection(root, config);
            source.Report.ThrowUnlessEmpty();
            return model;
        }
        catch
        {
            root.Store.Dispose();
            throw;
        }
    }
}
