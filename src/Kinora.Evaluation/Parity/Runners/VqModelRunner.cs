using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.VqModel;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The picture tokenizer with one codebook.</summary>
internal sealed class VqModelRunner : IFixtureRunner
{
    public IReadOnlyList<string> Classes => ["diffusers." + VqModelConfig.Name];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        var config = VqModelConfig.Read(ConfigText.OfFile(fixture.ConfigPath));
        VqModel model = fixture.Load(path => new VqModel(path, config));
        Tensor latents = model.Encode(fixture.Input("x"));
        Quantized quantized = model.Quantize(latents);
        outputs.Add("out.latents", latents);
        outputs.Add("out.quantized", quantized.Codes);
        outputs.Add("out.indices", quantized.Indices);
        outputs.Add("out.vq_loss", quantized.Loss);
        outputs.Add("out.vq_margin", quantized.Margin);
        outputs.Add("out.recon", model.Decode(quantized.Codes));
        outputs.Add("out.dec_noquant", model.Decode(fixture.Input("z")));
    }
}
