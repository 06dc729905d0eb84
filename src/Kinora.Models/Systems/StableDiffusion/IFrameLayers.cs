using Kinora.Engine;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>What a video model puts behind the layers of a picture U-Net. Each takes and returns frames as pictures, [B·F, C, H, W].</summary>
internal interface IFrameLayers
{
    /// <summary>Behind a layer of a level on the way down.</summary>
    Tensor Down(int block, int layer, Tensor x);

    /// <summary>Behind the transformer of the coarsest level.</summary>
    Tensor Mid(Tensor x);

    /// <summary>Behind a layer of a block on the way up, counted from the coarsest.</summary>
    Tensor Up(int block, int layer, Tensor x);
}
