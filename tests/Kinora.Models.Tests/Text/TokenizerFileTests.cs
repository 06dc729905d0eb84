using Kinora.Engine;
using Kinora.Models.Text;

namespace Kinora.Models.Tests.Text;

// Ids that are almost right are worse than none: a component that is not known is refused, with its place.
public sealed class TokenizerFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kinora-test-");

    [Theory]
    [InlineData("\"pre_tokenizer\": {\n  \"type\": \"ByteLevel\"", "\"pre_tokenizer\": {\n  \"type\": \"Quantum\"", "pre_tokenizer", "Quantum")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"Reverse\"}", "normalizer", "Reverse")]
    [InlineData("\"post_processor\": {\n  \"type\": \"ByteLevel\"", "\"post_processor\": {\n  \"type\": \"Wrapper\"", "post_processor", "Wrapper")]
    [InlineData("\"decoder\": {\n  \"type\": \"ByteLevel\"", "\"decoder\": {\n  \"type\": \"Oracle\"", "decoder", "Oracle")]
    [InlineData("\"truncation\": null", "\"truncation\": null, \"cache\": 3", "cache", "cache")]
    [InlineData("\"add_prefix_space\": false", "\"add_prefix_space\": false, \"add_suffix_space\": true", "pre_tokenizer", "add_suffix_space")]
    public void Load_UnknownComponentOrKey_IsRefusedWithItsPlace(string known, string other, string place, string name)
    {
        string text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "gpt2_byte_bpe", "tokenizer.json")), path = Path.Combine(_folder.FullName, "tokenizer.json");
        text.ShouldContain(known);
        int at = text.IndexOf(known, StringComparison.Ordinal);
        File.WriteAllText(path, string.Concat(text.AsSpan(0, at), other, text.AsSpan(at + known.Length)));

        string message = Should.Throw<ConfigException>(() => TextTokenizer.LoadFile(path)).Message;

        message.ShouldContain(path);
        message.ShouldContain(place);
        message.ShouldContain(name);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
