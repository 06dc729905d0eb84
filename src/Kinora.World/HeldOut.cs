namespace Kinora.World;

/// <summary>One actor's four attributes.</summary>
public readonly record struct Combination(Noun Noun, ActorColor Color, Motion Motion, Setting Setting);

/// <summary>
/// The combinations that training never sees: those whose mixed index falls into one class of 37, about 600 of 18,000, so
/// that every single word stays frequent in training.
/// </summary>
public static class HeldOut
{
    private const ulong Classes = 37;

    /// <summary>All held-out combinations in a fixed order.</summary>
    public static IReadOnlyList<Combination> All { get; } = [.. Enumerate().Where(Contains)];

    public static bool Contains(Combination c)
    {
        ulong index = (((ulong)c.Noun * 8 + (ulong)c.Color) * 11 + (ulong)c.Motion) * 8 + (ulong)c.Setting;
        return Randomness.Mix(index * 0x9E3779B97F4A7C15 + 1) % Classes == 0;
    }

    /// <summary>Whether any actor of the scene shows a held-out combination.</summary>
    public static bool Contains(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        return scene.Actors.Any(a => Contains(new Combination(a.Noun, a.Color, a.Motion, scene.Setting)));
    }

    private static IEnumerable<Combination> Enumerate() =>
        from n in Vocabulary.Nouns
        from c in Vocabulary.Colors
        from m in Vocabulary.Motions
        where m != Motion.Spin || Vocabulary.CanSpin(n)
        from s in Vocabulary.Settings
        select new Combination(n, c, m, s);
}
