using System.Text.Json;

namespace Kinora.Evaluation.Tests.Generation;

/// <summary>A whole model folder: the components of a pipeline fixture and a tokenizer of single letters.</summary>
internal sealed class TinyStableDiffusion : IDisposable
{
    private const int Start = 118, End = 119, MaxTokens = 12;

    public TinyStableDiffusion(string fixture)
    {
        Folder = Directory.CreateTempSubdirectory("kinora-test-").FullName;
        string source = Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden", "pipelines", fixture);
        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(Folder, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        string index = Path.Combine(Folder, "model_index.json");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(index));
        var components = json.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => (object)p.Value);
        foreach (string tokenizer in components.Keys.Where(k => k.StartsWith("tokenizer", StringComparison.Ordinal)).ToArray())
        {
            components[tokenizer] = (string[])["transformers", "CLIPTokenizer"];
            WriteTokenizer(Path.Combine(Folder, tokenizer));
        }
        File.WriteAllText(index, JsonSerializer.Serialize(components));
    }

    public string Folder { get; }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void WriteTokenizer(string folder)
    {
        Directory.CreateDirectory(folder);
        IEnumerable<string> letters = Enumerable.Range('a', 26).Select(c => ((char)c).ToString());
        var vocabulary = letters.Concat(letters.Select(c => c + "</w>")).Select((token, id) => (token, id)).ToDictionary(p => p.token, p => p.id);
        vocabulary["<|startoftext|>"] = Start;
        vocabulary["<|endoftext|>"] = End;
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(vocabulary));
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n");
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"),
            $$"""{"tokenizer_class":"CLIPTokenizer","model_max_length":{{MaxTokens}},"bos_token":"<|startoftext|>","eos_token":"<|endoftext|>","pad_token":"<|endoftext|>","unk_token":"<|endoftext|>"}""");
    }
}
