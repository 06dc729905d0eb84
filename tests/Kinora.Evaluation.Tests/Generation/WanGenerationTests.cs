using Kinora.Engine;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Wan;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class WanGenerationTests
{
    private static readonly VideoGenerationOptions Small = new() { Seed = 5, Steps = 2, Width = 32, Height = 32, Frames = 5 };

    [Fact]
    public async Task Generate_FromWords_SameSeedSameClipOtherSeedAnother()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        using var generator = Generator(model);

        var pair = await generator.GenerateAsync(new VideoGenerationRequest("a fox runs"), Small with { Count = 2 });
        var again = await generator.GenerateAsync(new VideoGenerationRequest("a fox runs"), Small with { Seed = 6 });

        (pair[0].Clip.Width, pair[0].Clip.Height, pair[0].Clip.Frames.Count, pair[0].Clip.Fps).ShouldBe((32, 32, 5, 16.0));
        again[0].Manifest.FramesSha256.ShouldBe(pair[1].Manifest.FramesSha256);
        pair[0].Manifest.FramesSha256.ShouldNotBe(pair[1].Manifest.FramesSha256);
        pair[0].Manifest.Pipeline.ShouldBe("WanPipeline");
    }

    [Fact]
    public async Task Generate_FromAPicture_DependsOnIt()
    {
        using var model = new TinyVideoModel("wan_i2v_tiny");

        string gray = await HashOf(model, Flat(120)), white = await HashOf(model, Flat(255));

        white.ShouldNotBe(gray);
    }

    [Fact]
    public async Task Generate_FromFirstAndLastPicture_DependsOnBoth()
    {
        using var model = new TinyVideoModel("wan_i2v_tiny");
        model.Edit("transformer/config.json", json => json["pos_embed_seq_len"] = 10);
        model.AddZeros("transformer", "condition_embedder.image_embedder.pos_embed", 1, 10, 10);

        string white = await HashOf(model, Flat(120), new Keyframe(-1, Flat(255))), black = await HashOf(model, Flat(120), new Keyframe(4, Flat(0)));

        white.ShouldNotBe(black);
        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(model.Folder), new VideoGenerationRequest("a fox") { FirstFrame = Flat(120) }, Small)).Message.ShouldContain("give the last one too");
    }

    [Fact]
    public void KnownLatents_InStrips_AreThoseOfTheWhole()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        using var networks = new NetworkLoader(ModelFolder.Open(model.Folder), new LoadOptions());
        using var pipeline = WanPipeline.Open(networks);
        using var scope = TensorScope.Enter();
        Tensor row = (Tensor.Arange(0, 384) * (Math.Tau / 128)).Sin() * 0.5, picture = (row.View([1, 1, 1, 1, 384]) * row.View([1, 1, 1, 384, 1])).Expand(1, 3, 1, 384, 384).Contiguous();
        Tensor whole = pipeline.KnownLatents(picture), strips = pipeline.KnownLatents(picture, VaeTiling.On);
        strips.Shape.ShouldBe(whole.Shape);
        (strips - whole).Abs().Max().Item().ShouldBeLessThan(1e-4 * (whole.Max() - whole.Min()).Item());
    }

    [Fact]
    public async Task Generate_WithTwoExperts_AsksTheSecondBelowTheBoundary()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        using var one = Generator(model);
        string alone = (await one.GenerateAsync(new VideoGenerationRequest("a fox"), Small with { Guidance = 2 }))[0].Manifest.FramesSha256;
        CopyFolder(Path.Combine(model.Folder, "transformer"), Path.Combine(model.Folder, "transformer_2"));
        model.Edit("model_index.json", json =>
        {
            json["transformer_2"] = (string[])["diffusers", "WanTransformer3DModel"];
            json["boundary_ratio"] = 0.9;
        });
        using var two = Generator(model);

        string together = (await two.GenerateAsync(new VideoGenerationRequest("a fox"), Small with { Guidance = 2 }))[0].Manifest.FramesSha256;
        var plan = GenerationPlan.Create(ModelFolder.Open(model.Folder), new VideoGenerationRequest("a fox"), Small);

        together.ShouldBe(alone, "both experts have the same weights");
        (plan.Guidance, plan.MadeFor!.Value.Width).ShouldBe((4.0, 1280));
    }

    [Fact]
    public async Task Generate_WithTokensOfTheirOwnNoiseLevel_KeepsTheFirstFrame()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        model.Edit("model_index.json", json => json["expand_timesteps"] = true);
        using var generator = Generator(model);
        async Task<VideoFrame> FirstOf(string prompt, byte level) =>
            (await generator.GenerateAsync(new VideoGenerationRequest(prompt) { FirstFrame = Flat(level) }, Small))[0].Clip.Frames[0];

        VideoFrame kept = await FirstOf("a fox", 200), same = await FirstOf("the sea", 200), other = await FirstOf("a fox", 20);

        same.Rgb.ShouldBe(kept.Rgb);
        other.Rgb.SequenceEqual(kept.Rgb).ShouldBeFalse();
    }

    [Theory]
    [InlineData("wan_t2v_tiny", true, "words alone")]
    [InlineData("wan_i2v_tiny", false, "give its first frame")]
    public void Plan_OfTheOtherKindOfModel_IsRefused(string fixture, bool withPicture, string message)
    {
        using var model = new TinyVideoModel(fixture);
        var request = new VideoGenerationRequest("a fox") { FirstFrame = withPicture ? Flat(0) : null };
        Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(model.Folder), request, Small)).Message.ShouldContain(message);
    }

    [Theory]
    [InlineData(40, 32, 5, "width")]
    [InlineData(32, 32, 6, "frames")]
    public void Plan_OfAnImpossibleSize_NamesTheNearestPossible(int width, int height, int frames, string name)
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        var error = Should.Throw<GenerationRequestException>(() => GenerationPlan.Create(ModelFolder.Open(model.Folder), new VideoGenerationRequest("a fox"), Small with { Width = width, Height = height, Frames = frames }));
        error.Message.ShouldContain(name);
        error.Message.ShouldContain("nearest");
    }

    [Fact]
    public void Plan_WithAKeyframeThatTheModelDoesNotTake_IsRefused()
    {
        using var model = new TinyVideoModel("wan_i2v_tiny");
        void Plan(int frame) => GenerationPlan.Create(ModelFolder.Open(model.Folder), new VideoGenerationRequest("a fox") { FirstFrame = Flat(0), Keyframes = [new Keyframe(frame, Flat(9))] }, Small);

        Should.Throw<GenerationRequestException>(() => Plan(2)).Message.ShouldContain("last frame (4)");
        Should.Throw<GenerationRequestException>(() => Plan(4)).Message.ShouldContain("FLF2V");
    }

    [Fact]
    public void Open_OfComponentsThatDoNotFit_SaysWhich()
    {
        using var model = new TinyVideoModel("wan_t2v_tiny");
        model.Edit("transformer/config.json", json => json["out_channels"] = 6);
        Should.Throw<ConfigException>(() => GenerationPlan.Create(ModelFolder.Open(model.Folder), new VideoGenerationRequest("a fox"), Small)).Message.ShouldContain("6 latent channels");
    }

    private static async Task<string> HashOf(TinyVideoModel model, VideoFrame first, params Keyframe[] keyframes)
    {
        using var generator = Generator(model);
        return (await generator.GenerateAsync(new VideoGenerationRequest("a fox") { FirstFrame = first, Keyframes = keyframes }, Small))[0].Manifest.FramesSha256;
    }

    private static KinoraVideoGenerator Generator(TinyVideoModel model) => new(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = "fp32" });

    private static VideoFrame Flat(byte level) => new(32, 32, [.. Enumerable.Repeat(level, 32 * 32 * 3)]);

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
