namespace Kinora.World;

/// <summary>What an actor is. The first twenty are emoji glyphs, the rest plain shapes.</summary>
public enum Noun
{
    Balloon, Car, Rocket, Fish, Bird, Cat, Apple, Heart, Flower, Tree,
    House, Boat, Butterfly, Ghost, Ball, Umbrella, Crown, Bell, Mushroom, Cup,
    Circle, Square, Triangle, Star, Diamond, Ring,
}

public enum ActorColor { Red, Orange, Yellow, Green, Blue, Purple, Pink, White }

/// <summary>How an actor moves over the whole clip.</summary>
public enum Motion { Still, Left, Right, Up, Down, Bounce, Spin, Grow, Shrink, Orbit, Zigzag }

/// <summary>Where the clip plays.</summary>
public enum Setting { NightCity, Beach, Snow, Space, Forest, Desert, Underwater, Meadow }

public enum CameraMove { Static, PanLeft, PanRight, ZoomIn, ZoomOut }

/// <summary>How two actors stand to each other: the first is … the second.</summary>
public enum Relation { LeftOf, RightOf, Above, Below, Chases }

/// <summary>The lists of the world's words.</summary>
public static class Vocabulary
{
    public static IReadOnlyList<Noun> Nouns { get; } = Enum.GetValues<Noun>();
    public static IReadOnlyList<ActorColor> Colors { get; } = Enum.GetValues<ActorColor>();
    public static IReadOnlyList<Motion> Motions { get; } = Enum.GetValues<Motion>();
    public static IReadOnlyList<Setting> Settings { get; } = Enum.GetValues<Setting>();
    public static IReadOnlyList<CameraMove> CameraMoves { get; } = Enum.GetValues<CameraMove>();
    public static IReadOnlyList<Relation> Relations { get; } = Enum.GetValues<Relation>();

    /// <summary>Number of glyph nouns; shapes follow them.</summary>
    public const int GlyphCount = (int)Noun.Circle;

    /// <summary>Whether a turn of the noun can be seen: a plain disc or ring looks the same at every angle.</summary>
    public static bool CanSpin(Noun noun) => noun is not (Noun.Circle or Noun.Ring);
}
