// What a pull left in a folder: repository, revision, and the hash of every file.

using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Doctor;

namespace Kinora.Models.Checkpoints.Hub;

/// <summary>A pulled file.</summary>
/// <param name="Path">Relative to the folder, with forward slashes.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">Lower-case hexadecimal.</param>
public sealed record HubFileRecord(string Path, long Size, string Sha256);

/// <summary>The file that a pull writes last.</summary>
/// <param name="Repository">owner/name.</param>
/// <param name="Revision">The commit that the files are of.</param>
/// <param name="Files">What was pulled.</param>
public sealed record HubManifest(string Repository, string Revision, IReadOnlyList<HubFileRecord> Files)
{
    /// <summary>Its name in the folder.</summary>
    public const string FileName = "kinora-pull.json";

    /// <summary>The manifest of a folder; null when it has none.</summary>
    /// <exception cref="ConfigException">It is damaged.</exception>
    public static HubManifest? Read(string folder)
    {
        string path = System.IO.Path.Combine(folder, FileName);
        return File.Exists(path) ? ModelConfigJson.ReadFile(path, HubJson.Default.HubManifest) : null;
    }

    /// <summary>Compares the files of a folder with its manifest; empty when it has none.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="only">Only this file; null for all.</param>
    public static IReadOnlyList<HashCheck> Check(string folder, string? only = null)
    {
        if (Read(folder) is not { } manifest)
        {
            return [];
        }
        return [.. manifest.Files.Where(f => only is null || f.Path == only).Select(f =>
        {
            string path = System.IO.Path.Combine(folder, f.Path);
            return new HashCheck(f.Path, File.Exists(path) && new FileInfo(path).Length == f.Size && Checkpoint.HashFile(path) == f.Sha256);
        })];
    }

    internal void Write(string folder) =>
        AtomicFile.Write(System.IO.Path.Combine(folder, FileName), file => JsonSerializer.Serialize(file, this, HubJson.Default.HubManifest));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(HubManifest))]
internal sealed partial class HubJson : JsonSerializerContext;
