// Oracle: the manifests of published checkpoints. A file under the authors' names, of which nothing but names and shapes is known, gives
// a configuration that asks for exactly the manifest's parameters.

using System.Globalization;
using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.T5;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Checkpoints;

public sealed class DerivedConfigTests
{
    [Theory]
    [InlineData("sd15.unet", "UNet2DConditionModel")]
    [InlineData("sd21.unet", "UNet2DConditionModel")]
    [InlineData("sd.vae", "AutoencoderKL")]
    [InlineData("svd.unet", "UNetSpatioTemporalConditionModel")]
    [InlineData("svd.vae", "AutoencoderKLTemporalDecoder")]
    [InlineData("wan2.1-t2v-1.3b.transformer", "WanTransformer3DModel")]
    [InlineData("wan2.1-t2v-14b.transformer", "WanTransformer3DModel")]
    [InlineData("wan2.1-i2v-14b.transformer", "WanTransformer3DModel")]
    [InlineData("wan2.2-ti2v-5b.transformer", "WanTransformer3DModel")]
    [InlineData("wan2.1.vae", "AutoencoderKLWan")]
    [InlineData("ltx-2b.transformer", "LTXVideoTransformer3DModel")]
    [InlineData("ltx-13b.transformer", "LTXVideoTransformer3DModel")]
    [InlineData("ltx-0.9.0.vae", "AutoencoderKLLTXVideo")]
    [InlineData("ltx-0.9.1.vae", "AutoencoderKLLTXVideo")]
    [InlineData("ltx-0.9.5.vae", "AutoencoderKLLTXVideo")]
    [InlineData("wan2.2.vae", "AutoencoderKLWan")]
    [InlineData("cogvideox.vae", "AutoencoderKLCogVideoX")]
    [InlineData("cogvideox-2b.transformer", "CogVideoXTransformer3DModel")]
    [InlineData("cogvideox-5b.transformer", "CogVideoXTransformer3DModel")]
    public void Recognize_PublishedFile_GivesAConfigurationOfItsParameters(string manifest, string className)
    {
        var own = new Shapes(CheckpointKeys.Shapes(manifest, buffers: className == "AutoencoderKLLTXVideo")); // whose statistics of latents are stored as such

        FoundComponent found = Recognized(own, className);

        Check(found, className);
    }

    [Theory]
    [InlineData("CLIPTextModel", 768, 12, "quick_gelu")]
    [InlineData("CLIPTextModelWithProjection", 1280, 20, "gelu")]
    public void Recognize_TextTower_GivesHeadsOf64Channels(string className, int width, int heads, string activation)
    {
        var config = new ClipTextConfig { HiddenSize = width, IntermediateSize = 4 * width, NumAttentionHeads = heads, NumHiddenLayers = 3, ProjectionDim = width };
        var own = new Shapes(ShapesOf(path => className == "CLIPTextModel" ? new ClipTextModel(path, config) : new ClipTextModelWithProjection(path, config)));

        FoundComponent found = className == "CLIPTextModel" ? DialectRecognition.Match(DialectRecognition.Recognize(own).Components, "text_encoder")! : Recognized(own, className);

        Check(found, className);
        ClipTextConfig derived = ModelConfigJson.Read(Encoding.UTF8.GetBytes(found.Config!), ClipJson.Default.ClipTextConfig, "derived");
        (derived.NumAttentionHeads, derived.HiddenAct).ShouldBe((heads, activation));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recognize_T5_CountsHeadsInTheTableOfPositions(bool isUmt5)
    {
        T5Config config = new() { ModelType = ClipShapes.Json(isUmt5 ? "\"umt5\"" : "\"t5\""), VocabSize = 50, DModel = 24, DKv = 6, DFf = 40, NumLayers = 2, NumHeads = 3, FeedForwardProj = "gated-gelu" };
        var own = new Shapes(ShapesOf(path => new T5EncoderModel(path, config)));

        FoundComponent found = DialectRecognition.Recognize(own).Components.ShouldHaveSingleItem();

        Check(found, isUmt5 ? "UMT5EncoderModel" : "T5EncoderModel");
        T5Config derived = ModelConfigJson.Read(Encoding.UTF8.GetBytes(found.Config!), T5Json.Default.T5Config, "derived");
        (derived.NumHeads, derived.DKv, derived.HasBiasPerLayer).ShouldBe((3, 6, isUmt5));
    }

    [Theory]
    [InlineData("sd15.unet")]
    [InlineData("sd21.unet")]
    [InlineData("sd.vae")]
    [InlineData("svd.unet")]
    [InlineData("svd.vae")]
    [InlineData("wan2.2.vae")]
    [InlineData("cogvideox.vae")]
    public void Recognize_FileInDiffusersNames_GivesAConfigurationOfItsParameters(string manifest)
    {
        FoundComponent found = DialectRecognition.Recognize(new Shapes(CheckpointKeys.Shapes(manifest))).Components.ShouldHaveSingleItem();

        found.Dialect.ShouldBe("diffusers");
        Check(found, found.ClassName!);
    }

    // Stable Diffusion 1.5, 2.1, XL, and XL without attention, as the small ControlNets of XL are.
    public static TheoryData<string> ControlNets => ["1.5", "2.1", "XL", "XL small"];

    private static ControlNetConfig ControlNetOf(string kind) => kind switch
    {
        "1.5" => new() { CrossAttentionDim = 768 },
        "2.1" => new() { CrossAttentionDim = 1024, AttentionHeadDim = [5, 10, 20, 20], UseLinearProjection = true },
        "XL" => XlControl with { DownBlockTypes = ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], TransformerLayersPerBlock = [1, 2, 10] },
        _ => XlControl with { DownBlockTypes = ["DownBlock2D", "DownBlock2D", "DownBlock2D"], MidBlockType = "UNetMidBlock2D" },
    };

    private static ControlNetConfig XlControl => new()
    {
        BlockOutChannels = [320, 640, 1280], AttentionHeadDim = [5, 10, 20], UseLinearProjection = true, CrossAttentionDim = 2048, AdditionEmbedType = "text_time", AdditionTimeEmbedDim = 256, ProjectionClassEmbeddingsInputDim = 2816,
    };

    [Theory]
    [MemberData(nameof(ControlNets))]
    public void Recognize_ControlNet_GivesTheConfigurationThatItWasMadeOf(string kind)
    {
        ControlNetConfig config = ControlNetOf(kind);
        var own = new Shapes(ShapesOf(path => new ControlNet(path, config)));

        foreach (FoundComponent found in kind == "XL small" ? [DialectRecognition.Recognize(own).Components.Single()] : new[] { Recognized(own, ControlNetConfig.Name), DialectRecognition.Recognize(own).Components.Single() })
        {
            Check(found, ControlNetConfig.Name);
            found.Name.ShouldBe("controlnet");
            ControlNetConfig derived = ControlNetConfig.Read(Derived(found));
            (derived.CrossAttentionDim, derived.UseLinearProjection, derived.AdditionEmbedType).ShouldBe((config.CrossAttentionDim, config.UseLinearProjection, config.AdditionEmbedType));
            derived.ConditioningEmbeddingOutChannels.ShouldBe(config.ConditioningEmbeddingOutChannels);
            derived.BlockOutChannels.Select((_, level) => derived.AttentionHeadDim.At(level)).ShouldBe(config.BlockOutChannels.Select((_, level) => config.AttentionHeadDim.At(level)));
        }
    }

    // stabilityai/stable-diffusion-xl-base-1.0 and -refiner-1.0, unet/config.json.
    [Theory]
    [InlineData(new[] { 320, 640, 1280 }, new[] { 5, 10, 20 }, 2048, 2816, "DCC", "CCD", new[] { 1, 2, 10 })]
    [InlineData(new[] { 384, 768, 1536, 1536 }, new[] { 6, 12, 24, 24 }, 1280, 2560, "DCCD", "DCCD", new[] { 4 })]
    public void Recognize_UNetOfXlAndItsRefiner_GivesHeadsDepthAndConditions(int[] widths, int[] heads, int text, int added, string down, string up, int[] depth)
    {
        var config = new UNet2DConditionConfig
        {
            BlockOutChannels = widths, AttentionHeadDim = heads, CrossAttentionDim = [text], UseLinearProjection = true, TransformerLayersPerBlock = depth,
            DownBlockTypes = [.. down.Select(c => c == 'C' ? "CrossAttnDownBlock2D" : "DownBlock2D")], UpBlockTypes = [.. up.Select(c => c == 'C' ? "CrossAttnUpBlock2D" : "UpBlock2D")],
            AdditionEmbedType = "text_time", AdditionTimeEmbedDim = 256, ProjectionClassEmbeddingsInputDim = added,
        };
        var own = new Shapes(ShapesOf(path => new UNet2DCondition(path, config)));

        FoundComponent found = Recognized(own, UNet2DConditionConfig.Name);

        Check(found, UNet2DConditionConfig.Name);
        UNet2DConditionConfig derived = UNet2DConditionConfig.Read(Derived(found));
        derived.AttentionHeadDim.ShouldBe(heads);
        (derived.CrossAttentionDim[0], derived.ProjectionClassEmbeddingsInputDim, derived.AdditionTimeEmbedDim).ShouldBe((text, added, 256));
    }

    [Theory]
    [InlineData(16, null)]
    [InlineData(32, 512)]
    public void Recognize_CogVideoX15_GivesTokensOfTwoLatentFrames(int channels, int? offset)
    {
        CogVideoXTransformerConfig config = CogVideoXTransformerConfig.FiveB15 with { InChannels = channels, OfsEmbedDim = offset };
        var own = new Shapes(ShapesOf(path => new CogVideoXTransformer(path, config)));

        foreach (FoundComponent found in new[] { Recognized(own, CogVideoXTransformerConfig.Name), DialectRecognition.Recognize(own).Components.Single() })
        {
            Check(found, CogVideoXTransformerConfig.Name);
            ModelConfigJson.Read(Derived(found), CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults).ShouldBe(config);
        }
    }

    [Theory]
    [InlineData("2b", 1.15258426, false)]
    [InlineData("5b", 0.7, false)]
    [InlineData("1.5", 0.7, true)]
    public void ConfigBeside_AutoencoderOfCogVideoX_TakesTheScaleOfTheTransformer(string version, double scaling, bool inverts)
    {
        FoundComponent found = Recognized(new Shapes(CheckpointKeys.Shapes("cogvideox.vae")), CogVideoXAutoencoderConfig.Name);
        CogVideoXTransformerConfig transformer = version switch { "2b" => CogVideoXTransformerConfig.TwoB, "5b" => CogVideoXTransformerConfig.FiveB, _ => CogVideoXTransformerConfig.FiveB15 };
        ConfigText Written(CogVideoXTransformerConfig config) => new("transformer", Encoding.UTF8.GetBytes(ModelConfigJson.Write(config, CogVideoXJson.Default.CogVideoXTransformerConfig)));

        string config = found.ConfigBeside(name => name == "transformer" ? Written(transformer) : null).ShouldNotBeNull();

        CogVideoXAutoencoderConfig read = ModelConfigJson.Read(Encoding.UTF8.GetBytes(config), CogVideoXJson.Default.CogVideoXAutoencoderConfig, "vae");
        (read.ScalingFactor, read.InvertScaleLatents).ShouldBe((scaling, inverts));
        found.ConfigBeside(_ => null).ShouldBeNull("nothing says which");
        found.ConfigBeside(_ => Written(transformer with { NumAttentionHeads = 16 })).ShouldBeNull("no such transformer was published");
    }

    [Fact]
    public void ConfigBeside_AutoencoderOfPictures_TakesTheScaleOfTheUNet()
    {
        FoundComponent found = Recognized(new Shapes(CheckpointKeys.Shapes("sd.vae")), AutoencoderKlConfig.Name);
        double ScalingBeside(UNet2DConditionConfig unet) => AutoencoderKlConfig.Read(new ConfigText("vae", Encoding.UTF8.GetBytes(found.ConfigBeside(name => name == "unet" ? new ConfigText("unet", Encoding.UTF8.GetBytes(ModelConfigJson.Write(unet, StableDiffusionJson.Default.UNet2DConditionConfig))) : null)!))).ScalingFactor;

        ScalingBeside(UNet2DConditionConfig.StableDiffusion15).ShouldBe(0.18215);
        ScalingBeside(UNet2DConditionConfig.StableDiffusion15 with { AdditionEmbedType = "text_time", AdditionTimeEmbedDim = 256, ProjectionClassEmbeddingsInputDim = 2816 }).ShouldBe(0.13025);
        found.ConfigBeside(_ => null).ShouldBeNull();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recognize_T5InTheNamesOfLlamaCpp_IsTheEncoder(bool isUmt5)
    {
        T5Config config = new() { ModelType = ClipShapes.Json(isUmt5 ? "\"umt5\"" : "\"t5\""), VocabSize = 50, DModel = 24, DKv = 6, DFf = 40, NumLayers = 2, NumHeads = 3, FeedForwardProj = "gated-gelu" };
        Dictionary<string, long[]> own = ShapesOf(path => new T5EncoderModel(path, config));
        KeyMap map = LlamaKeys.TextEncoder(isGated: true);
        Dictionary<string, long[]> file = own.ToDictionary(p => map.ToPublished(p.Key).ShouldNotBeNull(p.Key).Published, p => p.Value);
        // Names of the file that city96/t5-v1_1-xxl-encoder-gguf publishes, and the decoder of a whole model.
        string[] expected = ["token_embd.weight", "enc.output_norm.weight", "enc.blk.0.attn_rel_b.weight", "enc.blk.1.attn_q.weight", "enc.blk.1.attn_k.weight", "enc.blk.1.attn_v.weight", "enc.blk.1.attn_o.weight", "enc.blk.1.attn_norm.weight", "enc.blk.1.ffn_norm.weight", "enc.blk.1.ffn_gate.weight", "enc.blk.1.ffn_up.weight", "enc.blk.1.ffn_down.weight"];
        expected.ShouldBeSubsetOf(file.Keys);
        file["dec.blk.0.attn_q.weight"] = [18, 24];

        FoundComponent found = DialectRecognition.Recognize(new Shapes(file)).Components.ShouldHaveSingleItem();

        (found.Name, found.Dialect).ShouldBe(("text_encoder", "llama.cpp"));
        Check(found, isUmt5 ? "UMT5EncoderModel" : "T5EncoderModel");
        found.Weights.Find("encoder.block.1.layer.1.DenseReluDense.wi_0.weight")!.Shape.ShouldBe([40, 24]);
    }

    [Fact]
    public void Recognize_OpenClipWithXlmRoberta_IsTheImageEncoderOfWan()
    {
        // Wan-Video/Wan2.1, wan/modules/clip.py: shapes of clip_xlm_roberta_vit_h_14, all 32 layers.
        const long D = 1280;
        var file = new Dictionary<string, long[]>(StringComparer.Ordinal)
        {
            ["log_scale"] = [], ["textual.token_embedding.weight"] = [250002, 1024], ["visual.cls_embedding"] = [1, 1, D], ["visual.pos_embedding"] = [1, 257, D], ["visual.patch_embedding.weight"] = [D, 3, 14, 14],
            ["visual.pre_norm.weight"] = [D], ["visual.pre_norm.bias"] = [D], ["visual.post_norm.weight"] = [D], ["visual.post_norm.bias"] = [D], ["visual.head"] = [D, 1024],
        };
        for (int layer = 0; layer < 32; layer++)
        {
            foreach (var (name, shape) in new (string, long[])[] { ("norm1.weight", [D]), ("norm1.bias", [D]), ("attn.to_qkv.weight", [3 * D, D]), ("attn.to_qkv.bias", [3 * D]), ("attn.proj.weight", [D, D]), ("attn.proj.bias", [D]),
                ("norm2.weight", [D]), ("norm2.bias", [D]), ("mlp.0.weight", [4 * D, D]), ("mlp.0.bias", [4 * D]), ("mlp.2.weight", [D, 4 * D]), ("mlp.2.bias", [D]) })
            {
                file.Add($"visual.transformer.{layer}.{name}", shape);
            }
        }

        var (components, strays) = DialectRecognition.Recognize(new Shapes(file));

        strays.ShouldBeEmpty();
        FoundComponent found = components.ShouldHaveSingleItem();
        found.Name.ShouldBe("image_encoder");
        Check(found, "CLIPVisionModel");
    }

    private static ConfigText Derived(FoundComponent found) => new("derived", Encoding.UTF8.GetBytes(found.Config!));

    private static void Check(FoundComponent found, string className)
    {
        found.ClassName.ShouldBe(className);
        NetworkKind kind = NetworkCatalog.Find(className).ShouldNotBeNull();
        kind.Fits(new ConfigText("derived", Encoding.UTF8.GetBytes(found.Config.ShouldNotBeNull())), found.Weights).ShouldBeTrue(found.Config);
    }

    private static FoundComponent Recognized(Shapes own, string className)
    {
        var (prefix, map) = PublishedLayouts.Find(className, own).ShouldNotBeNull();
        var published = new Dictionary<string, long[]>(StringComparer.Ordinal);
        foreach (string name in own.Names)
        {
            var (original, step) = map.ToPublished(name).ShouldNotBeNull(name);
            long[] shape = [.. own.Find(name)!.Shape];
            published[prefix + original] = step.PublishedShape(shape);
        }
        return DialectRecognition.Recognize(new Shapes(published)).Components.Single(c => c.ClassName == className);
    }

    private static Dictionary<string, long[]> ShapesOf(Func<ParameterPath, Module> build)
    {
        using var scope = TensorScope.Enter();
        ParameterPath root = ParameterPath.Root(new ShapeOnlyParameters());
        build(root);
        var shapes = root.Store.All.ToDictionary(p => p.Name, p => p.Value.Shape);
        root.Store.Dispose();
        return shapes;
    }

    // Names and shapes of a file that is not there.
    private sealed class Shapes(IReadOnlyDictionary<string, long[]> shapes) : IWeights
    {
        public string Path => "manifest";

        public IReadOnlyCollection<string> Names => [.. shapes.Keys];

        public StoredTensor? Find(string name) => shapes.TryGetValue(name, out long[]? shape) ? new StoredTensor(name, StorageType.Float32, shape, 0, 4 * shape.Aggregate(1L, (n, s) => n * s)) : null;

        public Tensor Read(string name, DType? dtype = null, Device? device = null) => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{name} was read, and shapes should do"));

        public void Dispose()
        {
        }
    }
}
