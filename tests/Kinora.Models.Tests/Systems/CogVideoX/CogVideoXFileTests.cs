using Kinora.Models.Checkpoints.Doctor;
using Kinora.Models.Generation;

namespace Kinora.Models.Tests.Systems.CogVideoX;

public sealed class CogVideoXFileTests
{
    [Fact]
    public async Task Generate_FromTheAuthorsFiles_GivesTheClipOfTheFolder()
    {
        using var model = new TinyCogVideoX();
        string expected = await HashOf(new KinoraOptions { Model = model.Folder });
        string transformer = Path.Combine(model.Folder, "mp_rank_00_model_states.safetensors"), vae = Path.Combine(model.Folder, "3d-vae.safetensors");
        ModelConversion.Convert(Path.Combine(model.Folder, "transformer"), transformer, ModelLayout.Original);
        ModelConversion.Convert(Path.Combine(model.Folder, "vae"), vae, ModelLayout.Original);
        File.Delete(Path.Combine(model.Folder, "transformer", "diffusion_pytorch_model.safetensors"));
        File.Delete(Path.Combine(model.Folder, "vae", "diffusion_pytorch_model.safetensors"));

        var parts = new ModelParts { Folder = model.Folder, Components = new Dictionary<string, string> { ["vae"] = vae } };
        (await HashOf(new KinoraOptions { Model = transformer, Parts = parts })).ShouldBe(expected);
    }

    private static async Task<string> HashOf(KinoraOptions options)
    {
        (options.Device, options.DType) = ("cpu", "fp32");
        using var generator = new KinoraVideoGenerator(options);
        return (await generator.GenerateAsync(new VideoGenerationRequest("a red balloon"), new VideoGenerationOptions { Seed = 3, Steps = 2 }))[0].Manifest.FramesSha256;
    }
}
