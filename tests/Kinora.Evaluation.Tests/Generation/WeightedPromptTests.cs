using Kinora.Models.Text;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class WeightedPromptTests
{
    [Theory]
    [InlineData("a cat", "a cat", false)]
    [InlineData("a (red:1.3) cat", "a red cat", true)]
    [InlineData("(a:2) (b:0.5)", "a b", true)]
    [InlineData("a (plain) cat :) (x:y)", "a (plain) cat :) (x:y)", false)]
    [InlineData("(a:99)", "(a:99)", false)]
    public void Parse_Prompt_LeavesTheWords(string prompt, string words, bool weighted)
    {
        WeightedPrompt parsed = WeightedPrompt.Parse(prompt);

        (parsed.Text, parsed.IsWeighted).ShouldBe((words, weighted));
    }

    [Fact]
    public void TokenWeights_OfLetters_StandAtTheirTokens()
    {
        using var model = new TinyStableDiffusion("sd15_tiny_pndm");
        TextTokenizer tokenizer = TextTokenizer.Load(Path.Combine(model.Folder, "tokenizer"));

        float[] weights = WeightedPrompt.Parse("a (cat:1.5) z").TokenWeights(tokenizer, 8);

        weights.ShouldBe([1, 1, 1.5f, 1.5f, 1.5f, 1, 1, 1]); // start, a, c, a, t, z, end, padding
    }
}
