using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Generation;

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
        new RandomModelFolder(Folder).AddLetterTokenizer();
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
}
