using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.World.Datasets;

/// <summary>One line of a dataset's manifest.jsonl.</summary>
public sealed record ManifestRow
{
    // The name space of clip ids: a random UUID that never changes.
    private static readonly Guid ClipNamespace = new("6f1d3b5e-0c5a-4e0e-9d0b-6d2c1a7c4f58");

    /// <summary>UUIDv5 (RFC 9562) over the SHA-256 of the clip's file and its time range in seconds.</summary>
    public required Guid Id { get; init; }

    /// <summary>Base name of the clip's files.</summary>
    public required string Key { get; init; }

    /// <summary>The tar file that holds them; null for files in the dataset's folder.</summary>
    public required string? Shard { get; init; }

    /// <summary>The scene's seed in decimal: a string, because JSON readers commonly lose 64-bit integers.</summary>
    public required string Seed { get; init; }

    public required string Split { get; init; }

    public required string Caption { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int Frames { get; init; }

    public required double Fps { get; init; }

    /// <summary>Size of the clip's file, bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>SHA-256 of the clip's file in lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ManifestJson.Default.ManifestRow);

    /// <exception cref="JsonException">The line is no manifest row.</exception>
    public static ManifestRow FromJson(string line) =>
        JsonSerializer.Deserialize(line, ManifestJson.Default.ManifestRow) ?? throw new JsonException("manifest: expected an object, got null.");

    /// <summary>The id of the part of a clip from <paramref name="start"/> to <paramref name="end"/>, seconds.</summary>
    public static Guid ClipId(string sha256, double start, double end)
    {
        byte[] name = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{sha256}:{start:0.######}-{end:0.######}"));
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // UUIDv5 is defined over SHA-1; nothing is protected by it.
        SHA1.HashData([.. ClipNamespace.ToByteArray(bigEndian: true), .. name], hash);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ManifestRow))]
internal sealed partial class ManifestJson : JsonSerializerContext;
