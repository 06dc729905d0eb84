using System.Text.Json;
using Kinora.Models.Generation;

namespace Kinora.Evaluation.Tests.Generation;

/// <summary>A whole model folder: the components of a pipeline fixture and a tokenizer of single letters.</summary>
internal sealed class TinyStableDiffusion : IDisposable
{
    private const int Tokens = 120, MaxTokens = 12;

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
            new RandomModelFolder(Folder).AddClipTokenizer(tokenizer, 'a', 'z', Tokens, MaxTokens);
        }
        File.WriteAllText(index, JsonSerializer.Serialize(components));
    }

    public string Folder { get; }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
