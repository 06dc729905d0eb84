using Kinora.Engine;
using Kinora.Models.Checkpoints.Hub;

namespace Kinora.Models.Tests.Checkpoints;

public sealed class HubPullTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kinora-test-");
    private static readonly byte[] Weights = [.. Enumerable.Range(0, 10_000).Select(i => (byte)(i * 31))];
    private static readonly byte[] Config = "{\"_class_name\": \"X\"}"u8.ToArray();

    [Fact]
    public async Task RunAsync_WholeRepository_ArrivesInRangesWithItsHashes()
    {
        using LoopbackHub hub = Hub();

        HubManifest manifest = await PullAsync(hub);

        manifest.Revision.ShouldBe(LoopbackHub.Commit);
        File.ReadAllBytes(At("unet/model.safetensors")).ShouldBe(Weights);
        File.ReadAllBytes(At("unet/config.json")).ShouldBe(Config);
        HubManifest.Check(_folder.FullName).ShouldAllBe(c => c.IsRight);
        // Five ranges of 2048 bytes, and one small file.
        hub.FileRequests.ShouldBe(6);
        Directory.GetFiles(_folder.FullName, "*.partial*", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task RunAsync_CodeAndPicklesBesideSafetensors_StayWhereTheyAre()
    {
        using var hub = new LoopbackHub(("unet/model.safetensors", Weights), ("unet/model.bin", Weights), ("pipeline.py", Config), ("picture.png", Config));

        await PullAsync(hub);

        Directory.GetFiles(_folder.FullName, "*", SearchOption.AllDirectories).Select(Path.GetFileName).ShouldBe(["model.safetensors", HubManifest.FileName], ignoreOrder: true);
    }

    [Fact]
    public async Task RunAsync_BrokenConnections_AreAskedForAgain()
    {
        using LoopbackHub hub = Hub();
        hub.Breaks = 3;

        await PullAsync(hub);

        File.ReadAllBytes(At("unet/model.safetensors")).ShouldBe(Weights);
    }

    [Fact]
    public async Task RunAsync_AfterAnInterruption_GoesOnWhereItStopped()
    {
        using LoopbackHub hub = Hub();
        // The config, two ranges, then nothing but broken connections.
        using var stopping = new StopAfter(2048 * 2 + Config.Length);
        using (var pull = new HubPull(Options(hub) with { Parallel = 1 }))
        {
            await Should.ThrowAsync<OperationCanceledException>(() => pull.RunAsync(stopping, stopping.Token));
        }
        int before = hub.FileRequests;
        File.Exists(At("unet/model.safetensors")).ShouldBeFalse();

        await PullAsync(hub);

        File.ReadAllBytes(At("unet/model.safetensors")).ShouldBe(Weights);
        (hub.FileRequests - before).ShouldBeLessThan(5);
    }

    [Fact]
    public async Task RunAsync_LieAboutTheLength_IsNamed()
    {
        using LoopbackHub hub = Hub();
        hub.LengthLie = 7;

        (await Should.ThrowAsync<HubException>(() => PullAsync(hub))).Message.ShouldContain("announced");
    }

    [Fact]
    public async Task RunAsync_WrongHash_IsDeletedAndNamed()
    {
        using LoopbackHub hub = Hub();
        hub.FalseHash = new string('0', 64);

        (await Should.ThrowAsync<HubException>(() => PullAsync(hub))).Message.ShouldContain("hash");

        Directory.GetFiles(_folder.FullName, "model*", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("../outside.json")]
    [InlineData("/etc/passwd.json")]
    [InlineData("a/../../b.json")]
    [InlineData("a\\b.json")]
    public async Task RunAsync_PathThatLeadsOut_IsRefused(string path)
    {
        using LoopbackHub hub = Hub();
        hub.ExtraPaths = [path];

        (await Should.ThrowAsync<HubException>(() => PullAsync(hub))).Message.ShouldContain("out of the folder");
    }

    [Fact]
    public async Task RunAsync_Token_IsSentToTheHub()
    {
        using LoopbackHub hub = Hub();
        hub.Token = "secret";

        (await Should.ThrowAsync<HubException>(() => PullAsync(hub))).Message.ShouldContain("HF_TOKEN");
        using var pull = new HubPull(Options(hub) with { Token = "secret" });
        await pull.RunAsync(null, CancellationToken.None);

        File.Exists(At("unet/model.safetensors")).ShouldBeTrue();
    }

    [Fact]
    public async Task RunAsync_Offline_ChecksWhatIsThere()
    {
        using LoopbackHub hub = Hub();
        HubPullOptions offline = Options(hub) with { IsOffline = true };
        using var pull = new HubPull(offline);
        (await Should.ThrowAsync<ConfigException>(() => pull.RunAsync(null, CancellationToken.None))).Message.ShouldContain("never pulled");
        await PullAsync(hub);

        (await pull.RunAsync(null, CancellationToken.None)).Files.Count.ShouldBe(2);

        File.WriteAllBytes(At("unet/config.json"), [1]);
        (await Should.ThrowAsync<ConfigException>(() => pull.RunAsync(null, CancellationToken.None))).Message.ShouldContain("unet/config.json");
    }

    [Theory]
    [InlineData("owner/name", "owner/name", "main")]
    [InlineData("owner/name@v1.0", "owner/name", "v1.0")]
    public void Parse_Repository_IsSplit(string text, string repository, string revision) => HubPullOptions.Parse(text).ShouldBe((repository, revision));

    [Theory]
    [InlineData("name")]
    [InlineData("owner/name/more")]
    [InlineData("owner/na me")]
    [InlineData("../name")]
    [InlineData("owner/name@")]
    public void Parse_AnythingElse_IsRefused(string text) => Should.Throw<ConfigException>(() => HubPullOptions.Parse(text));

    public void Dispose() => _folder.Delete(recursive: true);

    private static LoopbackHub Hub() => new(("unet/config.json", Config), ("unet/model.safetensors", Weights));

    private string At(string path) => Path.Combine(_folder.FullName, path);

    private HubPullOptions Options(LoopbackHub hub) => new("owner/name", "main", _folder.FullName) { Endpoint = hub.Address, RangeBytes = 2048, Patience = TimeSpan.Zero };

    private async Task<HubManifest> PullAsync(LoopbackHub hub)
    {
        using var pull = new HubPull(Options(hub));
        return await pull.RunAsync(null, CancellationToken.None);
    }

    /// <summary>Cancels once so many bytes have arrived.</summary>
    private sealed class StopAfter(long bytes) : IProgress<HubProgress>, IDisposable
    {
        private readonly CancellationTokenSource _source = new();

        public CancellationToken Token => _source.Token;

        public void Report(HubProgress value)
        {
            if (value.Done >= bytes)
            {
                _source.Cancel();
            }
        }

        public void Dispose() => _source.Dispose();
    }
}
