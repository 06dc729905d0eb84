using System.Globalization;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Tests.Generation;

public sealed class WeightedPromptTests
{
    // What parse_prompt_attention of AUTOMATIC1111/stable-diffusion-webui 00e09382 gives for the examples of its documentation, and more.
    [Theory]
    [InlineData("normal text", "normal text|1")]
    [InlineData("an (important) word", "an |1|important|1.1| word|1")]
    [InlineData("(unbalanced", "unbalanced|1.1")]
    [InlineData("\\(literal\\]", "(literal]|1")]
    [InlineData("(unnecessary)(parens)", "unnecessaryparens|1.1")]
    [InlineData("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", "a |1|house|1.573| |1.1|on|1| a |1.1|hill|0.55|, sun, |1.1|sky|1.4641|.|1.1")]
    [InlineData("(a:2) (b:0.5)", "a|2| |1|b|0.5")]
    [InlineData("a smile :) at 12:30", "a smile :) at 12:30|1")]
    [InlineData("[less [still less]]", "less |0.9091|still less|0.8264")]
    [InlineData("", "")]
    public void Parse_Prompt_GivesWordsAndWeights(string prompt, string expected)
    {
        WeightedPrompt parsed = WeightedPrompt.Parse(prompt);

        string.Join('|', parsed.Parts.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Text}|{Math.Round(p.Weight, 4)}"))).ShouldBe(expected);
    }

    [Theory]
    [InlineData("(a:99)")]
    [InlineData("(a:-1)")]
    [InlineData("(a:1.2.3)")]
    public void Parse_ImpossibleWeight_SaysSo(string prompt) => Should.Throw<FormatException>(() => WeightedPrompt.Parse(prompt)).Message.ShouldContain("outside 0 to 10");

    [Fact]
    public void Windows_OfLetters_HaveTheirWeights()
    {
        TextTokenizer tokenizer = Letters(out TinyStableDiffusion model);
        using (model)
        {
            PromptWindow window = WeightedPrompt.Parse("a (cat:1.5) z").Windows(tokenizer, 8).ShouldHaveSingleItem();

            window.Weights.ShouldBe([1, 1, 1.5f, 1.5f, 1.5f, 1, 1, 1]); // start, a, c, a, t, z, end, padding
            window.Ids.ShouldBe(tokenizer.EncodePadded("a cat z", 8).Ids);
        }
    }

    [Fact]
    public void Windows_OfALongPrompt_HoldEveryTokenOnce()
    {
        TextTokenizer tokenizer = Letters(out TinyStableDiffusion model);
        using (model)
        {
            const string Prompt = "a b c d e f g h i j k";
            IReadOnlyList<PromptWindow> windows = WeightedPrompt.Parse(Prompt).Windows(tokenizer, 6);

            windows.Count.ShouldBe(3);
            windows.ShouldAllBe(w => w.Ids[0] == tokenizer.Roles.Bos && w.Ids.Count == 6);
            long[] content = [.. windows.SelectMany(w => w.Ids.Skip(1).TakeWhile(id => id != tokenizer.Roles.Eos))];
            content.ShouldBe(tokenizer.Encode(Prompt, addSpecialTokens: false).Select(id => (long)id));
        }
    }

    [Fact]
    public void Windows_AtABreak_BeginAnew()
    {
        TextTokenizer tokenizer = Letters(out TinyStableDiffusion model);
        using (model)
        {
            IReadOnlyList<PromptWindow> windows = WeightedPrompt.Parse("a b BREAK (z:2)").Windows(tokenizer, 8);

            windows.Select(w => w.Ids).ShouldBe([tokenizer.EncodePadded("a b", 8).Ids, tokenizer.EncodePadded("z", 8).Ids]);
            windows[1].Weights[1].ShouldBe(2);
        }
    }

    private static TextTokenizer Letters(out TinyStableDiffusion model)
    {
        model = new TinyStableDiffusion("sd15_tiny_pndm");
        return TextTokenizer.Load(Path.Combine(model.Folder, "tokenizer"));
    }
}
