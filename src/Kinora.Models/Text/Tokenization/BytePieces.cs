using System.Globalization;
using System.Text;

namespace Kinora.Models.Text.Tokenization;

/// <summary>Tokens that stand for one byte each: &lt;0x00&gt; to &lt;0xFF&gt;.</summary>
internal static class BytePieces
{
    public static string Of(byte value) => string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");

    public static bool TryParse(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>Appends the tokens of a scalar's bytes, or nothing when one of them is missing.</summary>
    public static bool TrySpell(Rune rune, Func<string, int?> find, List<int> ids)
    {
        Span<byte> bytes = stackalloc byte[4];
        int n = rune.EncodeToUtf8(bytes);
        int before = ids.Count;
        foreach (byte b in bytes[..n])
        {
            if (find(Of(b)) is not { } id)
            {
                ids.RemoveRange(before, ids.Count - before);
                return false;
            }
            ids.Add(id);
        }
        return true;
    }

    /// <summary>Runs of byte tokens become text; bytes that form no character become U+FFFD, one for each byte of such a run.</summary>
    public static List<string> Join(IEnumerable<string> tokens)
    {
        var result = new List<string>();
        var run = new List<byte>();
        foreach (string token in tokens)
        {
            if (TryParse(token, out byte value))
            {
                run.Add(value);
                continue;
            }
            Flush();
            result.Add(token);
        }
        Flush();
        return result;

        void Flush()
        {
            if (run.Count == 0)
            {
                return;
            }
            byte[] bytes = [.. run];
            run.Clear();
            result.Add(System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : new string('\uFFFD', bytes.Length));
        }
    }
}
