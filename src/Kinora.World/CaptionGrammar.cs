using System.Globalization;
using System.Text;

namespace Kinora.World;

/// <summary>
/// Turns scenes into sentences. Wording, word order and the choice of what to mention vary with the seed; whatever is mentioned
/// is true of the scene.
/// </summary>
public static class CaptionGrammar
{
    private const ulong CaptionPurpose = 3;
    private const double BareProbability = 0.06, DropSetting = 0.08, DropMotion = 0.05, LowerCase = 0.5, FullStop = 0.3, MentionStaticCamera = 0.03;

    /// <summary>A caption of the scene.</summary>
    public static string Describe(Scene scene, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(scene);
        var random = Randomness.For(seed, CaptionPurpose);
        string text = scene.Actors.Count == 2 ? Pair(scene, ref random) : Single(scene, ref random);
        text = AddCamera(text, scene, ref random);
        if (!random.Chance(LowerCase))
            text = char.ToUpper(text[0], CultureInfo.InvariantCulture) + text[1..];
        return random.Chance(FullStop) ? text + "." : text;
    }

    /// <summary>The plain caption that evaluation uses: "a red balloon moves up over a night city".</summary>
    public static string Canonical(Combination c) =>
        $"{Article(Word(c.Color))} {Word(c.Color)} {Word(c.Noun)} {MotionPhrases(c.Motion)[0]} {SettingPhrases(c.Setting)[0]}";

    /// <summary>The plain caption of a scene with two actors: "a red cat left of a blue ball in the snow", "a red cat chases a blue ball to the left in the snow".</summary>
    /// <exception cref="ArgumentException">The scene has one actor.</exception>
    public static string CanonicalPair(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        if (scene.Relation is not { } relation)
            throw new ArgumentException("a pair has two actors, the scene has one", nameof(scene));
        static string Plain(Actor a) => Thing(a.Noun, a.Color);
        Actor first = scene.Actors[0], second = scene.Actors[1];
        string place = SettingPhrases(scene.Setting)[0];
        return relation == Relation.Chases
            ? $"{Plain(first)} chases {Plain(second)} {(first.Motion == Motion.Left ? "to the left" : "to the right")} {place}"
            : $"{Plain(first)} {Word(relation)} {Plain(second)} {place}";
    }

    /// <summary>"a red balloon".</summary>
    public static string Thing(Noun noun, ActorColor color) => $"{Article(Word(color))} {Word(color)} {Word(noun)}";

    /// <summary>"left of", "chases".</summary>
    public static string Word(Relation relation) => relation == Relation.Chases ? "chases" : RelationPhrases(relation)[0];

    public static string Word(Noun noun) => NounWords(noun)[0];

    public static string Word(ActorColor color) => color.ToString().ToLowerInvariant();

    public static string Word(Motion motion) => MotionPhrases(motion)[0];

    public static string Word(Setting setting) => SettingNames[(int)setting];

    private static readonly string[] SettingNames = ["night city", "beach", "snow", "space", "forest", "desert", "underwater", "meadow"];

    private static string Single(Scene scene, ref Randomness random)
    {
        Actor a = scene.Actors[0];
        string subject = Subject(a, ref random);
        if (random.Chance(BareProbability))
            return subject.Split(' ', 2)[1];
        bool motion = !random.Chance(DropMotion), setting = !random.Chance(DropSetting);
        string move = random.Pick(MotionPhrases(a.Motion)), place = random.Pick(SettingPhrases(scene.Setting));
        if (!motion)
            return setting ? $"{subject} {place}" : subject;
        if (!setting)
            return $"{subject} {move}";
        return random.NextInt(4) switch
        {
            0 => $"{place}, {subject} {move}",
            1 => $"{subject} {place} {move}",
            _ => $"{subject} {move} {place}",
        };
    }

    private static string Pair(Scene scene, ref Randomness random)
    {
        Actor a = scene.Actors[0], b = scene.Actors[1];
        string first = Subject(a, ref random), second = Subject(b, ref random);
        bool setting = !random.Chance(DropSetting);
        string place = random.Pick(SettingPhrases(scene.Setting));
        string core;
        if (scene.Relation == Relation.Chases)
        {
            string toward = a.Motion == Motion.Left ? "to the left" : "to the right";
            core = random.NextInt(4) switch
            {
                0 => $"{first} chases {second} {toward}",
                1 => $"{first} follows {second} {toward}",
                2 => $"{second} is chased by {first} {toward}",
                _ => $"{first} chases {second}",
            };
        }
        else
        {
            string relation = random.Pick(RelationPhrases(scene.Relation!.Value));
            string move = a.Motion == Motion.Still ? "" : " " + random.Pick(MotionPhrases(a.Motion));
            core = random.NextInt(3) switch
            {
                0 when move.Length > 0 => $"{first}{move} {relation} {second}",
                1 when move.Length > 0 => $"{first} {relation} {second},{move}",
                _ when move.Length > 0 => $"{first} {relation} {second}; the {Word(a.Noun)}{move}",
                _ => $"{first} {random.Pick(Being)}{relation} {second}",
            };
        }
        if (!setting)
            return core;
        return random.Chance(0.3) ? $"{place}, {core}" : $"{core} {place}";
    }

    private static readonly string[] Being = ["", "is ", "stands "];

    private static string Subject(Actor a, ref Randomness random)
    {
        string noun = random.Pick(NounWords(a.Noun)), color = Word(a.Color);
        return random.NextInt(8) switch
        {
            0 => $"the {color} {noun}",
            1 => $"one {color} {noun}",
            2 => $"{Article(noun)} {noun} that is {color}",
            _ => $"{Article(color)} {color} {noun}",
        };
    }

    private static string Article(string word) => "aeiou".Contains(word[0], StringComparison.Ordinal) ? "an" : "a";

    private static string AddCamera(string text, Scene scene, ref Randomness random)
    {
        if (scene.Camera == CameraMove.Static)
            return random.Chance(MentionStaticCamera) ? text + ", static camera" : text;
        string[] words = scene.Camera switch
        {
            CameraMove.PanLeft => ["the camera pans left", "camera panning left"],
            CameraMove.PanRight => ["the camera pans right", "camera panning right"],
            CameraMove.ZoomIn => ["the camera zooms in", "slow zoom in"],
            _ => ["the camera zooms out", "slow zoom out"],
        };
        return new StringBuilder(text).Append(", ").Append(random.Pick(words)).ToString();
    }

    private static string[] NounWords(Noun noun) => noun switch
    {
        Noun.Rocket => ["rocket", "rocket", "spaceship"],
        Noun.Boat => ["boat", "sailboat"],
        Noun.Ball => ["ball", "soccer ball"],
        Noun.Tree => ["tree", "pine tree"],
        Noun.Circle => ["circle", "disc"],
        Noun.Cup => ["cup", "coffee cup"],
        Noun.House => ["house", "cottage"],
        Noun.Cat => ["cat", "cat face"],
        Noun.Heart => ["heart"],
        Noun.Car => ["car", "car", "automobile"],
        _ => [noun.ToString().ToLowerInvariant()],
    };

    /// <summary>Ways to say a motion; the first is the canonical one.</summary>
    public static IReadOnlyList<string> MotionPhrases(Motion motion) => motion switch
    {
        Motion.Left => ["moves left", "moves to the left", "goes left", "travels leftward", "drifts to the left"],
        Motion.Right => ["moves right", "moves to the right", "goes right", "travels rightward", "drifts to the right"],
        Motion.Up => ["moves up", "rises", "floats upward", "goes up", "ascends"],
        Motion.Down => ["moves down", "sinks", "falls", "goes down", "descends"],
        Motion.Bounce => ["bounces", "bounces up and down", "hops", "jumps up and down"],
        Motion.Spin => ["spins", "rotates", "turns around", "is spinning"],
        Motion.Grow => ["grows", "gets bigger", "becomes larger", "is growing"],
        Motion.Shrink => ["shrinks", "gets smaller", "becomes smaller", "is shrinking"],
        Motion.Orbit => ["orbits", "circles around", "moves in a circle", "flies in circles"],
        Motion.Zigzag => ["zigzags", "moves in a zigzag", "goes in zigzags"],
        _ => ["stays still", "stands still", "does not move", "is motionless"],
    };

    /// <summary>Ways to say a setting; the first is the canonical one.</summary>
    public static IReadOnlyList<string> SettingPhrases(Setting setting) => setting switch
    {
        Setting.NightCity => ["over a night city", "in a city at night", "over the city at night", "above a dark city", "in front of a night skyline"],
        Setting.Beach => ["on a beach", "at the beach", "by the sea", "on a sunny beach", "at the seaside"],
        Setting.Snow => ["in the snow", "in a snowy landscape", "over snow", "in winter"],
        Setting.Space => ["in space", "in outer space", "among the stars", "near a planet in space"],
        Setting.Forest => ["in a forest", "in the woods", "among trees", "in a green forest"],
        Setting.Desert => ["in a desert", "in the desert", "over the dunes", "in a sandy desert"],
        Setting.Underwater => ["underwater", "under water", "in the deep sea", "under the sea"],
        _ => ["on a meadow", "in a meadow", "over a green meadow", "on the grass"],
    };

    private static string[] RelationPhrases(Relation relation) => relation switch
    {
        Relation.LeftOf => ["left of", "to the left of", "on the left of"],
        Relation.RightOf => ["right of", "to the right of", "on the right of"],
        Relation.Above => ["above", "over", "on top of"],
        _ => ["below", "under", "beneath"],
    };
}
