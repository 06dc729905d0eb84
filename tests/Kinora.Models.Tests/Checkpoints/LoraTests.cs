// Oracle: the definitions of LoRA (arXiv:2106.09685, section 4.1), LoHa and LoKr (arXiv:2309.14859, sections 3.3 and 3.4), written as
// plain sums over indices.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Checkpoints.Lora;
using Kinora.Models.Modules;

namespace Kinora.Models.Tests.Checkpoints;

public sealed class LoraTests : IDisposable
{
    private const string Layer = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    private const string Conv = "down_blocks.0.resnets.0.conv1";
    private const int Out = 4, In = 6, Rank = 2;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kinora-test-");

    [Theory]
    [InlineData("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight", "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight")]
    [InlineData("unet." + Layer + ".lora_B.weight", "unet." + Layer + ".lora_A.weight")]
    [InlineData("base_model.model." + Layer + ".lora_B.default.weight", "base_model.model." + Layer + ".lora_A.default.weight")]
    [InlineData("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight", "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight")]
    [InlineData("lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_up.weight", "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_down.weight")]
    [InlineData("diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.lora_B.weight", "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.lora_A.weight")]
    public void Read_NamesOfEveryTool_AddsUpTimesDown(string upName, string downName)
    {
        using var scope = TensorScope.Enter();
        Tensor up = Values(1, Out, Rank), down = Values(2, Rank, In), weight = Values(3, Out, In);
        using LoraSet set = Open(0.5, (upName, up), (downName, down));
        using Checkpoint model = Model((Layer + ".weight", weight));

        float[] changed = set.Apply("unet", model, CompVisKeys.UNet(4, 2, level => level < 3)).Read(Layer + ".weight").ToArray<float>();
        set.ThrowUnlessUsed();

        float[] a = up.ToArray<float>(), b = down.ToArray<float>(), w = weight.ToArray<float>();
        Check(changed, (o, i) => w[o * In + i] + 0.5 * Enumerable.Range(0, Rank).Sum(r => (double)a[o * Rank + r] * b[r * In + i]));
    }

    [Fact]
    public void Read_Alpha_ScalesByAlphaOverRank()
    {
        using var scope = TensorScope.Enter();
        Tensor up = Values(1, Out, Rank), down = Values(2, Rank, In), weight = Values(3, Out, In);
        using LoraSet set = Open(1, ($"unet.{Layer}.lora_up.weight", up), ($"unet.{Layer}.lora_down.weight", down), ($"unet.{Layer}.alpha", Tensor.Scalar(1)));
        using Checkpoint model = Model((Layer + ".weight", weight));

        float[] changed = set.Apply("unet", model).Read(Layer + ".weight").ToArray<float>();

        float[] a = up.ToArray<float>(), b = down.ToArray<float>(), w = weight.ToArray<float>();
        Check(changed, (o, i) => w[o * In + i] + 1.0 / Rank * Enumerable.Range(0, Rank).Sum(r => (double)a[o * Rank + r] * b[r * In + i]));
    }

    [Fact]
    public void Read_LoHa_AddsTheProductOfTwoProducts()
    {
        using var scope = TensorScope.Enter();
        Tensor a1 = Values(1, Out, Rank), b1 = Values(2, Rank, In), a2 = Values(3, Out, Rank), b2 = Values(4, Rank, In);
        string name = "lycoris_" + Layer.Replace('.', '_');
        using LoraSet set = Open(1, (name + ".hada_w1_a", a1), (name + ".hada_w1_b", b1), (name + ".hada_w2_a", a2), (name + ".hada_w2_b", b2));
        using Checkpoint model = Model((Layer + ".weight", Tensor.Zeros([Out, In])));

        float[] changed = set.Apply("unet", model).Read(Layer + ".weight").ToArray<float>();

        float[][] x = [a1.ToArray<float>(), b1.ToArray<float>(), a2.ToArray<float>(), b2.ToArray<float>()];
        double Product(float[] a, float[] b, int o, int i) => Enumerable.Range(0, Rank).Sum(r => (double)a[o * Rank + r] * b[r * In + i]);
        Check(changed, (o, i) => Product(x[0], x[1], o, i) * Product(x[2], x[3], o, i));
    }

    [Fact]
    public void Read_LoKr_AddsTheKroneckerProduct()
    {
        using var scope = TensorScope.Enter();
        Tensor first = Values(1, 2, 2), second = Values(2, Out / 2, In / 2);
        string name = "lycoris_" + Layer.Replace('.', '_');
        using LoraSet set = Open(1, (name + ".lokr_w1", first), (name + ".lokr_w2", second), (name + ".alpha", Tensor.Scalar(1e10)));
        using Checkpoint model = Model((Layer + ".weight", Tensor.Zeros([Out, In])));

        float[] changed = set.Apply("unet", model).Read(Layer + ".weight").ToArray<float>();

        float[] a = first.ToArray<float>(), b = second.ToArray<float>();
        Check(changed, (o, i) => (double)a[o / 2 * 2 + i / 3] * b[o % 2 * 3 + i % 3]);
    }

    [Fact]
    public void Read_LoConWithCore_AddsTheTuckerProduct()
    {
        const int Kernel = 3;
        using var scope = TensorScope.Enter();
        Tensor up = Values(1, Out, Rank, 1, 1), down = Values(2, Rank, In, 1, 1), mid = Values(3, Rank, Rank, Kernel, Kernel);
        string name = "lora_unet_" + Conv.Replace('.', '_');
        using LoraSet set = Open(1, (name + ".lora_up.weight", up), (name + ".lora_down.weight", down), (name + ".lora_mid.weight", mid));
        using Checkpoint model = Model((Conv + ".weight", Tensor.Zeros([Out, In, Kernel, Kernel])));

        float[] changed = set.Apply("unet", model).Read(Conv + ".weight").ToArray<float>();

        float[] a = up.ToArray<float>(), b = down.ToArray<float>(), c = mid.ToArray<float>();
        for (int o = 0; o < Out; o++)
        {
            for (int i = 0; i < In; i++)
            {
                for (int k = 0; k < Kernel * Kernel; k++)
                {
                    double expected = 0;
                    for (int p = 0; p < Rank; p++)
                    {
                        for (int q = 0; q < Rank; q++)
                        {
                            expected += (double)a[o * Rank + p] * c[(p * Rank + q) * Kernel * Kernel + k] * b[q * In + i];
                        }
                    }
                    ((double)changed[(o * In + i) * Kernel * Kernel + k]).ShouldBe(expected, 1e-5);
                }
            }
        }
    }

    // Several files, one with alpha and one in Tucker's form; what the layer gives is what the layer of the changed weight gives.
    [Theory]
    [InlineData("linear")]
    [InlineData("conv2d")]
    [InlineData("conv3d")]
    [InlineData("temporal")]
    public void Apply_LivePlainLora_GivesWhatTheChangedWeightGives(string kind)
    {
        const int Three = 3;
        using var scope = TensorScope.Enter();
        using var inference = GradMode.Inference();
        string name = "lora_unet_" + Layer.Replace('.', '_');
        long[] kernel = kind switch { "linear" => [], "conv2d" => [3, 3], "conv3d" => [3, 3, 3], _ => [3, 1, 1] };
        Tensor weight = Values(1, [Out, In, .. kernel]), bias = Values(2, Out), alpha = Tensor.Scalar(1);
        long[] ones = [.. kernel.Select(_ => 1L)];
        string first = Write("first", (name + ".lora_up.weight", Values(3, [Out, Rank, .. ones])), (name + ".lora_down.weight", Values(4, [Rank, In, .. kernel])), (name + ".alpha", alpha));
        string second = kind == "linear" ? Write("second", (name + ".lora_up.weight", Values(5, Out, Three)), (name + ".lora_down.weight", Values(6, Three, In)))
            : Write("second", (name + ".lora_up.weight", Values(5, [Out, Three, .. ones])), (name + ".lora_down.weight", Values(6, [Three, In, .. ones])), (name + ".lora_mid.weight", Values(7, [Three, Three, .. kernel])));
        using Checkpoint model = Model((Layer + ".weight", weight), (Layer + ".bias", bias));
        Tensor x = Values(8, kind switch { "linear" => [2, 5, In], "conv2d" => [2, In, 7, 6], "conv3d" => [2, In, 4, 5, 6], _ => [2, In, 4, 5] });
        Tensor Run(LoraMode mode)
        {
            using LoraSet set = LoraSet.Open([new LoraChoice(first, 0.7), new LoraChoice(second, -1.2)]);
            ParameterPath root = ParameterPath.Root(new CheckpointParameters(set.Apply("unet", model, mode: mode)));
            ParameterPath path = Layer.Split('.').Aggregate(root, (p, part) => p[part]);
            Tensor y = kind switch
            {
                "linear" => new Linear(path, In, Out).Forward(x),
                "conv2d" => new Conv2d(path, In, Out, 3, stride: 2, padding: 1).Forward(x),
                "conv3d" => new Conv3d(path, In, Out, 3, padding: 1).Forward(x),
                _ => new TemporalConv(path, In, Out).Forward(x),
            };
            set.ThrowUnlessUsed();
            y = y.Clone();
            root.Store.Dispose();
            return y;
        }

        float[] live = Run(LoraMode.Live).ToArray<float>(), fused = Run(LoraMode.Fused).ToArray<float>();

        double largest = fused.Max(v => Math.Abs(v));
        live.Zip(fused).Max(p => Math.Abs(p.First - p.Second)).ShouldBeLessThan((float)(2e-6 * largest));
    }

    [Fact]
    public void Apply_LiveLoraOfAnotherSize_IsRefusedWhenItsLayerRuns()
    {
        using var scope = TensorScope.Enter();
        // As many elements, in another shape.
        using LoraSet set = Open(1, ($"unet.{Layer}.lora_B.weight", Values(1, In, Rank)), ($"unet.{Layer}.lora_A.weight", Values(2, Rank, Out)));
        using Checkpoint model = Model((Layer + ".weight", Values(3, Out, In)));
        ParameterPath root = ParameterPath.Root(new CheckpointParameters(set.Apply("unet", model, mode: LoraMode.Live)));
        var layer = new Linear(Layer.Split('.').Aggregate(root, (p, part) => p[part]), In, Out, bias: false);

        Should.Throw<CheckpointException>(() => layer.Forward(Values(4, 1, In))).Message.ShouldContain(Layer);
        root.Store.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Read_DoRA_GivesRowsOrColumnsTheMagnitude(bool byRows)
    {
        using var scope = TensorScope.Enter();
        Tensor up = Values(1, Out, Rank), down = Values(2, Rank, In), weight = Values(3, Out, In), magnitude = byRows ? Values(4, Out, 1) : Values(4, 1, In);
        const double Strength = 0.5;
        using LoraSet set = Open(Strength, ($"unet.{Layer}.lora_B.weight", up), ($"unet.{Layer}.lora_A.weight", down), ($"unet.{Layer}.dora_scale", magnitude));
        using Checkpoint model = Model((Layer + ".weight", weight));

        float[] changed = set.Apply("unet", model).Read(Layer + ".weight").ToArray<float>();

        float[] a = up.ToArray<float>(), b = down.ToArray<float>(), w = weight.ToArray<float>(), m = magnitude.ToArray<float>();
        double Sum(int o, int i) => w[o * In + i] + Enumerable.Range(0, Rank).Sum(r => (double)a[o * Rank + r] * b[r * In + i]);
        double Norm(int o, int i) => Math.Sqrt(byRows ? Enumerable.Range(0, In).Sum(k => Sum(o, k) * Sum(o, k)) : Enumerable.Range(0, Out).Sum(k => Sum(k, i) * Sum(k, i)));
        Check(changed, (o, i) => w[o * In + i] + Strength * (m[byRows ? o : i] * Sum(o, i) / Norm(o, i) - w[o * In + i]));
    }

    [Fact]
    public void ThrowUnlessUsed_LayerOfAnotherSize_IsListed()
    {
        using var scope = TensorScope.Enter();
        using LoraSet set = Open(1, ($"unet.{Layer}.lora_up.weight", Values(1, Out, Rank)), ($"unet.{Layer}.lora_down.weight", Values(2, Rank, In + 1)));
        using Checkpoint model = Model((Layer + ".weight", Values(3, Out, In)));
        set.Apply("unet", model);

        string message = Should.Throw<CheckpointException>(set.ThrowUnlessUsed).Message;

        message.ShouldContain("other sizes");
        message.ShouldContain("changes 28 elements, the model's has [4, 6]");
    }

    [Fact]
    public void ThrowUnlessUsed_LayerThatTheModelLacks_IsListed()
    {
        using var scope = TensorScope.Enter();
        using LoraSet set = Open(1, ("unet.up_blocks.9.to_q.lora_up.weight", Values(1, Out, Rank)), ("unet.up_blocks.9.to_q.lora_down.weight", Values(2, Rank, In)));
        using Checkpoint model = Model((Layer + ".weight", Values(3, Out, In)));
        set.Apply("unet", model);

        string message = Should.Throw<CheckpointException>(set.ThrowUnlessUsed).Message;

        message.ShouldContain("up_blocks.9.to_q");
        message.ShouldContain("another system");
    }

    [Fact]
    public void Open_TensorsOfNoKnownKind_AreListed()
    {
        using var scope = TensorScope.Enter();

        Should.Throw<CheckpointException>(() => Open(1, ("unet.x.lora_up.weight", Values(1, Out, Rank)), ("unet.x.strange", Values(2, 3)))).Message.ShouldContain("unet.x.strange");
    }

    [Theory]
    [InlineData("style.safetensors:0.8", "style.safetensors", 0.8)]
    [InlineData("style.safetensors", "style.safetensors", 1)]
    [InlineData("a:b.safetensors:-1", "a:b.safetensors", -1)]
    public void Parse_FileAndWeight_AreSeparated(string text, string path, double weight) => LoraChoice.Parse(text).ShouldBe(new LoraChoice(path, weight));

    [Theory]
    [InlineData("style.safetensors:")]
    [InlineData("style.safetensors:strong")]
    [InlineData("style.safetensors:NaN")]
    [InlineData("style.safetensors:0.8:x")]
    public void Parse_NoWeightBehindTheColon_IsRefused(string text) => Should.Throw<ConfigException>(() => LoraChoice.Parse(text)).Message.ShouldContain("is no weight");

    public void Dispose() => _folder.Delete(recursive: true);

    private static void Check(float[] changed, Func<int, int, double> expected)
    {
        for (int o = 0; o < Out; o++)
        {
            for (int i = 0; i < In; i++)
            {
                ((double)changed[o * In + i]).ShouldBe(expected(o, i), 1e-5);
            }
        }
    }

    // Small numbers without symmetry, different for each seed.
    private static Tensor Values(int seed, params long[] shape)
    {
        long n = shape.Aggregate(1L, (product, size) => product * size);
        return Tensor.FromArray([.. Enumerable.Range(0, (int)n).Select(i => (float)Math.Sin(seed + 1.7 * i))], shape);
    }

    private string Write(string name, params (string Name, Tensor Value)[] tensors)
    {
        string path = Path.Combine(_folder.FullName, name + ".safetensors");
        SafetensorsWriter.Write(path, tensors.Select(t => KeyValuePair.Create(t.Name, t.Value)));
        return path;
    }

    private LoraSet Open(double weight, params (string Name, Tensor Value)[] tensors)
    {
        string path = Path.Combine(_folder.FullName, "lora.safetensors");
        SafetensorsWriter.Write(path, tensors.Select(t => KeyValuePair.Create(t.Name, t.Value)));
        return LoraSet.Open([new LoraChoice(path, weight)]);
    }

    private Checkpoint Model(params (string Name, Tensor Value)[] tensors)
    {
        string path = Path.Combine(_folder.FullName, "model.safetensors");
        SafetensorsWriter.Write(path, tensors.Select(t => KeyValuePair.Create(t.Name, t.Value)));
        return Checkpoint.Open(path);
    }
}
