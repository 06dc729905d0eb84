// Fixture gpt2_byte_bpe: ids of huggingface/transformers 4.45.0.dev0 (GPT2Tokenizer) at commit d6751d91 for 207 strings; see its meta.json.

using System.Diagnostics;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Models.Text;

namespace Kinora.Models.Tests.Text;

public sealed class ByteLevelBpeTokenizerTests
{
    private static readonly string Fixture = Path.Combine(AppContext.BaseDirectory, "Fixtures", "gpt2_byte_bpe");

    private static readonly string[] Corpus =
        [.. Enumerable.Range(0, 400).Select(i => $"a {(i % 3 == 0 ? "red" : "blue")} {(i % 2 == 0 ? "balloon" : "circle")} rises over the night city, slowly")];

    [Fact]
    public void Encode_GoldenStrings_GivesTheReferenceIds()
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Load(Fixture);
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixture, "cases.json")));
        int n = 0;
        foreach (JsonElement item in cases.RootElement.EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] ids = tokenizer.Encode(text);
            ids.ShouldBe(item.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32()), text);
            tokenizer.Decode(ids, skipSpecialTokens: false).ShouldBe(item.GetProperty("decoded").GetString());
            n++;
        }
        n.ShouldBe(207);
    }

    [Theory]
    [InlineData("")]
    [InlineData("🎈🎈🎈 👩‍🚀 über naïve — 日本語 \u0000 \r\n\t  end  ")]
    [InlineData("it's we'll 'd '' 10,000 𝟘𝒽")]
    public void Decode_OfEncode_IsTheText(string text)
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train(Corpus, 400);
        tokenizer.Decode(tokenizer.Encode(text, addSpecialTokens: true)).ShouldBe(text);
    }

    [Fact]
    public void Encode_UnpairedSurrogates_ReadAsReplacementCharacters()
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train(Corpus, 300);
        tokenizer.Decode(tokenizer.Encode("a\ud800b\udc00")).ShouldBe("a\ufffdb\ufffd");
        tokenizer.Decode(tokenizer.Encode("\ud83c")).ShouldBe("\ufffd");
    }

    [Fact]
    public void Train_LearnsWordsOfTheCorpus_WhateverTheOrder()
    {
        ByteLevelBpeTokenizer a = ByteLevelBpeTokenizer.Train(Corpus, 400);
        ByteLevelBpeTokenizer b = ByteLevelBpeTokenizer.Train(Corpus.Reverse(), 400);
        Enumerable.Range(0, a.VocabularySize).Select(a.TokenOf).ShouldBe(Enumerable.Range(0, b.VocabularySize).Select(b.TokenOf));
        a.Encode(" balloon").Length.ShouldBe(1);
        a.Roles.ShouldBe(new SpecialTokenRoles(0, 1, 2));
        // Nothing is left to merge before 400 is reached.
        a.VocabularySize.ShouldBeLessThan(400);
        a.Encode(Corpus[0]).Length.ShouldBe(Corpus[0].Split(' ').Length + 1);
    }

    // The example of arXiv:1508.07909, section 3.2, without the end-of-word mark: counts l-o-w 7, n-e-w-e-r … decide the first merges.
    [Fact]
    public void Train_SmallCorpus_MergesTheMostFrequentPairFirst()
    {
        string[] corpus = [.. Enumerable.Repeat("low", 5), .. Enumerable.Repeat("lower", 2), .. Enumerable.Repeat("newest", 6), .. Enumerable.Repeat("widest", 3)];
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train(corpus, 259 + 3);
        // e+s and s+t both occur 9 times, as does t's only predecessor; the smaller pair of ids is e+s.
        tokenizer.TokenOf(259).ShouldBe("es");
        tokenizer.TokenOf(260).ShouldBe("est");
        tokenizer.TokenOf(261).ShouldBe("lo");
    }

    [Fact]
    public void SaveThenLoad_EncodesAlike_AndWritesTheSameBytes()
    {
        string folder = Directory.CreateTempSubdirectory("kinora-test-").FullName;
        try
        {
            ByteLevelBpeTokenizer saved = ByteLevelBpeTokenizer.Train([.. Corpus, "<|eos|> \"quoted\" \\ ü 🎈🎈"], 380);
            saved.Save(folder, maxTokens: 32);
            byte[] first = File.ReadAllBytes(Path.Combine(folder, "tokenizer.json"));
            ByteLevelBpeTokenizer loaded = ByteLevelBpeTokenizer.Load(folder);
            const string Text = "two red balloons <|eos|> \"quoted\" 🎈";
            loaded.Encode(Text, addSpecialTokens: true).ShouldBe(saved.Encode(Text, addSpecialTokens: true));
            loaded.Roles.ShouldBe(saved.Roles);
            loaded.Save(folder, maxTokens: 32);
            File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")).ShouldBe(first);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void TryEncodePadded_FillsWithPadAndRefusesWhatDoesNotFit()
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train(Corpus, 400);
        PaddedTokens padded = tokenizer.TryEncodePadded("a red circle", 8)!.Value;
        padded.Ids[0].ShouldBe(1);
        padded.Count.ShouldBe(5);
        padded.Ids[4].ShouldBe(2);
        padded.Ids[5..].ShouldBe([0L, 0, 0]);
        tokenizer.TryEncodePadded("a red circle", 4).ShouldBeNull();
        tokenizer.TryEncodePadded("", 2)!.Value.Ids.ShouldBe([1L, 2]);
    }

    [Fact]
    public void Encode_OneLongWord_TakesLinearithmicTime()
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train(["aa", "aa", "aaaa", "aaaa", "aaaaaaaa", "aaaaaaaa"], 300);
        var clock = Stopwatch.StartNew();
        int[] ids = tokenizer.Encode(new string('a', 200_000));
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        tokenizer.Decode(ids).Length.ShouldBe(200_000);
    }

    [Theory]
    [InlineData("""{"model":{"type":"Unigram","vocab":[]},"added_tokens":[],"pre_tokenizer":{"type":"ByteLevel"}}""", "Unigram")]
    [InlineData("""{"model":{"type":"BPE","vocab":{},"merges":[]},"added_tokens":[],"pre_tokenizer":{"type":"Metaspace"}}""", "Metaspace")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":1},"merges":[]},"added_tokens":[],"pre_tokenizer":{"type":"ByteLevel"}}""", "gaps")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":[],"pre_tokenizer":{"type":"ByteLevel"}}""", "256")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]},"added_tokens":[],"pre_tokenizer":{"type":"ByteLevel"}}""", "merge 0")]
    [InlineData("""{"model":3}""", "layout")]
    [InlineData("""{""", "tokenizer.json")]
    public void Load_OtherKindsAndDamage_SayWhatIsWrong(string json, string expected)
    {
        string folder = Directory.CreateTempSubdirectory("kinora-test-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json);
            Should.Throw<ConfigException>(() => ByteLevelBpeTokenizer.Load(folder)).Message.ShouldContain(expected);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
