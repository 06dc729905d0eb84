// CLIP, SigLIP and LAION's head inside the measuring pass. The weights are random: the numbers only have to be those of the same networks run by hand.

using System.Text.Json;
using Kinora.Curation.Datasets;
using Kinora.Curation.Scores;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Footage;
using Kinora.Media;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.Siglip;

namespace Kinora.Evaluation.Tests.Footage;

public sealed class MatchScorerTests : IDisposable
{
    private const int Width = 96, Height = 64, Frames = 26, Fps = 24, Side = 16, Shared = 8;
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-match-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Pass_WithClipAndAnAestheticHead_ScoresWhatTheNetworksSay()
    {
        string film = Film(), weights = Path.Combine(_folder, "head.safetensors");
        using var clip = MatchScorer.LoadClip(Clip(), Device.Cpu);
        using (TensorScope.Enter()) { SafetensorsWriter.Write(weights, [KeyValuePair.Create("weight", Tensor.FromArray(Ramp(Shared), 1, Shared)), KeyValuePair.Create("bias", Tensor.FromArray([0.25f], 1))]); }
        using var laion = AestheticScorer.Load(weights, clip);

        var options = new MeasureOptions { Detector = "content", Threshold = 255 };
        var measures = MeasurePass.Run(film, "00", options, [clip, laion], "a boat on a lake");
        measures.Options.ShouldNotBe(MeasurePass.Run(film, "00", options, [clip]).Options);
        var measured = measures.Clips.ShouldHaveSingleItem();

        // Frames 0, 12 and 24 are sampled.
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        string folder = Clip();
        var network = ClipModel.Load(folder);
        using var store = network.Path.Store;
        Tensor images = network.ImageEmbeds(ClipImageProcessor.Load(folder).Process([.. new[] { 0, 12, 24 }.Select(i => Shown(film, i))]));
        float[] text = clip.TextFeature(FactCaption.Describe(measured));
        Tensor cosines = images.Matmul(Tensor.FromArray(text, Shared, 1));
        measured[ScoreNames.ClipMatch]!.Value!.Value.ShouldBe(cosines.Mean().Item(), 1e-5);
        Tensor given = images.Matmul(Tensor.FromArray(clip.TextFeature("a boat on a lake"), Shared, 1));
        measured[ScoreNames.ClipGivenMatch]!.Value!.Value.ShouldBe(given.Mean().Item(), 1e-5);
        MeasurePass.Run(film, "00", options, [clip]).Clips[0][ScoreNames.ClipGivenMatch]!.Unavailable.ShouldBe("there is no text beside the footage");
        double head = (images * Tensor.FromArray(Ramp(Shared), 1, Shared)).Sum([1]).Mean().Item() + 0.25;
        measured[ScoreNames.Aesthetic]!.Value!.Value.ShouldBe(head, 1e-5);
        measured[ScoreNames.AestheticLeast]!.Value!.Value.ShouldBeLessThanOrEqualTo(head + 1e-6);
        double change = (images.Select(0, 0) - images.Select(0, 2)).Norm(2, [0]).Item();
        measured[ScoreNames.ShotChange]!.Value!.Value.ShouldBe(change, 1e-5);
        FeatureVector.Dot(measured.Feature!.Vector, FeatureVector.MeanUnit([.. Enumerable.Range(0, 3).Select(i => images.Select(0, i).Contiguous().ToArray<float>())])).ShouldBe(1, 1e-3);
        measured.Feature.Model.ShouldBe(clip.Identity);
        measured[ScoreNames.SiglipMatch]!.Unavailable!.ShouldContain("--weights siglip=FOLDER");
    }

    [Fact]
    public void Pass_WithSiglip_ScoresTheCosineWithoutScaleAndBias()
    {
        string film = Film(), folder = Siglip();
        using var siglip = MatchScorer.LoadSiglip(folder, Device.Cpu);
        var measured = MeasurePass.Run(film, "00", new MeasureOptions { Detector = "content", Threshold = 255 }, [siglip]).Clips.ShouldHaveSingleItem();
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var network = SiglipModel.Load(folder);
        using var store = network.Path.Store;
        Tensor images = network.ImageEmbeds(ClipImageProcessor.Load(folder).Process([.. new[] { 0, 12, 24 }.Select(i => Shown(film, i))]));
        measured[ScoreNames.SiglipMatch]!.Value!.Value.ShouldBe(images.Matmul(Tensor.FromArray(siglip.TextFeature(FactCaption.Describe(measured)), images.Size(1), 1)).Mean().Item(), 1e-5);
    }

    // Oracle: the project's specification: layers filled by the LCG of their names, four rows LCG(13) − ½ of 768, made unit; PyTorch 1.13.
    [Fact]
    public void AestheticHead_OfFiveLayers_GivesTheReferencesNumbers()
    {
        string path = Path.Combine(_folder, "mlp.safetensors");
        using var clip = MatchScorer.LoadClip(Clip(), Device.Cpu);
        (string Name, int In, int Out)[] layers = [("layers.0", 768, 1024), ("layers.2", 1024, 128), ("layers.4", 128, 64), ("layers.6", 64, 16), ("layers.7", 16, 1)];
        using (TensorScope.Enter())
        {
            SafetensorsWriter.Write(path, layers.SelectMany(l => new[]
            {
                KeyValuePair.Create(l.Name + ".weight", Tensor.FromArray(Lcg.Values(Lcg.Crc32(l.Name + ".weight"), l.In * l.Out).Select(u => (float)((u - 0.5) * Math.Sqrt(24.0 / l.In))).ToArray(), l.Out, l.In)),
                KeyValuePair.Create(l.Name + ".bias", Tensor.FromArray(Lcg.Values(Lcg.Crc32(l.Name + ".bias"), l.Out).Select(u => (float)(0.2 * (u - 0.5))).ToArray(), l.Out)),
            }));
        }
        using var laion = AestheticScorer.Load(path, clip);
        laion.Width.ShouldBe(768);
        float[] rows = [.. Lcg.Values(13, 4 * 768).Select(u => (float)(u - 0.5))];
        double[] expected = [-0.25578234, -0.74598992, -0.49587226, -0.21859412];
        for (int i = 0; i < 4; i++) { laion.Of(FeatureVector.MeanUnit([rows[(i * 768)..((i + 1) * 768)]])).ShouldBe(expected[i], 2e-6); }
        // The head belongs to CLIP ViT-L/14; this CLIP is another.
        Should.Throw<CheckpointException>(() => laion.Of(new float[Shared])).Message.ShouldContain("ViT-L/14");
        string raft = Path.Combine(_folder, "other.safetensors");
        using (TensorScope.Enter()) { SafetensorsWriter.Write(raft, [KeyValuePair.Create("fnet.weight", Tensor.FromArray([1f], 1))]); }
        Should.Throw<CheckpointException>(() => AestheticScorer.Load(raft, clip)).Message.ShouldContain("layers.0");
    }

    private static float[] Ramp(int n) => [.. Enumerable.Range(0, n).Select(i => (i - 3) * 0.3f)];

    private string Film()
    {
        string film = Path.Combine(_folder, "film.mp4");
        if (!File.Exists(film)) { new Clip([.. Enumerable.Range(0, Frames).Select(i => new VideoFrame(Width, Height, Texture(3 * i)))], Fps).Save(film); }
        return film;
    }

    private static VideoFrame Shown(string film, int frame)
    {
        var picture = new SampledPicture();
        using (var reader = AnalysisReader.Open(film))
        {
            for (int i = 0; reader.Advance(); i++)
            {
                if (i == frame) { picture.Load(reader, i); }
            }
        }
        byte[] rgb = picture.Bgr.ToArray();
        for (int i = 0; i < rgb.Length; i += 3) { (rgb[i], rgb[i + 2]) = (rgb[i + 2], rgb[i]); }
        return new VideoFrame(picture.Width, picture.Height, rgb);
    }

    private string Clip()
    {
        string folder = Path.Combine(_folder, "clip");
        if (Directory.Exists(folder)) { return folder; }
        Directory.CreateDirectory(folder);
        int vocabulary = WriteTokenizer(folder, "CLIPTokenizer");
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""{"model_type":"clip","projection_dim":{{Shared}},"text_config":{"vocab_size":{{vocabulary}},"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":77,"eos_token_id":{{vocabulary - 1}}},"vision_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"image_size":{{Side}},"patch_size":8} }""");
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), $$"""{"size":{{Side}},"crop_size":{{Side}}}""");
        string file = Path.Combine(folder, "config.json");
        Save(folder, path => new ClipModel(path, ClipConfig.Read(File.ReadAllBytes(file), file)));
        return folder;
    }

    private string Siglip()
    {
        string folder = Path.Combine(_folder, "siglip");
        Directory.CreateDirectory(folder);
        int vocabulary = WriteTokenizer(folder, "CLIPTokenizer");
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""{"model_type":"siglip","text_config":{"vocab_size":{{vocabulary}},"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":64},"vision_config":{"hidden_size":16,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"image_size":{{Side}},"patch_size":8} }""");
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), $$"""{"size":{"height":{{Side}},"width":{{Side}}},"do_center_crop":false,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}""");
        Save(folder, path => new SiglipModel(path, Models.ModelConfigJson.ReadFile(Path.Combine(folder, "config.json"), SiglipJson.Default.SiglipConfig)));
        return folder;
    }

    private static void Save(string folder, Func<ParameterPath, Module> build)
    {
        var root = ParameterPath.Root(new InitializedParameters(3));
        using var store = root.Store;
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), build(root).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));
    }

    // Single letters; whatever else a caption has is unknown.
    private static int WriteTokenizer(string folder, string kind)
    {
        IEnumerable<string> letters = Enumerable.Range('a', 26).Select(c => ((char)c).ToString());
        var vocabulary = letters.Concat(letters.Select(c => c + "</w>")).Append("<|startoftext|>").Append("<|endoftext|>").Select((token, id) => (token, id)).ToDictionary(p => p.token, p => p.id);
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(vocabulary));
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n");
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), $$"""{"tokenizer_class":"{{kind}}","model_max_length":77,"bos_token":"<|startoftext|>","eos_token":"<|endoftext|>","pad_token":"<|endoftext|>","unk_token":"<|endoftext|>"}""");
        return vocabulary.Count;
    }

    private static byte[] Texture(int shift)
    {
        byte[] rgb = new byte[Width * Height * 3];
        for (int i = 0; i < Width * Height; i++)
        {
            double u = (i % Width) + shift, v = i / Width;
            rgb[3 * i] = (byte)(128 + (100 * Math.Sin((0.13 * u) + (0.09 * v))));
            rgb[(3 * i) + 1] = (byte)(128 + (100 * Math.Sin(0.07 * v)));
            rgb[(3 * i) + 2] = (byte)(128 + (100 * Math.Cos((0.05 * u) - (0.11 * v))));
        }
        return rgb;
    }
}
