using System.Net;
using System.Text.RegularExpressions;

namespace Kinora.Models.Generation;

/// <summary>Prompts as the public video models were shown them: character references resolved twice, runs of white space one space.</summary>
internal static partial class PromptText
{
    public static string Clean(string prompt) => WhiteSpace().Replace(WebUtility.HtmlDecode(WebUtility.HtmlDecode(prompt)), " ").Trim();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex WhiteSpace();
}
