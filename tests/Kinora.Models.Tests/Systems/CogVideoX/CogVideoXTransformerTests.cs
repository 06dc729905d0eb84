using Kinora.Engine;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Systems.CogVideoX;

public sealed class CogVideoXTransformerTests : NetworkContract<CogVideoXTransformer>
{
    private const int TextTokens = 5;

    // Version 1.5's image to video: tokens of two frames, an offset, rotations.
    private static readonly CogVideoXTransformerConfig Tiny = CogVideoXTransformerConfig.TwoB with
    {
        NumAttentionHeads = 2, AttentionHeadDim = 16, NumLayers = 2, InChannels = 6, OutChannels = 3, TimeEmbedDim = 24, OfsEmbedDim = 24, TextEmbedDim = 12, MaxTextSeqLength = 8,
        SampleHeight = 6, SampleWidth = 8, SampleFrames = 13, PatchSizeT = 2, UseRotaryPositionalEmbeddings = true,
    };

    protected override string ApprovedFile => "cogvideox-transformer.txt";

    protected override CogVideoXTransformer Build(ParameterPath path) => new(path, Tiny);

    protected override Tensor[] Inputs(int batch) =>
    [
        NoiseRows(batch, 1, 4, 6, 4, 6),
        Tensor.FromArray([.. Enumerable.Range(0, batch).Select(i => 900L - 300 * i)], batch),
        NoiseRows(batch, 2, TextTokens, 12),
        Tensor.Full([batch], 2),
    ];

    protected override long[] ExpectedShape(int batch) => [batch, 4, 3, 4, 6];

    protected override Tensor Forward(CogVideoXTransformer network, Tensor[] inputs) => network.Forward(inputs[0], inputs[1], inputs[2], inputs[3]);

    [Fact]
    public void Forward_WithoutTheOffset_SaysThatItIsMissing()
    {
        using var scope = TensorScope.Enter();
        var network = Noisy();
        var inputs = Inputs(1);
        Should.Throw<ShapeException>(() => network.Forward(inputs[0], inputs[1], inputs[2])).Message.ShouldContain("offset");
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Forward_WithAShorterPrompt_LeavesThePositionsOfTheVideo()
    {
        using var scope = TensorScope.Enter();
        var config = Tiny with { PatchSizeT = null, OfsEmbedDim = null, UseRotaryPositionalEmbeddings = false };
        var network = new CogVideoXTransformer(ParameterPath.Root(new InitializedParameters(2)), config);
        var inputs = Inputs(1);
        var embedded = new List<float[]>();
        using (ForwardTrace.Listen((name, output) => { if (name == "patch_embed") embedded.Add(output.Narrow(1, output.Size(1) - 24, 24).Contiguous().ToArray<float>()); }))
        {
            network.Forward(inputs[0], inputs[1], Tensor.Zeros([1, 8, 12]));
            network.Forward(inputs[0], inputs[1], Tensor.Zeros([1, 3, 12]));
        }
        embedded[1].ShouldBe(embedded[0]);
        network.Path.Store.Dispose();
    }

    [Fact]
    public void Config_WithSeveralMistakes_NamesThemAll()
    {
        var error = Should.Throw<ConfigException>(() => (Tiny with { NumLayers = 0, ActivationFn = "mish", OfsEmbedDim = 7 }).Validate());
        error.Message.ShouldContain("`num_layers`");
        error.Message.ShouldContain("`activation_fn`");
        error.Message.ShouldContain("`ofs_embed_dim`");
    }
}
