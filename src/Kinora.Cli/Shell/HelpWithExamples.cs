// The help text: what it does, how to type it, arguments and options in declaration order, examples.

using System.CommandLine;
using System.CommandLine.Invocation;
using System.Globalization;
using System.Text;

namespace Kinora.Cli.Shell;

/// <summary>Writes the help of the command that was parsed.</summary>
internal sealed class HelpWithExamples : SynchronousCommandLineAction
{
    private const int MaxLabelWidth = 26;
    private const int LineWidth = 110;

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.Write(Write(parseResult.CommandResult.Command));
        return ExitCodes.Success;
    }

    /// <summary>The help text of <paramref name="command"/>.</summary>
    public static string Write(Command command)
    {
        var text = new StringBuilder();
        text.Append(command.Description).Append("\n\nUsage: ").Append(Usage(command)).Append('\n');
        Section(text, "Commands", command.Subcommands.Where(c => !c.Hidden).Select(c => (c.Name, FirstLine(c.Description))));
        Section(text, "Arguments", command.Arguments.Where(a => !a.Hidden).Select(a => (a.Name, a.Description ?? "")));
        Section(text, "Options", command.Options.Where(o => !o.Hidden && !o.Recursive).Select(o => (Label(o), Describe(o))));
        Section(text, "Always available", Recursive(command).Select(o => (Label(o), Describe(o))));
        if (command is Verb { Examples.Count: > 0 } verb)
        {
            text.Append("\nExamples:\n");
            foreach (string example in verb.Examples) { text.Append("  ").Append(example).Append('\n'); }
        }

        return text.ToString();
    }

    private static IEnumerable<Option> Recursive(Command command) =>
        Ancestors(command).SelectMany(c => c.Options).Where(o => o.Recursive && !o.Hidden);

    private static IEnumerable<Command> Ancestors(Command command) =>
        command.Parents.OfType<Command>().SelectMany(Ancestors).Append(command);

    private static string Usage(Command command)
    {
        var words = new List<string>(Ancestors(command).Select(c => c.Name));
        foreach (var argument in command.Arguments.Where(a => !a.Hidden))
        {
            string name = argument.Arity.MaximumNumberOfValues > 1 ? $"{argument.Name}..." : argument.Name;
            words.Add(argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name);
        }

        if (command.Subcommands.Count > 0) { words.Add(command.Action is null ? "COMMAND" : "[COMMAND]"); }
        words.Add("[options]");
        return string.Join(' ', words);
    }

    private static string Label(Option option)
    {
        string names = string.Join(", ", option.Aliases.Order(StringComparer.Ordinal).Append(option.Name).Where(a => a.StartsWith('-')).OrderBy(a => a.Length));
        return option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool) ? names : $"{names} <{option.HelpName ?? option.Name.TrimStart('-')}>";
    }

    private static string Describe(Option option)
    {
        string text = option.Description ?? "";
        if (option.Required) { return $"{text} (required)"; }
        object? fallback = option.HasDefaultValue && option.ValueType != typeof(bool) ? option.GetDefaultValue() : null;
        return fallback is null or "" ? text : $"{text} (default: {Convert.ToString(fallback, CultureInfo.InvariantCulture)})";
    }

    private static string FirstLine(string? text) => text?.Split('\n')[0] ?? "";

    private static void Section(StringBuilder text, string title, IEnumerable<(string Label, string Description)> rows)
    {
        var all = rows.ToList();
        if (all.Count == 0) { return; }
        int width = Math.Min(MaxLabelWidth, all.Max(r => r.Label.Length));
        text.Append('\n').Append(title).Append(":\n");
        foreach (var (label, description) in all)
        {
            text.Append("  ").Append(label.PadRight(width));
            if (label.Length > width) { text.Append('\n').Append(' ', width + 2); }
            text.Append("  ").AppendJoin("\n" + new string(' ', width + 4), Wrap(description, LineWidth - width - 4)).Append('\n');
        }
    }

    private static List<string> Wrap(string text, int width)
    {
        var lines = new List<string>();
        foreach (string paragraph in text.Split('\n'))
        {
            var line = new StringBuilder();
            foreach (string word in paragraph.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                if (line.Length > 0 && line.Length + 1 + word.Length > width)
                {
                    lines.Add(line.ToString());
                    line.Clear();
                }

                if (line.Length > 0) { line.Append(' '); }
                line.Append(word);
            }

            lines.Add(line.ToString());
        }

        return lines;
    }
}
