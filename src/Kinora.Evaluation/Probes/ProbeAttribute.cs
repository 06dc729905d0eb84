using System.Text.Json;
using Kinora.World;

namespace Kinora.Evaluation.Probes;

/// <summary>Something a probe tells about a clip: a question with a fixed list of answers.</summary>
/// <param name="Name">"noun", "color", "motion" or "setting".</param>
/// <param name="Classes">The answers in snake case, in the order of the world's vocabulary.</param>
public sealed record ProbeAttribute(string Name, IReadOnlyList<string> Classes)
{
    /// <summary>The attributes of a clip with one actor, in the order used everywhere.</summary>
    public static IReadOnlyList<ProbeAttribute> All { get; } =
    [
        new("noun", [.. Vocabulary.Nouns.Select(v => Snake(v.ToString()))]),
        new("color", [.. Vocabulary.Colors.Select(v => Snake(v.ToString()))]),
        new("motion", [.. Vocabulary.Motions.Select(v => Snake(v.ToString()))]),
        new("setting", [.. Vocabulary.Settings.Select(v => Snake(v.ToString()))]),
    ];

    /// <summary>The right answers for a combination, one for each attribute of <see cref="All"/>.</summary>
    public static int[] Labels(Combination c) => [(int)c.Noun, (int)c.Color, (int)c.Motion, (int)c.Setting];

    /// <summary>The canonical prompt of a combination's labels.</summary>
    public static string Prompt(ReadOnlySpan<int> labels) => CaptionGrammar.Canonical(new Combination((Noun)labels[0], (ActorColor)labels[1], (Motion)labels[2], (Setting)labels[3]));

    private static string Snake(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
