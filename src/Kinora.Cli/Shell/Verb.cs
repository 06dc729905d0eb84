using System.CommandLine;

namespace Kinora.Cli.Shell;

/// <summary>A command whose help ends with examples.</summary>
/// <param name="name">What the user types.</param>
/// <param name="description">One or two sentences in the help of this command; the first line stands in its parent's list.</param>
/// <param name="examples">Whole command lines, each with a short remark behind it when it needs one.</param>
public sealed class Verb(string name, string description, params string[] examples) : Command(name, description)
{
    /// <summary>Whole command lines shown under "Examples".</summary>
    public IReadOnlyList<string> Examples { get; } = examples;
}
