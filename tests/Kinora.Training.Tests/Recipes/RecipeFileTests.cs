using Kinora.Engine;
using Kinora.Engine.Optimization;
using Kinora.Training.Recipes;

namespace Kinora.Training.Tests.Recipes;

public sealed class RecipeFileTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "recipes");

    public static TheoryData<string> Shipped => [.. Directory.GetFiles(Folder, "*.yaml").Select(p => Path.GetFileName(p))];

    [Theory]
    [MemberData(nameof(Shipped))]
    public void Read_EveryShippedRecipe_IsValidAndNamedAsItsFile(string file)
        => RecipeFile.ReadAny(Path.Combine(Folder, file)).Name.ShouldBe(Path.GetFileNameWithoutExtension(file));

    [Fact]
    public void Read_Tiny_BindsEveryKindOfValueAndKeepsDefaults()
    {
        var recipe = RecipeFile.Read(Path.Combine(Folder, "tiny.yaml"));
        recipe.Seed.ShouldBe(7UL);
        recipe.Precision.ShouldBe(ComputePrecision.Float32);
        recipe.World.Frames.ShouldBe(5);
        recipe.Codec.Network.BlockOutChannels.ShouldBe([8, 8, 16]);
        recipe.Codec.Optimization.LearningRate.ShouldBe(0.002);
        recipe.Codec.Optimization.Schedule.ShouldBe(LearningRateShape.WarmupStableDecay);
        recipe.Codec.Loss.Gradient.ShouldBe(new CodecLossRecipe().Gradient);
        recipe.Generator.CaptionDropout.ShouldBe(0.1);
        recipe.Generator.Flow.ShouldNotBeNull();
    }

    [Fact]
    public void Parse_UnknownKey_NamesItAndSuggestsTheNearest()
    {
        var error = Refusal(Tiny().Replace("learning_rate", "learningrate", StringComparison.Ordinal));
        error.ShouldContain("codec.optimization.learningrate");
        error.ShouldContain("learning_rate");
    }

    [Fact]
    public void Parse_MissingKey_NamesIt() => Refusal(Tiny().Replace("  clips: 24\n", "", StringComparison.Ordinal)).ShouldContain("latents.clips");

    [Fact]
    public void Parse_SeveralBadValues_ListsThemAll()
    {
        var error = Refusal(Tiny()
            .Replace("width: 16", "width: 17", StringComparison.Ordinal)
            .Replace("frames: 5", "frames: 6", StringComparison.Ordinal)
            .Replace("sample_steps: 2", "sample_steps: 0\n  caption_dropout: 1.5", StringComparison.Ordinal));
        error.ShouldContain("world.width");
        error.ShouldContain("multiple of 8");
        error.ShouldContain("world.frames");
        error.ShouldContain("generator.sample_steps");
        error.ShouldContain("generator.caption_dropout");
    }

    [Theory]
    [InlineData("name: [unclosed", "line")]
    [InlineData("a: 1\na: 2", "line 2")]
    [InlineData("", "tiny.yaml")]
    [InlineData("just words", "object")]
    [InlineData("name: x\n---\nname: y", "one YAML document")]
    public void Parse_NotARecipe_SaysWhere(string yaml, string expected) => Refusal(yaml).ShouldContain(expected);

    [Fact]
    public void Parse_WordWhereANumberBelongs_NamesTheKey() => Refusal(Tiny().Replace("frames: 5", "frames: five", StringComparison.Ordinal)).ShouldContain("world.frames");

    [Fact]
    public void Parse_UnknownSchedule_ListsTheKnownOnes()
        => Refusal(Tiny().Replace("steps: 12,", "steps: 12, schedule: exponential,", StringComparison.Ordinal)).ShouldContain("warmup_stable_decay");

    [Fact]
    public void Read_AbsentFile_NamesIt() => Should.Throw<ConfigException>(() => RecipeFile.Read("absent.yaml")).Message.ShouldContain("absent.yaml");

    private static string Tiny() => File.ReadAllText(Path.Combine(Folder, "tiny.yaml"));

    private static string Refusal(string yaml) => Should.Throw<ConfigException>(() => RecipeFile.Parse(yaml, "tiny.yaml")).Message;
}
