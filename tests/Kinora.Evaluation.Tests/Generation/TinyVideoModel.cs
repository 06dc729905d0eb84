using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Tests.Generation;

/// <summary>A whole model folder: the components of a video pipeline's fixture and a tokenizer of single letters.</summary>
internal sealed class TinyVideoModel : IDisposable
{
    public TinyVideoModel(string fixture)
    {
        Folder = Directory.CreateTempSubdirectory("kinora-test-").FullName;
        string source = Path.Combine(AppContext.BaseDirectory, "Fixtures", "Golden", "pipelines", fixture);
        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(Folder, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        Edit("model_index.json", json => json["tokenizer"] = (string[])["transformers", "T5TokenizerFast"]);
        WriteTokenizer(Path.Combine(Folder, "tokenizer"));
    }

    public string Folder { get; }

    /// <summary>Changes keys of a JSON file of the folder.</summary>
    public void Edit(string file, Action<Dictionary<string, object?>> change)
    {
        string path = Path.Combine(Folder, file);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(path));
        var keys = json.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => (object?)p.Value);
        change(keys);
        File.WriteAllText(path, JsonSerializer.Serialize(keys));
    }

    /// <summary>Adds a tensor of zeros to a component's weights.</summary>
    public void AddZeros(string component, string name, params long[] shape)
    {
        using var scope = TensorScope.Enter();
        string file = Path.Combine(Folder, component, "diffusion_pytorch_model.safetensors");
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal) { [name] = Tensor.Zeros(shape) };
        using (Checkpoint checkpoint = Checkpoint.Open(file))
        {
            foreach (string other in checkpoint.Names)
            {
                tensors[other] = checkpoint.Read(other).Clone();
            }
        }
        SafetensorsWriter.Write(file, tensors);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void WriteTokenizer(string folder)
    {
        Directory.CreateDirectory(folder);
        object Special(int id, string content) => new { id, content, single_word = false, lstrip = false, rstrip = false, normalized = false, special = true };
        object[] vocabulary = [.. ((string[])["<pad>", "</s>", "<unk>", "▁", .. Enumerable.Range('a', 26).Select(c => ((char)c).ToString())]).Select((piece, i) => (object)new object[] { piece, i < 3 ? 0.0 : -2.0 })];
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), JsonSerializer.Serialize(new
        {
            version = "1.0",
            truncation = (object?)null,
            padding = (object?)null,
            added_tokens = new[] { Special(0, "<pad>"), Special(1, "</s>"), Special(2, "<unk>") },
            normalizer = (object?)null,
            pre_tokenizer = new { type = "Metaspace", replacement = "▁", prepend_scheme = "always", split = true },
            post_processor = new
            {
                type = "TemplateProcessing",
                single = new object[] { new { Sequence = new { id = "A", type_id = 0 } }, new { SpecialToken = new { id = "</s>", type_id = 0 } } },
                pair = Array.Empty<object>(),
                special_tokens = new Dictionary<string, object>(StringComparer.Ordinal) { ["</s>"] = new { id = "</s>", ids = new[] { 1 }, tokens = new[] { "</s>" } } },
            },
            decoder = new { type = "Metaspace", replacement = "▁", prepend_scheme = "always", split = true },
            model = new { type = "Unigram", unk_id = 2, vocab = vocabulary, byte_fallback = false },
        }));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class":"T5TokenizerFast","eos_token":"</s>","unk_token":"<unk>","pad_token":"<pad>","model_max_length":512}""");
    }
}
