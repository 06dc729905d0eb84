using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Checkpoints.Doctor;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Ltx;

namespace Kinora.Evaluation.Tests.Generation;

// A model's clip does not depend on the layout that its weights stand in.
public sealed class SingleFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-test-").FullName;

    [Theory]
    [InlineData("sd15_tiny_pndm", "unet, vae, text_encoder", "StableDiffusionPipeline")]
    [InlineData("sdxl_tiny_euler", "unet, vae, text_encoder, text_encoder_2", "StableDiffusionXLPipeline")]
    public async Task Generate_StableDiffusionInOneFile_GivesThePictureOfTheFolder(string fixture, string held, string className)
    {
        using var model = new TinyStableDiffusion(fixture);
        var options = new VideoGenerationOptions { Seed = 5, Steps = 2, Width = 16, Height = 16 };
        string expected = await HashOf(new VideoGenerationRequest("a cat"), options, model.Folder);
        string file = Original(model.Folder, "model.safetensors");
        EmptyOut(model.Folder, held);

        (await HashOf(new VideoGenerationRequest("a cat"), options, file, folder: model.Folder)).ShouldBe(expected);
        ModelFolder.Open(file, new ModelParts { Folder = model.Folder }).ClassName.ShouldBe(className);
    }

    [Fact]
    public void Open_FileWithoutTheRest_NamesEveryMissingComponentAndTheOption()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        string file = Original(model.Folder, "model.safetensors");

        string message = Should.Throw<ConfigException>(() => ModelFolder.Open(file)).Message;

        message.ShouldContain("holds text_encoder, unet, vae");
        message.ShouldContain("needs tokenizer, scheduler besides");
        message.ShouldContain("--component tokenizer=PATH --component scheduler=PATH");
        ModelDoctor.Inspect(file).ToString().ShouldContain("--component tokenizer=PATH");
    }

    [Theory]
    [InlineData("wan_t2v_tiny", false, "")]
    [InlineData("wan_t2v_tiny", false, "model.diffusion_model.")]
    [InlineData("wan_i2v_tiny", true, "")]
    public async Task Generate_WanInTheAuthorsFiles_GivesTheClipOfTheFolder(string fixture, bool withPicture, string prefix)
    {
        using var model = new TinyVideoModel(fixture);
        var request = new VideoGenerationRequest("a fox") { FirstFrame = withPicture ? new VideoFrame(32, 32, [.. Enumerable.Range(0, 32 * 32 * 3).Select(i => (byte)i)]) : null };
        var options = new VideoGenerationOptions { Seed = 5, Steps = 2, Width = 32, Height = 32, Frames = 5 };
        string expected = await HashOf(request, options, model.Folder);
        string transformer = Original(Path.Combine(model.Folder, "transformer"), "transformer.safetensors", prefix);
        string vae = Original(Path.Combine(model.Folder, "vae"), "Wan2.1_VAE.safetensors"), text = Original(Path.Combine(model.Folder, "text_encoder"), "models_t5.safetensors");
        EmptyOut(model.Folder, "transformer, vae, text_encoder");

        (await HashOf(request, options, transformer, model.Folder, ("vae", vae), ("text_encoder", text))).ShouldBe(expected);
        // The folder with all three is a model as well; and the files may take the place of a folder's own networks.
        (await HashOf(request, options, _folder, model.Folder)).ShouldBe(expected);
        (await HashOf(request, options, model.Folder, null, ("transformer", transformer), ("vae", vae), ("text_encoder", text))).ShouldBe(expected);
    }

    // Names of llama.cpp (gguf-py/gguf/tensor_mapping.py, T5), as city96 and others publish encoders in GGUF.
    [Fact]
    public async Task Generate_TextEncoderInTheNamesOfLlamaCpp_GivesTheClipOfTheFolder()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        var options = new VideoGenerationOptions { Seed = 5, Steps = 2, Width = 32, Height = 32, Frames = 5 };
        string expected = await HashOf(new VideoGenerationRequest("a fox"), options, model.Folder), file = Path.Combine(_folder, "umt5.safetensors");
        (string Own, string Llama)[] names =
        [
            ("shared.", "token_embd."), ("encoder.final_layer_norm.", "enc.output_norm."), ("encoder.block.", "enc.blk."), (".layer.0.SelfAttention.relative_attention_bias.", ".attn_rel_b."), (".layer.0.SelfAttention.", ".attn_"),
            (".layer.0.layer_norm.", ".attn_norm."), (".layer.1.layer_norm.", ".ffn_norm."), (".layer.1.DenseReluDense.wi_0.", ".ffn_gate."), (".layer.1.DenseReluDense.wi_1.", ".ffn_up."), (".layer.1.DenseReluDense.wo.", ".ffn_down."),
        ];
        using (var scope = TensorScope.Enter())
        {
            using Checkpoint own = Checkpoint.Open(Path.Combine(model.Folder, "text_encoder"));
            SafetensorsWriter.Write(file, own.Names.Where(n => n != "encoder.embed_tokens.weight").Select(n => KeyValuePair.Create(names.Aggregate(n, (name, row) => name.Replace(row.Own, row.Llama, StringComparison.Ordinal)), own.Read(n))));
        }
        EmptyOut(model.Folder, "text_encoder");

        ModelReport report = ModelDoctor.Inspect(file);
        report.Components.ShouldHaveSingleItem().Dialect.ShouldBe("llama.cpp");
        report.IsBroken.ShouldBeFalse(report.ToString());
        (await HashOf(new VideoGenerationRequest("a fox"), options, model.Folder, null, ("text_encoder", file))).ShouldBe(expected);
    }

    [Fact]
    public void Inspect_WholeModel_SaysWhatAClipTakes()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");

        ModelDoctor.Inspect(model.Folder).ToString().ShouldMatch("runs it, as a StableDiffusionPipeline: [0-9]+x[0-9]+, 1 frame, [0-9]+ steps take about .* GB here");
    }

    [Fact]
    public async Task Generate_LtxInOneFile_GivesTheClipOfTheFolder()
    {
        using var model = new TinyVideoModel("ltx_tiny");
        WritePublishedAutoencoder(Path.Combine(model.Folder, "vae"));
        var options = new VideoGenerationOptions { Seed = 5, Steps = 2, Width = 64, Height = 64, Frames = 9 };
        string expected = await HashOf(new VideoGenerationRequest("a fox"), options, model.Folder);
        string file = Original(model.Folder, "ltx-video.safetensors");
        EmptyOut(model.Folder, "transformer, vae");

        (await HashOf(new VideoGenerationRequest("a fox"), options, file, model.Folder)).ShouldBe(expected);
    }

    [Fact]
    public void Open_ComponentThatIsSomethingElse_SaysWhatItHolds()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        string vae = Original(Path.Combine(model.Folder, "vae"), "vae.safetensors");
        ModelFolder Open(string name, string path) => ModelFolder.Open(model.Folder, new ModelParts { Components = new Dictionary<string, string> { [name] = path } });

        Should.Throw<ConfigException>(() => Open("transformer", vae)).Message.ShouldContain("this holds vae");
        Should.Throw<ConfigException>(() => Open("transfromer", vae)).Message.ShouldContain("there is unet, transformer");
        Should.Throw<ConfigException>(() => Open("vae", vae + ".gone")).Message.ShouldContain("no such file or folder");
        Should.Throw<ConfigException>(() => Open("tokenizer", vae)).Message.ShouldContain("expected a folder");
    }

    [Fact]
    public void Open_FileBesideAFolderOfAnotherSystem_IsRefused()
    {
        using var wan = new TinyVideoModel("wan_t2v_tiny");
        using var pictures = new TinyStableDiffusion("sd15_tiny_pndm");
        string file = Original(pictures.Folder, "model.safetensors");

        Should.Throw<ConfigException>(() => ModelFolder.Open(file, new ModelParts { Folder = wan.Folder })).Message.ShouldContain("WanPipeline");
    }

    [Fact]
    public async Task Sha256_OfAModelWithParts_FollowsThem()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        string own = ModelFolder.Open(model.Folder).Sha256();
        string vae = Original(Path.Combine(model.Folder, "vae"), "vae.safetensors");
        var parts = new ModelParts { Components = new Dictionary<string, string> { ["vae"] = vae } };
        string hash = ModelFolder.Open(model.Folder, parts).Sha256();
        hash.ShouldNotBe(own);

        // What the clip's manifest remembers finds the same model again.
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32", Parts = parts });
        GenerationManifest manifest = (await generator.GenerateAsync(new VideoGenerationRequest("a fox"), new VideoGenerationOptions { Seed = 5, Steps = 1, Width = 32, Height = 32, Frames = 5 }))[0].Manifest;
        manifest = GenerationManifest.FromJson(manifest.ToJson());
        manifest.ModelSha256.ShouldBe(hash);
        ModelFolder.Open(model.Folder, manifest.Parts).Sha256().ShouldBe(hash);
        using (FileStream changed = File.Open(vae, FileMode.Open))
        {
            changed.Seek(-1, SeekOrigin.End);
            int last = changed.ReadByte();
            changed.Seek(-1, SeekOrigin.End);
            changed.WriteByte((byte)(last ^ 1));
        }
        ModelFolder.Open(model.Folder, manifest.Parts).Sha256().ShouldNotBe(hash);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<string> HashOf(VideoGenerationRequest request, VideoGenerationOptions options, string model, string? folder = null, params (string Name, string Path)[] components)
    {
        var parts = new ModelParts { Folder = folder, Components = components.ToDictionary(c => c.Name, c => c.Path) };
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model, Device = "cpu", DType = "fp32", Parts = parts });
        return (await generator.GenerateAsync(request, options))[0].Manifest.FramesSha256;
    }

    // A file in the authors' layout, perhaps with something before every name as ComfyUI writes it.
    private string Original(string input, string name, string prefix = "")
    {
        string file = Path.Combine(_folder, name), plain = prefix.Length == 0 ? file : file + ".plain";
        ModelConversion.Convert(input, plain, ModelLayout.Original);
        if (prefix.Length > 0)
        {
            using var scope = TensorScope.Enter();
            using (Checkpoint all = Checkpoint.Open(plain))
            {
                SafetensorsWriter.Write(file, all.Names.Select(n => KeyValuePair.Create(prefix + n, all.Read(n))));
            }
            File.Delete(plain);
        }
        return file;
    }

    // What comes from the files is no longer in the folder.
    private static void EmptyOut(string model, string components)
    {
        foreach (string component in components.Split(", "))
        {
            File.Delete(Directory.GetFiles(Path.Combine(model, component), "*.safetensors").Single());
        }
    }

    // The stages of 0.9.0, which the authors' names count, at widths of a few channels.
    private static void WritePublishedAutoencoder(string folder)
    {
        LtxAutoencoderConfig config = LtxAutoencoderConfig.V090 with
        {
            LatentChannels = 8, BlockOutChannels = [8, 16, 32, 32], DecoderBlockOutChannels = [8, 16, 32, 32], LayersPerBlock = [1, 1, 1, 1, 1], DecoderLayersPerBlock = [1, 1, 1, 1, 1],
        };
        var network = new LtxAutoencoder(ParameterPath.Root(new InitializedParameters(1)), config);
        string file = Directory.GetFiles(folder, "*.safetensors").Single();
        SafetensorsWriter.Write(file, network.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));
        network.Path.Store.Dispose();
        ModelConfigJson.WriteFile(Path.Combine(folder, "config.json"), config, LtxJson.Default.LtxAutoencoderConfig);
    }
}
