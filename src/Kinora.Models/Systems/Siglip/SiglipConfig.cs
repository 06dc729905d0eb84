using Kinora.Models.Text;

namespace Kinora.Models.Systems.Siglip;

/// <summary>The <c>config.json</c> of both SigLIP encoders together.</summary>
public sealed record SiglipConfig : TransformersConfig
{
    public SiglipTextConfig TextConfig { get; set; } = new();
    public SiglipVisionConfig VisionConfig { get; set; } = new();
    public double InitializerFactor { get; set; } = 1;
}
