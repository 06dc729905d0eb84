using System.Text;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Models;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>The U-Net of AnimateDiff: from one checkpoint, or a Stable Diffusion U-Net and a motion adapter put together.</summary>
internal sealed class UNetMotionRunner : IFixtureRunner
{
    private const string FromParts = "diffusers.UNetMotionModel.from_unet2d(UNet2DConditionModel, MotionAdapter)";

    public IReadOnlyList<string> Classes => ["diffusers." + UNetMotionConfig.Name, FromParts];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        ParameterPath root = null!;
        UNetMotion unet = fixture.Load(path =>
        {
            root = path;
            return fixture.ClassName.StartsWith(FromParts, StringComparison.Ordinal) ? Parts(fixture, path) : UNetMotion.Create(path, UNetMotionConfig.Read(ConfigText.OfFile(fixture.ConfigPath)));
        });
        Tensor sample = fixture.Input("sample"), text = fixture.Input("encoder_hidden_states");
        if (fixture.WantsGradients)
        {
            sample.RequiresGradInPlace();
            text.RequiresGradInPlace();
        }
        var conditions = new UNetConditions { TimestepCondition = fixture.TryInput("timestep_cond"), PooledText = fixture.TryInput("add_text_embeds"), TimeIds = fixture.TryInput("add_time_ids") };
        using var trace = ForwardTrace.Listen((name, value) => outputs.Add("mid." + name, value));
        Tensor predicted = unet.Forward(sample, fixture.Input("timestep").Reshape(-1), text, conditions);
        outputs.Add("out.sample", predicted);
        outputs.AddGradients(predicted, root.Store.All);
        if (fixture.WantsGradients)
        {
            outputs.Add("grad.in.sample", sample.Grad!);
            outputs.Add("grad.in.encoder_hidden_states", text.Grad!);
        }
    }

    // Both networks of the fixture, each below a name of its own.
    private static UNetMotion Parts(Fixture fixture, ParameterPath path)
    {
        const string Unet = "unet", Adapter = "motion_adapter";
        JsonElement configs = fixture.Config!.Value;
        UNet2DConditionConfig picture = ModelConfigJson.Read(Encoding.UTF8.GetBytes(configs.GetProperty(Unet).GetRawText()), StableDiffusionJson.Default.UNet2DConditionConfig, $"{fixture.ConfigPath}: {Unet}");
        MotionAdapterConfig motion = ModelConfigJson.Read(Encoding.UTF8.GetBytes(configs.GetProperty(Adapter).GetRawText()), AnimateDiffJson.Default.MotionAdapterConfig, $"{fixture.ConfigPath}: {Adapter}");
        return new UNetMotion(new UNet2DCondition(path[Unet], picture), new MotionAdapter(path[Adapter], motion));
    }
}
