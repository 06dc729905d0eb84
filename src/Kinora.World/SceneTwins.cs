namespace Kinora.World;

/// <summary>
/// Scenes that differ in one thing a caption tells: another noun, color, motion or setting; of two actors the exchanged places, or
/// exchanged looks. A model that pairs captions with clips must read every word to tell such twins apart (compare the hard negatives of
/// Yuksekgonul et al., "When and Why Vision-Language Models Behave Like Bags-Of-Words", arXiv:2210.01936, section 4).
/// </summary>
public static class SceneTwins
{
    private const ulong TwinPurpose = 4;

    /// <summary>A twin of a scene of the training split, of the training split itself.</summary>
    public static Scene Of(Scene scene, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(scene);
        var random = Randomness.For(seed, TwinPurpose);
        while (true)
        {
            Scene? twin = scene.Actors.Count == 2 ? Pair(scene, ref random) : Single(scene, seed, ref random);
            if (twin is not null && !HeldOut.Contains(twin))
                return twin;
        }
    }

    /// <summary>The scene of two actors with their places exchanged: "a left of b" becomes "a right of b", a chase turns round. Null for one actor.</summary>
    public static Scene? Mirrored(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        if (scene.Relation is not { } relation)
            return null;
        Actor a = scene.Actors[0], b = scene.Actors[1];
        if (relation == Relation.Chases)
            return scene with { Actors = [TurnRound(a), TurnRound(b)] };
        Relation other = relation switch { Relation.LeftOf => Relation.RightOf, Relation.RightOf => Relation.LeftOf, Relation.Above => Relation.Below, _ => Relation.Above };
        return scene with { Actors = [a with { X = b.X, Y = b.Y }, b with { X = a.X, Y = a.Y }], Relation = other };
    }

    private static Scene? Single(Scene scene, ulong seed, ref Randomness random)
    {
        Actor a = scene.Actors[0];
        var c = new Combination(a.Noun, a.Color, a.Motion, scene.Setting);
        Combination other = random.NextInt(4) switch
        {
            0 => c with { Noun = random.Pick(Vocabulary.Nouns) },
            1 => c with { Color = random.Pick(Vocabulary.Colors) },
            2 => c with { Motion = random.Pick(Vocabulary.Motions) },
            _ => c with { Setting = random.Pick(Vocabulary.Settings) },
        };
        bool possible = other != c && (other.Motion != Motion.Spin || Vocabulary.CanSpin(other.Noun));
        return possible ? SceneSampler.Sample(other, seed) with { Camera = scene.Camera } : null;
    }

    private static Scene? Pair(Scene scene, ref Randomness random)
    {
        Actor a = scene.Actors[0], b = scene.Actors[1];
        Scene? twin = random.NextInt(5) switch
        {
            0 => Mirrored(scene),
            1 => scene with { Actors = [a with { Noun = b.Noun, Color = b.Color }, b with { Noun = a.Noun, Color = a.Color }] },
            2 => scene with { Actors = [a with { Color = b.Color }, b with { Color = a.Color }] },
            3 => scene with { Actors = [a with { Noun = random.Pick(Vocabulary.Nouns) }, b] },
            _ => scene with { Actors = [a, b with { Noun = random.Pick(Vocabulary.Nouns) }] },
        };
        Actor? first = twin?.Actors[0];
        bool possible = first is not null && first.Noun != twin!.Actors[1].Noun && !(first == a && twin.Actors[1] == b) && (first.Motion != Motion.Spin || Vocabulary.CanSpin(first.Noun));
        return possible ? twin : null;
    }

    private static Actor TurnRound(Actor actor) => actor with { X = 1 - actor.X, Motion = actor.Motion == Motion.Left ? Motion.Right : Motion.Left };
}
