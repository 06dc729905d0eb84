namespace Kinora.Engine.Checkpoints;

/// <summary>What stands in a file that should hold weights and does not, from its first bytes.</summary>
internal static class ForeignContent
{
    /// <summary>Bytes that tell.</summary>
    public const int BytesToTell = 64;

    /// <summary>What the file is and what to do; null when it may be weights.</summary>
    /// <param name="first">The first bytes, as many as there are up to <see cref="BytesToTell"/>.</param>
    public static string? Describe(ReadOnlySpan<byte> first)
    {
        if (first.IsEmpty)
        {
            return "the file is empty; download it again";
        }
        if (!first.ContainsAnyExcept((byte)0))
        {
            return first.Length < BytesToTell ? null : "the file begins with zeros, as a download does that was broken off; download it again";
        }
        if (first.StartsWith("version https://git-lfs"u8))
        {
            return "this is a pointer of Git LFS in the place of the file; fetch the file itself (git lfs pull, or kinora models pull)";
        }
        if (first.TrimStart(" \t\r\n"u8) is [(byte)'<', (byte)'!' or (byte)'?' or (>= (byte)'A' and <= (byte)'z'), ..])
        {
            return "this is a page of HTML or XML, which servers send in the place of a file that they do not give; download it again, with a token if the model wants one";
        }
        string? kind =
            first[1..].StartsWith("PNG"u8) ? "a PNG picture"
            : first.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? "a JPEG picture"
            : first.StartsWith("GIF8"u8) ? "a GIF picture"
            : first.StartsWith("RIFF"u8) ? "a WebP picture or another RIFF file"
            : first.Length > 8 && first[4..].StartsWith("ftyp"u8) ? "an MP4 clip"
            : first.StartsWith("%PDF"u8) ? "a PDF document"
            : first.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) ? "a gzip archive; unpack it"
            : first.StartsWith("7z"u8) ? "a 7z archive; unpack it"
            : first.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'H', (byte)'D', (byte)'F']) ? "an HDF5 file (Keras, TensorFlow)"
            : first.TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[', ..] && IsText(first) ? "JSON text"
            : IsText(first) ? "text"
            : null;
        return kind is null ? null : $"this is {kind}; weights are safetensors, GGUF, or pickles of torch.save";
    }

    private static bool IsText(ReadOnlySpan<byte> first)
    {
        foreach (byte b in first)
        {
            if (b is < 0x20 and not ((byte)'\t' or (byte)'\r' or (byte)'\n') or > 0x7E)
            {
                return false;
            }
        }
        return true;
    }
}
