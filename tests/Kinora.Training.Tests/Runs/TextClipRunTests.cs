using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training.Tests.Runs;

public sealed class TextClipRunTests
{
    private const string Yaml = """
        kind: text-clip
        name: tiny-clip
        seed: 3
        precision: float32
        world: { width: 16, height: 16, frames: 5 }
        text: { vocab_size: 400, tokenizer_captions: 200, caption_tokens: 64, network: { hidden_size: 32, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64 } }
        clip: { appearance_channels: [8, 8, 16, 16, 16], motion_channels: [8, 8, 16, 16], head_size: 32, projection_dim: 16 }
        optimization: { steps: 12, batch_size: 16, learning_rate: 0.003, warmup_steps: 2, decay_steps: 4, log_every: 2, checkpoint_every: 3, sample_every: 6 }
        """;

    [Fact]
    public void Execute_TinyRecipe_LearnsAndWritesAModelThatLoads()
    {
        using var folder = new TemporaryFolder();
        var recipe = Recipe(folder, Yaml);
        long live = Tensor.LiveCount;
        var lines = new Lines();
        string model = TextClipRun.Execute(recipe, new TrainingOptions { Folder = folder["run"] }, lines, CancellationToken.None);
        Tensor.LiveCount.ShouldBe(live);
        Tiny.Curve(folder["run"], "clip").Count.ShouldBe(6);
        var losses = TrainingLog.Read(folder["run/clip/log.jsonl"]).Select(e => e.Metrics["loss"]).ToList();
        losses[^1].ShouldBeLessThan(losses[0]);
        lines.All.ShouldContain(l => l.Contains("among 200 unseen clips", StringComparison.Ordinal));
        File.ReadAllText(folder["run/report.html"]).ShouldContain("<polyline");
        File.ReadAllText(Path.Combine(model, "README.md")).ShouldContain("12 steps of 16");

        var (loaded, tokenizer) = TextClipFolder.Load(model, Device.Cpu);
        using var scope = TensorScope.Enter();
        var ids = tokenizer.TryEncodePadded("a red balloon moves up on a beach", loaded.Config.CaptionTokens)!.Value;
        var text = loaded.EncodeTexts(Tensor.FromArray<long>(ids.Ids, 1, ids.Ids.Length), Tensor.FromArray<bool>([.. ids.Ids.Select((_, i) => i < ids.Count)], 1, ids.Ids.Length));
        var clip = loaded.EncodeClips(Tensor.Zeros([1, 3, 5, 16, 16], DType.Float32));
        text.Shape.ShouldBe([1L, 16]);
        text.Norm().Item().ShouldBe(1, 1e-5);
        clip.Norm().Item().ShouldBe(1, 1e-5);
        Should.Throw<ShapeException>(() => loaded.EncodeClips(Tensor.Zeros([1, 3, 4, 16, 16], DType.Float32))).Message.ShouldContain("[B, 3, 5, 16, 16]");
        loaded.Path.Store.Dispose();
    }

    [Fact]
    public void Execute_StoppedAndStartedAgain_ContinuesBitIdentically()
    {
        using var folder = new TemporaryFolder();
        var recipe = Recipe(folder, Yaml);
        TextClipRun.Execute(recipe, new TrainingOptions { Folder = folder["whole"] }, new Lines(), CancellationToken.None);
        using (var cancellation = new CancellationTokenSource())
            Should.Throw<OperationCanceledException>(() => TextClipRun.Execute(recipe, new TrainingOptions { Folder = folder["broken"] }, new Lines(cancellation, 4), cancellation.Token));
        TextClipRun.Execute(recipe, new TrainingOptions { Folder = folder["broken"] }, new Lines(), CancellationToken.None);
        Tiny.Curve(folder["broken"], "clip").ShouldBe(Tiny.Curve(folder["whole"], "clip"));
        var expected = Tiny.ModelFiles(folder["whole"]);
        var actual = Tiny.ModelFiles(folder["broken"]);
        actual.Keys.Order().ShouldBe(expected.Keys.Order());
        foreach (var (name, bytes) in expected)
            actual[name].ShouldBe(bytes, name);
    }

    [Fact]
    public void Execute_ColumnsFromAFile_StartsWithItsWeightsAndRefusesOtherShapes()
    {
        using var folder = new TemporaryFolder();
        void Write(string name, int[] appearance)
        {
            var root = ParameterPath.Root(new InitializedParameters(99));
            using var store = root.Store;
            SafetensorsWriter.Write(folder[name], new ClipColumns(root, 5, appearance, [8, 8, 16, 16]).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));
        }

        Write("columns.safetensors", [8, 8, 16, 16, 16]);
        Write("wide.safetensors", [8, 8, 16, 16, 24]);
        string From(string file) => Yaml.Replace("clip: { ", $"clip: {{ columns_from: {folder[file]}, ", StringComparison.Ordinal).Replace("steps: 12", "steps: 2", StringComparison.Ordinal);
        string model = TextClipRun.Execute(Recipe(folder, From("columns.safetensors")), new TrainingOptions { Folder = folder["a"] }, new Lines(), CancellationToken.None);
        TextClipRun.Execute(Recipe(folder, Yaml.Replace("steps: 12", "steps: 2", StringComparison.Ordinal)), new TrainingOptions { Folder = folder["b"] }, new Lines(), CancellationToken.None);
        Tiny.Curve(folder["a"], "clip").ShouldNotBe(Tiny.Curve(folder["b"], "clip"));
        File.ReadAllText(Path.Combine(model, "README.md")).ShouldContain("columns.safetensors");
        Should.Throw<CheckpointException>(() => TextClipRun.Execute(Recipe(folder, From("wide.safetensors")), new TrainingOptions { Folder = folder["c"] }, new Lines(), CancellationToken.None)).Message.ShouldContain("columns_from");
    }

    [Fact]
    public void ReadAny_WrongValues_AreListedAllAtOnce()
    {
        using var folder = new TemporaryFolder();
        string message = Should.Throw<ConfigException>(() => Recipe(folder, Yaml.Replace("width: 16", "width: 24", StringComparison.Ordinal).Replace("batch_size: 16", "batch_size: 15", StringComparison.Ordinal).Replace("[8, 8, 16, 16]", "[8, 9, 16, 16]", StringComparison.Ordinal))).Message;
        message.ShouldContain("world.width");
        message.ShouldContain("optimization.batch_size");
        message.ShouldContain("clip.motion_channels");
        Should.Throw<ConfigException>(() => Recipe(folder, Yaml.Replace("text-clip", "text-image", StringComparison.Ordinal))).Message.ShouldContain("kind: text-image");
        Should.Throw<ConfigException>(() => Recipe(folder, Yaml.Replace("head_size", "headsize", StringComparison.Ordinal))).Message.ShouldContain("head_size");
    }

    private static TextClipRecipe Recipe(TemporaryFolder folder, string yaml)
    {
        File.WriteAllText(folder["recipe.yaml"], yaml);
        return RecipeFile.ReadAny(folder["recipe.yaml"]).ShouldBeOfType<TextClipRecipe>();
    }

    private sealed class Lines(CancellationTokenSource? stop = null, long at = long.MaxValue) : IProgress<TrainingProgress>
    {
        public List<string> All { get; } = [];

        public void Report(TrainingProgress value)
        {
            if (value.Line is not null)
                All.Add(value.Line);
            if (value.Done >= at)
                stop?.Cancel();
        }
    }
}
