// Turns what the parser could not place into one sentence with the nearest known word.

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Kinora.Models;

namespace Kinora.Cli.Shell;

/// <summary>Explains a command line that does not parse.</summary>
internal static class CommandLineErrors
{
    /// <summary>One message for the first thing that is wrong, or null when the line is fine.</summary>
    public static string? Describe(ParseResult result)
    {
        var command = result.CommandResult.Command;
        string path = Path(command);
        string? problem = UnknownWord(result, command) ?? (result.Errors.Count > 0 ? NoNumber(result.Errors[0]) ?? result.Errors[0].Message.Trim() : null);
        return problem is null ? null : $"{path}: {problem}\nSee: {path} --help";
    }

    /// <summary>The words that lead to a command: "kinora world atlas".</summary>
    public static string Path(Command command) => string.Join(' ', command.Parents.OfType<Command>().Select(Path).Append(command.Name));

    // An option of a number that was given something else; the parser names .NET types.
    private static string? NoNumber(ParseError error)
    {
        if (error.SymbolResult is not OptionResult { Tokens: [var given, ..] } result)
        {
            return null;
        }
        Type type = Nullable.GetUnderlyingType(result.Option.ValueType) ?? result.Option.ValueType;
        string text = given.Value;
        string? expected = type == typeof(int) && !int.TryParse(text, CultureInfo.InvariantCulture, out _) ? "a whole number"
            : type == typeof(ulong) && !ulong.TryParse(text, CultureInfo.InvariantCulture, out _) ? "a whole number from 0"
            : type == typeof(double) && !double.TryParse(text, CultureInfo.InvariantCulture, out _) ? "a number"
            : null;
        return expected is null ? null : $"{result.Option.Name} takes {expected}, not \"{text}\".";
    }

    private static string? UnknownWord(ParseResult result, Command command)
    {
        // A flag the parser does not know lands in a positional argument; a prompt that begins with a dash belongs behind "--".
        string? flag = command.Arguments.Select(result.GetResult).OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value)
            .Concat(result.UnmatchedTokens).FirstOrDefault(IsFlag);
        if (flag is not null && !BehindDoubleDash(result, flag))
        {
            string bare = flag.Split('=')[0];
            var known = Options(command).SelectMany(o => o.Aliases.Append(o.Name)).Where(n => n.StartsWith("--", StringComparison.Ordinal));
            return $"unknown option {bare}.{(ByOtherName(bare, command) is { } meant ? $" Write {meant}." : Suggest(bare, known))}{(command.Arguments.Count > 0 ? " Text that begins with a dash goes after \"--\"." : "")}";
        }

        if (result.UnmatchedTokens.Count > 0)
        {
            string word = result.UnmatchedTokens[0];
            return command.Subcommands.Count > 0
                ? $"unknown command \"{word}\".{Suggest(word, command.Subcommands.Select(c => c.Name))}"
                : $"unexpected argument \"{word}\".{(command.Arguments.Count > 0 ? " Text with spaces needs quotes." : "")}";
        }

        return command.Subcommands.Count > 0 && command.Action is null ? "a command is missing." : null;
    }

    private static IEnumerable<Option> Options(Command command) =>
        command.Options.Concat(command.Parents.OfType<Command>().SelectMany(Options).Where(o => o.Recursive));

    private static bool IsFlag(string token) => token.Length > 1 && token[0] == '-' && (token[1] == '-' || char.IsAsciiLetter(token[1])) && token != "--";

    private static bool BehindDoubleDash(ParseResult result, string word)
    {
        var tokens = result.Tokens.ToList();
        int divider = tokens.FindIndex(t => t.Type == TokenType.DoubleDash);
        return divider >= 0 && tokens.FindIndex(t => string.Equals(t.Value, word, StringComparison.Ordinal)) > divider;
    }

    // What other programs call an option of this command.
    private static string? ByOtherName(string word, Command command) =>
        word is "--last-image" or "--last-frame" or "--end-image" && command.Options.Any(o => o.Name == "--keyframe") ? "--keyframe last=FILE" : null;

    private static string Suggest(string word, IEnumerable<string> known) => NearestWord.Of(word, known) is { } nearest ? $" Did you mean {nearest}?" : "";
}
