using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Lora;
using Kinora.Models.Generation;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Tests.Generation;

public sealed class LoraGenerationTests : IDisposable
{
    private const string Query = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", Key = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", Conv = "down_blocks.0.resnets.0.conv1";
    private const string TextQuery = "text_model.encoder.layers.0.self_attn.q_proj", MotionValue = "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.processor.to_v_lora";
    private const string MotionOut = "down_blocks.0.motion_modules.0.temporal_transformer.proj_out";
    private const int Rank = 2, Width = 8, TextWidth = 16;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kinora-test-");

    [Theory]
    [InlineData(WeightStorage.Auto)]
    [InlineData(WeightStorage.Int8)]
    public void Load_Live_EqualsFusedToRoundingAndLeavesTheWeightsAsTheyAre(WeightStorage storage)
    {
        using TinyVideoFolder model = TinyVideoFolder.StableDiffusion();
        using var scope = TensorScope.Enter();
        using var inference = GradMode.Inference();
        LoraChoice[] loras = [new(Style(), 0.7), new(LoHa(), -1.3)];
        Tensor x = Tensor.Randn([1, 4, 8, 8]), t = Tensor.Full([1], 300), text = Tensor.Randn([1, 5, TextWidth]);
        (Tensor Out, long Bytes) Run(LoraMode mode, params LoraChoice[] chosen)
        {
            using var networks = new NetworkLoader(ModelFolder.Open(model.Path), new LoadOptions { Loras = chosen, LoraMode = mode, Storage = storage });
            var config = UNet2DConditionConfig.Read(networks.Folder.Config("unet"));
            UNet2DCondition unet = networks.Load("unet", path => new UNet2DCondition(path, config));
            Tensor result = unet.Forward(x, t, text).Clone();
            long bytes = unet.Path.Store.NumBytes;
            unet.Path.Store.Dispose();
            return (result, bytes);
        }

        var plain = Run(LoraMode.Live);
        var live = Run(LoraMode.Live, loras);
        var auto = Run(LoraMode.Auto, loras);
        var fused = Run(LoraMode.Fused, loras);

        double scale = plain.Out.Abs().Max().Item();
        Distance(live.Out, plain.Out).ShouldBeGreaterThan(0.01 * scale);
        // With quantized weights fusing quantizes the sum, so only the exact storage agrees to rounding.
        Distance(live.Out, fused.Out).ShouldBeLessThan(storage == WeightStorage.Auto ? 1e-5 * scale : 0.05 * scale);
        Distance(auto.Out, storage == WeightStorage.Auto ? fused.Out : live.Out).ShouldBe(0);
        live.Bytes.ShouldBe(plain.Bytes);
    }

    [Fact]
    public async Task Generate_WithLoras_ChangesTheClipAndTheManifestFindsThemAgain()
    {
        using TinyVideoFolder model = TinyVideoFolder.StableDiffusion();
        string style = Style();
        GenerationManifest plain = await Manifest(model, []), one = await Manifest(model, [new LoraChoice(style, 0.7)]), other = await Manifest(model, [new LoraChoice(style, 0.3)]), none = await Manifest(model, [new LoraChoice(style, 0)]);

        one.FramesSha256.ShouldNotBe(plain.FramesSha256);
        other.FramesSha256.ShouldNotBe(one.FramesSha256);
        none.FramesSha256.ShouldBe(plain.FramesSha256);
        plain.Loras.ShouldBeNull();
        ManifestLora lora = GenerationManifest.FromJson(one.ToJson()).Loras.ShouldHaveSingleItem();
        (lora.Path, lora.Weight, lora.Sha256).ShouldBe((style, 0.7, Checkpoint.HashFile(style)));
        (await Manifest(model, [new LoraChoice(lora.Path, lora.Weight)])).FramesSha256.ShouldBe(one.FramesSha256);
    }

    [Fact]
    public async Task Generate_MotionLoraUnderTheAuthorsNames_ChangesTheClip()
    {
        using TinyVideoFolder model = TinyVideoFolder.AnimateDiff();
        // The modules' last projections are zeros as they are before training, so a change of them is what lets the others be seen.
        string zoom = Write("zoom.safetensors", (MotionValue + ".up.weight", Values(1, Width, Rank)), (MotionValue + ".down.weight", Values(2, Rank, Width)),
            (MotionOut + ".lora_up.weight", Values(3, Width, Rank)), (MotionOut + ".lora_down.weight", Values(4, Rank, Width)));

        (await Manifest(model, [new LoraChoice(zoom)])).FramesSha256.ShouldNotBe((await Manifest(model, [])).FramesSha256);
    }

    [Theory]
    [InlineData("unet." + Key, 2048, "Stable Diffusion XL")]
    [InlineData("diffusion_model.blocks.0.self_attn.q", 5120, "Wan 14B")]
    [InlineData("transformer.single_transformer_blocks.0.attn.to_q", 3072, "FLUX")]
    [InlineData("unet.down_blocks.0.something", 8, "another system")]
    public void Load_LoraForAnotherSystem_SaysWhatItIsFor(string layer, int inputs, string system)
    {
        using TinyVideoFolder model = TinyVideoFolder.StableDiffusion();
        string file = Write("other.safetensors", (layer + ".lora_B.weight", Values(1, Width, Rank)), (layer + ".lora_A.weight", Values(2, Rank, inputs)));

        string message = Should.Throw<CheckpointException>(() => new NetworkLoader(ModelFolder.Open(model.Path), new LoadOptions { Loras = [new LoraChoice(file)] })).Message;

        message.ShouldContain(system);
        message.ShouldContain($"`{layer}`");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    // Denoiser and text encoder, a matrix and a kernel, in kohya's names.
    private string Style() => Write("style.safetensors",
        (Kohya("unet", Query) + ".lora_up.weight", Values(1, Width, Rank)), (Kohya("unet", Query) + ".lora_down.weight", Values(2, Rank, Width)), (Kohya("unet", Query) + ".alpha", Tensor.Scalar(1)),
        (Kohya("unet", Conv) + ".lora_up.weight", Values(3, Width, Rank, 1, 1)), (Kohya("unet", Conv) + ".lora_down.weight", Values(4, Rank, Width, 3, 3)),
        (Kohya("te", TextQuery) + ".lora_up.weight", Values(5, TextWidth, Rank)), (Kohya("te", TextQuery) + ".lora_down.weight", Values(6, Rank, TextWidth)));

    private string LoHa() => Write("loha.safetensors",
        (Kohya("unet", Key) + ".hada_w1_a", Values(1, Width, Rank)), (Kohya("unet", Key) + ".hada_w1_b", Values(2, Rank, TextWidth)),
        (Kohya("unet", Key) + ".hada_w2_a", Values(3, Width, Rank)), (Kohya("unet", Key) + ".hada_w2_b", Values(4, Rank, TextWidth)),
        (Kohya("unet", Query) + ".lora_up.weight", Values(7, Width, Rank)), (Kohya("unet", Query) + ".lora_down.weight", Values(8, Rank, Width)));

    private static string Kohya(string component, string layer) => $"lora_{component}_{layer.Replace('.', '_')}";

    private static double Distance(Tensor a, Tensor b) => (a - b).Abs().Max().Item();

    private static async Task<GenerationManifest> Manifest(TinyVideoFolder model, LoraChoice[] loras)
    {
        using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Path, Device = "cpu", DType = "fp32", Loras = loras });
        return (await generator.GenerateAsync(new VideoGenerationRequest("a cat"), new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Steps = 2 }))[0].Manifest;
    }

    private static Tensor Values(int seed, params long[] shape)
    {
        long n = shape.Aggregate(1L, (product, size) => product * size);
        return Tensor.FromArray([.. Enumerable.Range(0, (int)n).Select(i => (float)Math.Sin(seed + 1.7 * i))], shape);
    }

    private string Write(string name, params (string Name, Tensor Value)[] tensors)
    {
        using var scope = TensorScope.Enter();
        string path = Path.Combine(_folder.FullName, name);
        SafetensorsWriter.Write(path, tensors.Select(t => KeyValuePair.Create(t.Name, t.Value)));
        tensors.ToList().ForEach(t => t.Value.Dispose());
        return path;
    }
}
