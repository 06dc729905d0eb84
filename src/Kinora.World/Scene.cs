namespace Kinora.World;

/// <summary>One actor. Lengths are fractions of the frame's height, y points down, the clip runs over t in [0, 1].</summary>
/// <param name="Size">Side of the square that the noun fills, 0.25 … 0.6.</param>
/// <param name="X">Center of the path, fraction of the frame's width.</param>
/// <param name="Y">Center of the path, fraction of the frame's height.</param>
/// <param name="Amplitude">How far the path reaches from its center.</param>
/// <param name="Direction">+1 or −1: the sense of spin, orbit and zigzag.</param>
public sealed record Actor(Noun Noun, ActorColor Color, Motion Motion, double Size, double X, double Y, double Amplitude, int Direction)
{
    /// <summary>Center, scale and turn at time t in [0, 1].</summary>
    public ActorPose PoseAt(double t)
    {
        double x = X, y = Y, scale = 1, turns = 0;
        switch (Motion)
        {
            case Motion.Left:
                x += Amplitude * (1 - 2 * t);
                break;
            case Motion.Right:
                x -= Amplitude * (1 - 2 * t);
                break;
            case Motion.Up:
                y += Amplitude * (1 - 2 * t);
                break;
            case Motion.Down:
                y -= Amplitude * (1 - 2 * t);
                break;
            case Motion.Bounce:
                double u = 2 * t - Math.Floor(2 * t);
                y += Amplitude * (1 - 2 * 4 * u * (1 - u));
                break;
            case Motion.Spin:
                turns = Direction * t;
                break;
            case Motion.Grow:
                scale = 0.45 + 0.95 * t;
                break;
            case Motion.Shrink:
                scale = 1.4 - 0.95 * t;
                break;
            case Motion.Orbit:
                x += Amplitude * DeterministicMath.CosTurns(Direction * t);
                y += Amplitude * DeterministicMath.SinTurns(Direction * t);
                break;
            case Motion.Zigzag:
                double z = 2 * t - Math.Floor(2 * t);
                x += Direction * Amplitude * (2 * t - 1);
                y += 0.16 * (z < 0.5 ? 1 - 4 * z : 4 * z - 3);
                break;
        }
        return new ActorPose(x, y, Size * scale, turns);
    }
}

/// <summary>Where an actor is: center in fractions of width and height, side in fractions of the height, turn in full circles (clockwise).</summary>
public readonly record struct ActorPose(double X, double Y, double Size, double Turns);

/// <summary>Everything that is true of one clip.</summary>
/// <param name="Seed">The seed it was sampled from.</param>
/// <param name="Actors">One or two; later ones are drawn over earlier ones.</param>
/// <param name="Relation">How the first of two actors stands to the second.</param>
/// <param name="Look">Seed of the setting's small variations.</param>
public sealed record Scene(ulong Seed, IReadOnlyList<Actor> Actors, Relation? Relation, Setting Setting, CameraMove Camera, ulong Look);
