using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models.Generation;
using Kinora.Models.Tests.Systems.CogVideoX;

namespace Kinora.Models.Tests.Generation;

/// <summary>Where weights lie decides memory, not pictures; fewer bits change pictures a little.</summary>
public sealed class WeightStorageTests
{
    private static readonly VideoFrame Photo = new(20, 12, [.. Enumerable.Range(0, 20 * 12 * 3).Select(i => (byte)(i * 7))]);

    [Theory]
    [InlineData("sd", "model")]
    [InlineData("sd", "block")]
    [InlineData("svd", "model")]
    [InlineData("svd", "block")]
    [InlineData("animatediff", "block")]
    [InlineData("modelscope", "block")]
    public async Task Offload_GivesTheSameFrames(string system, string offload)
    {
        using TinyVideoFolder folder = Folder(system);
        foreach (string dtype in new[] { "fp32", "bf16" })
        {
            string whole = await Hash(folder, system, new KinoraOptions { DType = dtype });
            (await Hash(folder, system, new KinoraOptions { DType = dtype, Offload = offload })).ShouldBe(whole, dtype);
        }
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public async Task Offload_OfCogVideoX_GivesTheSameFrames(string dtype)
    {
        using var model = new TinyCogVideoX();
        string whole = await Make("none");
        foreach (string offload in new[] { "model", "block" })
        {
            (await Make(offload)).ShouldBe(whole, offload);
        }

        async Task<string> Make(string offload)
        {
            using var generator = new KinoraVideoGenerator(new KinoraOptions { Model = model.Folder, Device = "cpu", DType = dtype, Offload = offload });
            return (await generator.GenerateAsync(new VideoGenerationRequest("a red balloon"), new VideoGenerationOptions { Seed = 3, Steps = 2 }))[0].Manifest.FramesSha256;
        }
    }

    [Fact]
    public async Task AsStored_GivesTheSameFrames_AndFewerBitsOthers()
    {
        using TinyVideoFolder folder = Folder("sd");
        string whole = await Hash(folder, "sd", new KinoraOptions { DType = "bf16" });
        (await Hash(folder, "sd", new KinoraOptions { DType = "bf16", Weights = "as-stored" })).ShouldBe(whole);
        foreach (string weights in new[] { "fp8", "int8" })
        {
            (await Hash(folder, "sd", new KinoraOptions { DType = "bf16", Weights = weights })).ShouldNotBe(whole, weights);
        }
    }

    [Fact]
    public void Options_ThatDoNotGoTogether_AreRefused()
    {
        Message(new KinoraOptions { Offload = "block", Weights = "int8" }).ShouldContain("cannot be kept as int8");
        Message(new KinoraOptions { Offload = "disk" }).ShouldContain("use none, model or block");
        Message(new KinoraOptions { Weights = "int3" }).ShouldContain(WeightStorageExtensions.Names);
        Message(new KinoraOptions { DType = "fp16" }).ShouldContain("--weights fp16");

        static string Message(KinoraOptions options)
        {
            options.Device = "cpu";
            return Should.Throw<ConfigException>(options.ResolveLoad).Message;
        }
    }

    [Fact]
    public void PeakBytes_FollowsTypeStorageAndOffload()
    {
        using TinyVideoFolder tiny = Folder("sd");
        GenerationPlan plan = GenerationPlan.Create(ModelFolder.Open(tiny.Path), new VideoGenerationRequest("a cat"), new VideoGenerationOptions { Width = 16, Height = 16 });
        long Peak(DType type, WeightStorage storage = WeightStorage.Auto, Offload offload = Offload.None) => plan.PeakBytes(new LoadOptions { Compute = type, Storage = storage, Offload = offload });

        Peak(DType.BFloat16).ShouldBeLessThan(Peak(DType.Float32));
        Peak(DType.Float32, WeightStorage.Int8).ShouldBeLessThan(Peak(DType.Float32));
        Peak(DType.Float32, offload: Offload.Model).ShouldBeLessThan(Peak(DType.Float32));
    }

    private static TinyVideoFolder Folder(string system) => system switch
    {
        "sd" => TinyVideoFolder.StableDiffusion(),
        "svd" => TinyVideoFolder.StableVideoDiffusion(),
        "modelscope" => TinyVideoFolder.ModelScope(),
        _ => TinyVideoFolder.AnimateDiff(),
    };

    private static async Task<string> Hash(TinyVideoFolder folder, string system, KinoraOptions options)
    {
        options.Model = folder.Path;
        options.Device = "cpu";
        using var generator = new KinoraVideoGenerator(options);
        var request = new VideoGenerationRequest(system == "svd" ? "" : "a cat") { FirstFrame = system == "svd" ? Photo : null };
        return (await generator.GenerateAsync(request, new VideoGenerationOptions { Seed = 5, Width = 16, Height = 16, Frames = system == "sd" ? null : 3, Steps = 2 }))[0].Manifest.FramesSha256;
    }
}
