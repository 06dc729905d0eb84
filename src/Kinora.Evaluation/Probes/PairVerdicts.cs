// Whether a clip shows the two things that a prompt names, as many as it names, in their colors, and standing as it says.

using Kinora.Engine;
using Kinora.Evaluation.Quality;
using Kinora.World;

namespace Kinora.Evaluation.Probes;

/// <summary>Clips of known numbers of things as bytes [B, F, H, W, 3], and the scenes that they show or were asked for.</summary>
/// <param name="Scenes">One for each clip.</param>
/// <param name="Frames">F.</param>
/// <param name="Size">H and W.</param>
/// <param name="Rgb">The bytes.</param>
public sealed record SceneClips(IReadOnlyList<Scene> Scenes, int Frames, int Size, byte[] Rgb)
{
    /// <summary>Renders scenes.</summary>
    public static SceneClips Render(IReadOnlyList<Scene> scenes, int size, int frames)
    {
        ArgumentNullException.ThrowIfNull(scenes);
        int bytes = frames * size * size * 3;
        var rgb = new byte[scenes.Count * bytes];
        for (int i = 0; i < scenes.Count; i++)
            Renderer.Render(scenes[i], size, size, frames, rgb.AsSpan(i * bytes, bytes));
        return new SceneClips(scenes, frames, size, rgb);
    }

    /// <summary>The bytes of clip <paramref name="index"/>, [F, H, W, 3].</summary>
    public ReadOnlyMemory<byte> Clip(int index) => Rgb.AsMemory(index * (Rgb.Length / Scenes.Count), Rgb.Length / Scenes.Count);
}

/// <summary>Judges clips of prompts about one or two things by a finder.</summary>
public static class PairVerdicts
{
    /// <summary>What is judged.</summary>
    public const string Count = "count", Nouns = "nouns", Colors = "colors", Relation = "relation";

    /// <summary>The attributes of a prompt about two things, in the order used everywhere.</summary>
    public static IReadOnlyList<string> Attributes { get; } = [Count, Nouns, Colors, Relation];

    /// <summary>What is asked of each clip and what is seen: all attributes of two things, the count of one.</summary>
    public static IReadOnlyList<IReadOnlyList<AttributeVerdict>> Read(ThingFinder finder, SceneClips clips, Device device, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(clips);
        return Of(ThingReading.Look(finder, clips.Rgb, clips.Scenes.Count, device, cancellationToken), clips.Scenes);
    }

    /// <summary>The same of sightings.</summary>
    public static IReadOnlyList<IReadOnlyList<AttributeVerdict>> Of(IReadOnlyList<Sighting[][]> clips, IReadOnlyList<Scene> asked)
    {
        ArgumentNullException.ThrowIfNull(clips);
        ArgumentNullException.ThrowIfNull(asked);
        return [.. clips.Zip(asked, Of)];
    }

    /// <summary>What is asked by a scene and what is seen in a clip.</summary>
    public static IReadOnlyList<AttributeVerdict> Of(Sighting[][] clip, Scene asked)
    {
        ArgumentNullException.ThrowIfNull(asked);
        var count = new AttributeVerdict(Count, Number(asked.Actors.Count), Number(ThingReading.Count(clip)));
        if (asked.Relation is not { } relation)
            return [count];
        (Noun Noun, ActorColor Color) first = (asked.Actors[0].Noun, asked.Actors[0].Color), second = (asked.Actors[1].Noun, asked.Actors[1].Color);
        FoundPair found = ThingReading.Find(clip, first, second);
        bool chase = relation == World.Relation.Chases;
        return
        [
            count,
            new AttributeVerdict(Nouns, Both(first.Noun, second.Noun), found is { First: { } n1, Second: { } n2 } ? Both(n1.Noun, n2.Noun) : Missing),
            new AttributeVerdict(Colors, Both(first.Color, second.Color), found is { First: { } c1, Second: { } c2 } ? Both(c1.Color, c2.Color) : Missing),
            new AttributeVerdict(Relation, chase ? Chase(asked.Actors[0].Motion == Motion.Right) : TruthWords.Of(relation), Standing(found, chase)),
        ];
    }

    /// <summary>The verdicts of a finder that may not judge nouns.</summary>
    public static IReadOnlyList<IReadOnlyList<AttributeVerdict>> WithoutNouns(IReadOnlyList<IReadOnlyList<AttributeVerdict>> verdicts) => [.. verdicts.Select(v => v.Where(a => a.Attribute != Nouns).ToArray())];

    /// <summary>How two found things stand to each other, in words: a chase where one is asked for and both travel the same way, otherwise the larger of both distances.</summary>
    public static string Standing(FoundPair found, bool chase)
    {
        ArgumentNullException.ThrowIfNull(found);
        if (found.First is null)
            return Missing;
        if (chase && Math.Min(Math.Abs(found.FirstMoves), Math.Abs(found.SecondMoves)) >= ThingReading.Travel && found.FirstMoves > 0 == found.SecondMoves > 0)
        {
            bool right = found.FirstMoves > 0, behind = found.OffsetX < 0 == right;
            return behind ? Chase(right) : "is_chased";
        }
        return Place(found) is { } place ? TruthWords.Of(place) : "together";
    }

    /// <summary>Where the first of two found things is, seen from the second; null when they are too near to say.</summary>
    public static Relation? Place(FoundPair found)
    {
        ArgumentNullException.ThrowIfNull(found);
        if (Math.Max(Math.Abs(found.OffsetX), Math.Abs(found.OffsetY)) < ThingReading.Apart)
            return null;
        return Math.Abs(found.OffsetX) > Math.Abs(found.OffsetY)
            ? found.OffsetX < 0 ? World.Relation.LeftOf : World.Relation.RightOf
            : found.OffsetY < 0 ? World.Relation.Above : World.Relation.Below;
    }

    /// <summary>The shares of clips that were right, by attribute; "all" where more than one attribute was asked.</summary>
    public static ScoreRow Row(string name, IReadOnlyList<IReadOnlyList<AttributeVerdict>> verdicts)
    {
        ArgumentNullException.ThrowIfNull(verdicts);
        string[] asked = [.. verdicts[0].Select(v => v.Attribute)];
        var scores = asked.Select((a, i) => AttributeScore.Of(a, verdicts.Count(v => v[i].Expected == v[i].Seen), verdicts.Count)).ToList();
        if (asked.Length > 1)
            scores.Add(AttributeScore.Of(ScoreRow.All, verdicts.Count(v => v.All(a => a.Expected == a.Seen)), verdicts.Count));
        return new ScoreRow(name, verdicts.Count, scores);
    }

    private const string Missing = "missing";

    private static string Chase(bool right) => right ? "chases_to_the_right" : "chases_to_the_left";

    private static string Both<T>(T first, T second) where T : struct, Enum => $"{TruthWords.Of(first)}, {TruthWords.Of(second)}";

    private static string Number(int things) => things switch { 0 => "none", 1 => "one", 2 => "two", 3 => "three", _ => "more" };
}
