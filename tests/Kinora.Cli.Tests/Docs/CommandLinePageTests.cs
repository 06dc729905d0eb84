using System.CommandLine;

namespace Kinora.Cli.Tests.Docs;

public sealed class CommandLinePageTests
{
    [Fact]
    public void EveryVerbAndOption_StandsInItsSection()
    {
        string page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "cli.md"));
        var missing = new List<string>();
        foreach (var verb in Program.CreateRoot().Subcommands)
        {
            int start = page.IndexOf($"\n## {verb.Name}\n", StringComparison.Ordinal);
            if (start < 0)
            {
                missing.Add(verb.Name);
                continue;
            }

            int end = page.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
            string section = page[start..(end < 0 ? page.Length : end)];
            missing.AddRange(Options(verb).Where(name => !section.Contains($"`{name}`", StringComparison.Ordinal)).Select(name => $"{verb.Name} {name}"));
        }

        missing.ShouldBeEmpty("docs/cli.md lacks them");
    }

    private static IEnumerable<string> Options(Command command) =>
        command.Options.Where(o => !o.Hidden).Select(o => o.Name).Concat(command.Subcommands.SelectMany(Options)).Distinct();
}
