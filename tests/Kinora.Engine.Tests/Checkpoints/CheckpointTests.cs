using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;

namespace Kinora.Engine.Tests.Checkpoints;

public sealed class CheckpointTests
{
    private sealed class TwoLayers : Module
    {
        public TwoLayers(ParameterPath path) : base(path)
        {
            First = new Linear(path["first"], 3, 4);
            Second = new Linear(path["second"], 4, 2);
        }

        public Linear First { get; }

        public Linear Second { get; }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Load_SavedNetwork_HasTheSameParameters(bool trainable)
    {
        long live = Tensor.LiveCount;
        using (var folder = new TemporaryFolder())
        {
            var saved = new TwoLayers(ParameterPath.Root(new InitializedParameters(seed: 3)));
            Save(folder.File("model.safetensors"), saved);
            TwoLayers loaded = Checkpoint.Load(folder.Path, p => new TwoLayers(p), trainable: trainable);
            foreach (var ((name, a), (loadedName, b)) in saved.Parameters().Zip(loaded.Parameters()))
            {
                loadedName.ShouldBe(name);
                b.ToArray<float>().ShouldBe(a.ToArray<float>());
                b.RequiresGrad.ShouldBe(trainable);
            }
            saved.Path.Store.Dispose();
            loaded.Path.Store.Dispose();
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Load_OtherNetwork_ListsEveryDifference()
    {
        long live = Tensor.LiveCount;
        using (var folder = new TemporaryFolder())
        {
            using (var scope = TensorScope.Enter())
            {
                SafetensorsWriter.Write(folder.File("model.safetensors"), SafetensorsRoundTripTests.Named(
                    ("first.weight", Tensor.Ones([3, 4])), ("first.bias", Tensor.Ones([4], DType.Int64)), ("second.weight", Tensor.Ones([2, 4])), ("third.bias", Tensor.Ones([2]))));
            }
            string message = Should.Throw<CheckpointException>(() => Checkpoint.Load(folder.Path, p => new TwoLayers(p))).Message;
            message.ShouldContain("wrong shape: `first.weight`: model expects [4, 3], file has F32[3, 4]");
            message.ShouldContain("missing: `second.bias`");
            message.ShouldContain("unexpected: `third.bias`");
            message.ShouldContain("wrong kind of element: `first.bias`");
            message.ShouldNotContain("`second.weight`");
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Report_NarrowerFloats_AreListedAsConvertedAndAccepted()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(folder.File("m.safetensors"), SafetensorsRoundTripTests.Named(("w", Tensor.Full([2], 0.5))), floatsAs: DType.BFloat16);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
        var source = new CheckpointParameters(checkpoint);
        ParameterPath root = ParameterPath.Root(source);
        root.Create("w", [2], Init.Zeros).ToArray<float>().ShouldBe([0.5f, 0.5f]);
        source.Report.IsEmpty.ShouldBeTrue();
        source.Report.Converted.ShouldBe([new DTypeConversion("w", StorageType.BFloat16, DType.Float32)]);
        root.Store.Dispose();
    }

    [Fact]
    public void Open_Shards_ReadsThroughTheIndex()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        SafetensorsWriter.Write(folder.File("m-00001-of-00002.safetensors"), SafetensorsRoundTripTests.Named(("a", Tensor.Full([1], 1))));
        SafetensorsWriter.Write(folder.File("m-00002-of-00002.safetensors"), SafetensorsRoundTripTests.Named(("b", Tensor.Full([1], 2))));
        Index(folder, """{"metadata":{"total_size":8},"weight_map":{"a":"m-00001-of-00002.safetensors","b":"m-00002-of-00002.safetensors"}}""");
        using (Checkpoint checkpoint = Checkpoint.Open(folder.Path))
        {
            checkpoint.Names.Order().ShouldBe(["a", "b"]);
            checkpoint.Read("b").Item().ShouldBe(2);
            checkpoint.NumBytes.ShouldBe(8);
            checkpoint.Sha256().Length.ShouldBe(64);
        }
        Index(folder, """{"weight_map":{"a":"m-00001-of-00002.safetensors","c":"m-00002-of-00002.safetensors"}}""");
        Should.Throw<CheckpointException>(() => Checkpoint.Open(folder.Path)).Message.ShouldContain("`c`");
        Index(folder, """{"weight_map":{"a":"m-00001-of-00002.safetensors"}}""");
        using (Checkpoint.Open(folder.Path))
        {
        }
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../m.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":"/etc/m.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":3}}""")]
    [InlineData("""{"weight_map":{}}""")]
    [InlineData("""{"weight_map":[]}""")]
    [InlineData("""{}""")]
    [InlineData("""[[[[[[[[[[[[""")]
    public void Open_BadIndex_IsRefused(string json)
    {
        using var folder = new TemporaryFolder();
        Index(folder, json);
        Should.Throw<CheckpointException>(() => Checkpoint.Open(folder.Path));
    }

    [Fact]
    public void Sha256_SingleFile_IsThatOfItsBytes()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Enter();
        string path = folder.File("m.safetensors");
        SafetensorsWriter.Write(path, SafetensorsRoundTripTests.Named(("a", Tensor.Full([1], 1))));
        using Checkpoint checkpoint = Checkpoint.Open(path);
        checkpoint.Sha256().ShouldBe(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))));
    }

    private static void Save(string path, Module module) =>
        SafetensorsWriter.Write(path, module.Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));

    private static void Index(TemporaryFolder folder, string json) => File.WriteAllText(folder.File("m.safetensors.index.json"), json);
}
