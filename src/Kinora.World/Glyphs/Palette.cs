namespace Kinora.World.Glyphs;

/// <summary>The colors of actors as sRGB bytes.</summary>
public static class Palette
{
    public static (int R, int G, int B) Of(ActorColor color) => color switch
    {
        ActorColor.Red => (225, 30, 35),
        ActorColor.Orange => (250, 130, 15),
        ActorColor.Yellow => (252, 222, 40),
        ActorColor.Green => (40, 185, 65),
        ActorColor.Blue => (40, 90, 240),
        ActorColor.Purple => (145, 50, 210),
        ActorColor.Pink => (255, 120, 195),
        ActorColor.White => (240, 240, 240),
        _ => throw new ArgumentOutOfRangeException(nameof(color), color, "unknown color"),
    };
}
