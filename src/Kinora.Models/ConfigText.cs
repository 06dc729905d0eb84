using System.Globalization;
using Kinora.Engine;

namespace Kinora.Models;

/// <summary>The text of a configuration: of a file, or worked out from weights that came without one.</summary>
/// <param name="Source">What messages call it: the file, or the weights that it was worked out from.</param>
/// <param name="Utf8">The JSON.</param>
public sealed record ConfigText(string Source, ReadOnlyMemory<byte> Utf8)
{
    private const long MaximumFileSize = 16L << 20;

    /// <summary>Reads a file.</summary>
    /// <exception cref="ConfigException">It cannot be read, or is far too large for a configuration.</exception>
    public static ConfigText OfFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length > MaximumFileSize)
            {
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{path}: a configuration has at most {MaximumFileSize >> 20} MiB, this file has {file.Length >> 20} MiB. Is it the right file?"));
            }
            return new ConfigText(path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: cannot be read ({e.Message})", e);
        }
    }
}
