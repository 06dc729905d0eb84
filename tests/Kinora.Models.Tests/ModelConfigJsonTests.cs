using System.Text;
using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models.Tests;

public sealed class ModelConfigJsonTests
{
    private static readonly string Valid = ModelConfigJson.Write(VideoTransformerConfig.Small, KinoraWorldJson.Default.VideoTransformerConfig);

    [Fact]
    public void Read_OfWhatWasWritten_IsTheSameText()
    {
        Valid.ShouldContain("\"_class_name\": \"KinoraVideoTransformer\"");
        Valid.ShouldContain("\"num_attention_heads\": 5");
        Valid.ShouldNotContain("hidden_size", customMessage: "derived values are not configuration");
        ModelConfigJson.Write(Read(Valid), KinoraWorldJson.Default.VideoTransformerConfig).ShouldBe(Valid);
    }

    [Fact]
    public void Read_OfUnknownAndMissingKeys_NamesThemAllAndSuggests()
    {
        var error = Should.Throw<ConfigException>(() => Read(Valid.Replace("num_layers", "num_layer", StringComparison.Ordinal)));
        error.Message.ShouldContain("config.json: 2 problems");
        error.Message.ShouldContain("`num_layer`: unknown key; did you mean `num_layers`?");
        error.Message.ShouldContain("`num_layers`: missing");
    }

    [Fact]
    public void Read_OfAKeyTwice_IsAnError() =>
        Should.Throw<ConfigException>(() => Read(Valid.Replace("\"eps\":", "\"eps\": 1, \"eps\":", StringComparison.Ordinal))).Message.ShouldContain("`eps`: appears twice");

    [Fact]
    public void Read_OfAWrongType_NamesTheKey() =>
        Should.Throw<ConfigException>(() => Read(Valid.Replace("\"freq_dim\": 256", "\"freq_dim\": \"wide\"", StringComparison.Ordinal))).Message.ShouldContain("`freq_dim`");

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    public void Read_OfWhatIsNoObject_NamesTheFile(string text) => Should.Throw<ConfigException>(() => Read(text)).Message.ShouldStartWith("config.json: ");

    [Fact]
    public void ReadFile_OfAFileThatIsNotThere_NamesIt() =>
        Should.Throw<ConfigException>(() => ModelConfigJson.ReadFile("/nowhere/config.json", KinoraWorldJson.Default.VideoTransformerConfig)).Message.ShouldContain("/nowhere/config.json");

    [Fact]
    public void Validate_OfSeveralViolations_ReportsEachOfThem()
    {
        var error = Should.Throw<ConfigException>(() => (VideoAutoencoderConfig.Small with { LatentsStd = [1, 2], PatchSize = 0, NormEps = -1 }).Validate());
        error.Message.ShouldContain("`latents_std` has 2 entries for 16 latent channels");
        error.Message.ShouldContain("`patch_size` must be positive, got 0");
        error.Message.ShouldContain("`norm_eps` must be positive, got -1");
    }

    [Fact]
    public void Presets_AreValid()
    {
        Should.NotThrow(() =>
        {
            VideoAutoencoderConfig.Small.Validate();
            VideoAutoencoderConfig.Base.Validate();
            VideoTransformerConfig.Small.Validate();
            VideoTransformerConfig.Base.Validate();
            TextEncoderConfig.Small(1000).Validate();
            TextEncoderConfig.Base(1000).Validate();
        });
        VideoTransformerConfig.Small.CaptionChannels.ShouldBe(TextEncoderConfig.Small(1000).HiddenSize);
        VideoTransformerConfig.Base.CaptionChannels.ShouldBe(TextEncoderConfig.Base(1000).HiddenSize);
        VideoTransformerConfig.Small.InChannels.ShouldBe(VideoAutoencoderConfig.Small.LatentChannels);
    }

    private static VideoTransformerConfig Read(string text) => ModelConfigJson.Read(Encoding.UTF8.GetBytes(text), KinoraWorldJson.Default.VideoTransformerConfig, "config.json");
}
