using System.Security.Cryptography;
using System.Text;

namespace Kinora.Evaluation.Systems;

/// <summary>SHA-256 of a few texts.</summary>
internal static class TextHash
{
    /// <summary>In lower-case hexadecimal, over the texts one line each.</summary>
    public static string Of(params ReadOnlySpan<string> parts) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))));
}
