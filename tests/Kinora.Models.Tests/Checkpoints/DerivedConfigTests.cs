// Oracle: the manifests of published checkpoints. A file under the authors' names, of which nothing but names and shapes is known, gives
// a configuration that asks for exactly the manifest's parameters.

using System.Globalization;
using System.Text;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Systems.Clip;
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
            published[prefix + original] = step switch
            {
                KeyStep.PartsStep parts => [shape[0] / parts.Taken.Length * parts.Count, .. shape[1..]],
                _ when step == KeyStep.Transposed => [shape[1], shape[0]],
                _ when step == KeyStep.Flattened => [.. shape, 1, 1],
                _ => shape,
            };
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
