namespace Kinora.World;

public enum WorldSplit { Train, HeldOut }

/// <param name="TwoActors">Probability of a second actor (training split only).</param>
/// <param name="Camera">Probability that the camera moves.</param>
public sealed record WorldOptions(double TwoActors = 0.25, double Camera = 0.2);

/// <summary>Draws scenes. The same seed, split and options give the same scene everywhere.</summary>
public static class SceneSampler
{
    private const ulong ScenePurpose = 1, LookPurpose = 2;

    public static Scene Sample(ulong seed, WorldSplit split = WorldSplit.Train, WorldOptions? options = null)
    {
        options ??= new WorldOptions();
        var random = Randomness.For(seed, ScenePurpose);
        if (split == WorldSplit.HeldOut)
            return Single(random.Pick(HeldOut.All), seed, ref random, options);
        while (true)
        {
            Scene scene = random.Chance(options.TwoActors) ? Pair(seed, ref random, options) : Single(AnyCombination(ref random), seed, ref random, options);
            if (!HeldOut.Contains(scene))
                return scene;
        }
    }

    /// <summary>A scene with exactly these attributes; everything else follows from the seed.</summary>
    public static Scene Sample(Combination combination, ulong seed, WorldOptions? options = null)
    {
        var random = Randomness.For(seed, ScenePurpose);
        return Single(combination, seed, ref random, options ?? new WorldOptions());
    }

    /// <summary>A scene of two actors of which at least one shows a held-out combination, so that no training split shows it.</summary>
    public static Scene HeldOutPair(ulong seed, WorldOptions? options = null)
    {
        var random = Randomness.For(seed, ScenePurpose);
        while (true)
        {
            Scene scene = Pair(seed, ref random, options ?? new WorldOptions());
            if (HeldOut.Contains(scene))
                return scene;
        }
    }

    private static Combination AnyCombination(ref Randomness random)
    {
        while (true)
        {
            var c = new Combination(random.Pick(Vocabulary.Nouns), random.Pick(Vocabulary.Colors), random.Pick(Vocabulary.Motions), random.Pick(Vocabulary.Settings));
            if (c.Motion != Motion.Spin || Vocabulary.CanSpin(c.Noun))
                return c;
        }
    }

    private static Scene Single(Combination c, ulong seed, ref Randomness random, WorldOptions options)
    {
        double size = random.Range(0.42, 0.54);
        if (c.Motion is Motion.Grow or Motion.Shrink)
            size = random.Range(0.42, 0.48);
        double free = 0.5 - size / 2;                       // how far the center may move from the middle
        Actor actor = Place(c.Noun, c.Color, c.Motion, size, 0.5, 0.5, free, ref random);
        return new Scene(seed, [actor], null, c.Setting, PickCamera(ref random, options), Randomness.For(seed, LookPurpose).Next());
    }

    private static Actor Place(Noun noun, ActorColor color, Motion motion, double size, double x, double y, double free, ref Randomness random)
    {
        int direction = random.Chance(0.5) ? 1 : -1;
        double dx = random.Range(-1, 1), dy = random.Range(-1, 1);
        double amplitude = motion switch
        {
            Motion.Left or Motion.Right or Motion.Up or Motion.Down => random.Range(0.25, 0.30),
            Motion.Bounce => random.Range(0.17, 0.21),
            Motion.Orbit => random.Range(0.18, 0.22),
            Motion.Zigzag => random.Range(0.24, 0.28),
            _ => 0,
        };
        // Small offsets across the direction of travel keep scenes apart without hiding the actor.
        double roomX = motion is Motion.Left or Motion.Right or Motion.Zigzag or Motion.Orbit ? 0.04 : 0.6 * free;
        double roomY = motion is Motion.Up or Motion.Down or Motion.Zigzag or Motion.Orbit or Motion.Bounce ? 0.04 : 0.6 * free;
        if (motion is Motion.Grow or Motion.Shrink)
            roomX = roomY = 0.08;
        return new Actor(noun, color, motion, size, x + dx * roomX, y + dy * roomY, amplitude, direction);
    }

    private static Scene Pair(ulong seed, ref Randomness random, WorldOptions options)
    {
        Setting setting = random.Pick(Vocabulary.Settings);
        Relation relation = random.Pick(Vocabulary.Relations);
        Noun first = random.Pick(Vocabulary.Nouns), second = random.Pick(Vocabulary.Nouns);
        while (second == first)
            second = random.Pick(Vocabulary.Nouns);
        ActorColor firstColor = random.Pick(Vocabulary.Colors), secondColor = random.Pick(Vocabulary.Colors);
        double size = random.Range(0.34, 0.40);
        Actor a, b;
        if (relation == Relation.Chases)
        {
            Motion motion = random.Chance(0.5) ? Motion.Left : Motion.Right;
            double ahead = motion == Motion.Right ? 0.2 : -0.2, y = 0.5 + random.Range(-0.12, 0.12);
            a = new Actor(first, firstColor, motion, size, 0.5 - ahead, y, 0.16, 1);
            b = new Actor(second, secondColor, motion, size, 0.5 + ahead, y, 0.16, 1);
        }
        else
        {
            Motion motion = random.Pick(PairMotions);
            if (motion == Motion.Spin && !Vocabulary.CanSpin(first))
                motion = Motion.Still;
            bool sideBySide = relation is Relation.LeftOf or Relation.RightOf;
            double sign = relation is Relation.LeftOf or Relation.Above ? -1 : 1, offset = 0.24;
            (double dx, double dy) = sideBySide ? (sign * offset, 0.0) : (0.0, sign * offset);
            double amplitude = motion == Motion.Bounce ? 0.12 : 0;
            a = new Actor(first, firstColor, motion, size, 0.5 + dx, 0.5 + dy, amplitude, 1);
            b = new Actor(second, secondColor, Motion.Still, size, 0.5 - dx, 0.5 - dy, 0, 1);
        }
        return new Scene(seed, [a, b], relation, setting, PickCamera(ref random, options), Randomness.For(seed, LookPurpose).Next());
    }

    private static readonly Motion[] PairMotions = [Motion.Still, Motion.Still, Motion.Spin, Motion.Bounce];

    private static CameraMove PickCamera(ref Randomness random, WorldOptions options) =>
        random.Chance(options.Camera) ? Vocabulary.CameraMoves[1 + random.NextInt(Vocabulary.CameraMoves.Count - 1)] : CameraMove.Static;
}
