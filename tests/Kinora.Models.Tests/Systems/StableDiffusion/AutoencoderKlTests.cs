using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Tests.Systems.StableDiffusion;

public sealed class AutoencoderKlTests
{
    private static readonly AutoencoderKlConfig Tiny = AutoencoderKlConfig.StableDiffusion with
    {
        BlockOutChannels = [8, 16], NormNumGroups = 4, LayersPerBlock = 1, SampleSize = 16,
        DownBlockTypes = ["DownEncoderBlock2D", "DownEncoderBlock2D"], UpBlockTypes = ["UpDecoderBlock2D", "UpDecoderBlock2D"],
    };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Load_NamesOfTodayOr2022_GivesTheSameNetwork(bool former)
    {
        string folder = Directory.CreateTempSubdirectory("kinora-test-").FullName, vae = Directory.CreateDirectory(Path.Combine(folder, "vae")).FullName;
        File.WriteAllText(Path.Combine(folder, ModelFolder.IndexFile), """{"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"]}""");
        using var scope = TensorScope.Enter();
        using var noGrad = GradMode.NoGrad();
        var network = new AutoencoderKl(ParameterPath.Root(new InitializedParameters(1)), Tiny);
        string NameOf(string name) => !former ? name : name.Replace(".to_q.", ".query.", StringComparison.Ordinal).Replace(".to_k.", ".key.", StringComparison.Ordinal)
            .Replace(".to_v.", ".value.", StringComparison.Ordinal).Replace(".to_out.0.", ".proj_attn.", StringComparison.Ordinal);
        SafetensorsWriter.Write(Path.Combine(vae, "diffusion_pytorch_model.safetensors"), network.Parameters().Select(p => KeyValuePair.Create(NameOf(p.Name), p.Value)));
        ModelConfigJson.WriteFile(Path.Combine(vae, "config.json"), Tiny, StableDiffusionJson.Default.AutoencoderKlConfig);

        using var networks = new NetworkLoader(ModelFolder.Read(folder), new LoadOptions());
        AutoencoderKl loaded = AutoencoderKl.Load(networks);

        Tensor z = Tensor.Randn([1, Tiny.LatentChannels, 4, 6]);
        loaded.Decode(z).ToArray<float>().ShouldBe(network.Decode(z).ToArray<float>());
        loaded.Path.Store.Dispose();
        network.Path.Store.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Denormalize_AfterNormalize_IsTheIdentity()
    {
        using var scope = TensorScope.Enter();
        AutoencoderKlConfig config = Tiny with { ShiftFactor = 0.1, LatentsMean = [1, 2, 3, 4], LatentsStd = [0.5, 1, 2, 4] };
        var network = new AutoencoderKl(ParameterPath.Root(new InitializedParameters(1)), config);
        Tensor z = Tensor.Randn([2, 4, 3, 3]);

        double error = (network.Denormalize(network.Normalize(z)) - z).Abs().Max().Item();

        error.ShouldBeLessThan(1e-5);
        network.Path.Store.Dispose();
    }
}
