// Shots joined by known transitions: a film of which every cut is known.
using Kinora.Media;
using Kinora.World;
using Kinora.World.Datasets;

namespace Kinora.Curation.Bench;

/// <summary>What happens at a place of a film.</summary>
/// <param name="Kind"><c>cut</c>, <c>flash</c> (no cut), or a kind of <see cref="Transition"/>.</param>
/// <param name="Start">First frame that shows something of the next shot, or the flash.</param>
/// <param name="End">First frame that shows nothing else any more.</param>
internal sealed record FilmEvent(string Kind, long Start, long End);

/// <summary>A film in memory: pictures are made as they are asked for.</summary>
/// <param name="Frames">Number, time in seconds and picture [h, w, 3] as B, G, R of each frame shown.</param>
/// <param name="Events">What happens, in order.</param>
internal sealed record JoinedFilm(IEnumerable<(long Index, byte[] Bgr)> Frames, IReadOnlyList<FilmEvent> Events);

/// <summary>Makes films of shots of the procedural world and of the user's footage.</summary>
internal sealed class FilmMaker(int width, int height, int fps, ulong seed)
{
    private const int MinShot = 36, MaxShot = 72, MinTransition = 8, MaxTransition = 24, MaxFlash = 4;
    private const double SmallestJump = 12;

    /// <summary>A film of joins.</summary>
    /// <param name="kinds">What joins the shots, in order.</param>
    /// <param name="flashes">Every so manyeth shot has a flash in its middle; 0 = none.</param>
    /// <param name="dropEvery">Every so manyeth frame is missing (variable frame rate); 0 = none.</param>
    /// <param name="footage">Shots of the user, each without a cut; used in turn with those of the world.</param>
    public JoinedFilm Join(IReadOnlyList<string> kinds, int flashes, int dropEvery, IReadOnlyList<byte[][]> footage)
    {
        var random = Randomness.For(seed, (ulong)((kinds.Count * 256) + dropEvery));
        int Draw(int low, int high) => low + (int)(random.Next() % (ulong)(high - low + 1));
        var plans = new List<(string Kind, int Shot, int Transition, int Flash)>();
        for (int i = 0; i <= kinds.Count; i++)
        {
            plans.Add((i < kinds.Count ? kinds[i] : "end", Draw(MinShot, MaxShot), Draw(MinTransition, MaxTransition), flashes > 0 && i % flashes == flashes - 1 ? Draw(1, MaxFlash) : 0));
        }
        var events = new List<FilmEvent>();
        long at = 0;
        foreach (var (kind, shot, transition, flash) in plans)
        {
            if (flash > 0) { events.Add(new FilmEvent("flash", at + (shot / 2), at + (shot / 2) + flash)); }
            at += shot;
            if (kind == "end") { continue; }
            int length = kind == "cut" ? 0 : transition;
            events.Add(new FilmEvent(kind, at, at + length));
            at += length;
        }
        return new JoinedFilm(Play(plans, dropEvery, footage), events);
    }

    private IEnumerable<(long Index, byte[] Bgr)> Play(List<(string Kind, int Shot, int Transition, int Flash)> plans, int dropEvery, IReadOnlyList<byte[][]> footage)
    {
        long index = 0;
        ulong scene = 0;
        byte[][]? next = null;
        int before = 0;
        for (int i = 0; i < plans.Count; i++)
        {
            var (kind, shot, transition, flash) = plans[i];
            int after = kind is "cut" or "end" ? 0 : transition;
            byte[][] current = next ?? Shot(ref scene, i, shot + after, null, footage);
            next = null;
            if (kind != "end")
            {
                // The next shot already runs during the transition.
                next = Shot(ref scene, i + 1, plans[i + 1].Shot + (plans[i + 1].Kind is "cut" or "end" ? 0 : plans[i + 1].Transition) + after, current[^1], footage);
            }
            for (int f = 0; f < shot; f++, index++)
            {
                byte[] picture = current[f + before];
                if (flash > 0 && f >= shot / 2 && f < (shot / 2) + flash) { picture = [.. picture.Select(sample => (byte)(255 - ((255 - sample) / 8)))]; }
                if (dropEvery == 0 || index % dropEvery != dropEvery - 1) { yield return (index, picture); }
            }
            for (int f = 0; f < after; f++, index++)
            {
                byte[] picture = Transition.Blend(kind, current[before + shot + f], next![f], width, height, (f + 1.0) / (after + 1));
                if (dropEvery == 0 || index % dropEvery != dropEvery - 1) { yield return (index, picture); }
            }
            before = after;
        }
    }

    // A shot that differs visibly from the picture before it.
    private byte[][] Shot(ref ulong scene, int number, int frames, byte[]? before, IReadOnlyList<byte[][]> footage)
    {
        while (true)
        {
            byte[][] shot = footage.Count > 0 && number % 2 == 1 ? Loop(footage[(int)(scene++ % (ulong)footage.Count)], frames) : World(scene++, frames);
            if (before is null || (double)Frames.PlaneDistance.Sum(shot[0], before) / before.Length >= SmallestJump) { return shot; }
        }
    }

    // Footage shorter than the shot runs back and forth.
    private static byte[][] Loop(byte[][] footage, int frames)
    {
        int period = Math.Max(1, (2 * footage.Length) - 2);
        return [.. Enumerable.Range(0, frames).Select(i => i % period).Select(i => footage[i < footage.Length ? i : period - i])];
    }

    private byte[][] World(ulong number, int frames)
    {
        var scene = DatasetWriter.SceneOf(new DatasetOptions { Seed = seed }, (int)number);
        byte[] rgb = new byte[frames * width * height * 3];
        Renderer.Render(scene, width, height, frames, rgb);
        for (int i = 0; i < rgb.Length; i += 3) { (rgb[i], rgb[i + 2]) = (rgb[i + 2], rgb[i]); }
        return [.. rgb.Chunk(width * height * 3)];
    }

    /// <summary>Presentation time of a frame number.</summary>
    public Rational TimeOf(long index) => new(index, fps);
}
