// Tokenizers against cases.json: a list of texts with the reference's ids, token texts, decoded text and padded ids.

using System.Globalization;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Runs tokenizer fixtures through the tokenizer that their folder describes.</summary>
internal sealed class TokenizerRunner : IFixtureRunner
{
    private const string CasesFile = "cases.json";
    private const string Padded = "ids_padded", PaddedMask = "mask_padded";

    public IReadOnlyList<string> Classes { get; } = ["CLIPTokenizer", "CLIPTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast", "T5Tokenizer", "T5TokenizerFast", "PreTrainedTokenizerFast"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        string path = Path.Combine(fixture.Folder, CasesFile);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        JsonElement[] cases = [.. document.RootElement.EnumerateArray()];
        TextTokenizer tokenizer = TextTokenizer.Load(fixture.Folder);
        // Only T5's ids include the token that ends a sequence.
        bool withSpecials = fixture.ClassName.StartsWith("T5", StringComparison.Ordinal);
        Check("ids", text => tokenizer.Encode(text, withSpecials));
        CheckStrings("tokens", text => tokenizer.Encode(text, withSpecials).Select(tokenizer.Token));
        CheckStrings("decoded", text => [tokenizer.Decode(tokenizer.Encode(text, withSpecials), skipSpecialTokens: withSpecials)]);
        foreach (string key in cases.SelectMany(c => c.EnumerateObject()).Select(p => p.Name).Where(n => n.StartsWith(Padded, StringComparison.Ordinal)).Distinct().ToArray())
        {
            int length = int.Parse(key.AsSpan(Padded.Length), CultureInfo.InvariantCulture);
            Check(key, text => [.. tokenizer.EncodePadded(text, length).Ids.Select(i => (int)i)]);
            string mask = string.Create(CultureInfo.InvariantCulture, $"{PaddedMask}{length}");
            Check(mask, text => [.. Enumerable.Range(0, length).Select(i => i < tokenizer.EncodePadded(text, length).Count ? 1 : 0)]);
        }
        void Check(string key, Func<string, IEnumerable<int>> ours) =>
            CheckStrings(key, text => ours(text).Select(i => i.ToString(CultureInfo.InvariantCulture)));

        void CheckStrings(string key, Func<string, IEnumerable<string>> ours)
        {
            int wrong = 0;
            string where = "";
            foreach (JsonElement one in cases)
            {
                if (!one.TryGetProperty(key, out JsonElement expected))
                {
                    continue;
                }
                string text = one.GetProperty("text").GetString()!;
                string[] reference = expected.ValueKind == JsonValueKind.Array ? [.. expected.EnumerateArray().Select(e => e.ToString())] : [expected.ToString()];
                string[] got = [.. ours(text)];
                if (!got.SequenceEqual(reference, StringComparer.Ordinal))
                {
                    wrong++;
                    where = where.Length > 0 ? where : $"\"{text}\": ours {string.Join(' ', got)}, reference {string.Join(' ', reference)}";
                }
            }
            outputs.AddCheck(key, wrong, 0, where);
        }
    }
}
