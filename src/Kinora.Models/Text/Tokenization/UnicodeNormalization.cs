// Unicode normalization forms. The runtime works without ICU and leaves text as it is, so the tables are our own.
// Source: Unicode Standard Annex #15 (algorithm), section 3.12 of the standard (Hangul), Unicode Character Database (tables, as a resource).

using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Kinora.Models.Text.Tokenization;

/// <summary>NFC, NFD, NFKC and NFKD of well-formed text.</summary>
internal static class UnicodeNormalization
{
    private const string Resource = "Kinora.Models.Text.Tokenization.unicode-decompositions.txt";
    private const int HangulBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7;
    private const int LCount = 19, VCount = 21, TCount = 28;
    private const int HangulCount = LCount * VCount * TCount;

    private static readonly Lazy<Tables> Data = new(ReadTables);

    /// <summary>The form <paramref name="compatibility"/> and <paramref name="compose"/> ask for: NFC is (false, true), NFKD (true, false).</summary>
    public static string Normalize(string text, bool compatibility, bool compose)
    {
        if (Ascii.IsValid(text))
        {
            return text;
        }
        var points = new List<(int Rune, byte Class)>(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, compatibility, points);
        }
        Reorder(points);
        if (compose)
        {
            Compose(points);
        }
        var result = new StringBuilder(text.Length);
        Span<char> units = stackalloc char[2];
        foreach (var (rune, _) in points)
        {
            result.Append(units[..new Rune(rune).EncodeToUtf16(units)]);
        }
        return result.ToString();
    }

    private static void Decompose(int rune, bool compatibility, List<(int, byte)> into)
    {
        int syllable = rune - HangulBase;
        if (syllable is >= 0 and < HangulCount)
        {
            into.Add((LBase + syllable / (VCount * TCount), 0));
            into.Add((VBase + syllable % (VCount * TCount) / TCount, 0));
            if (syllable % TCount != 0)
            {
                into.Add((TBase + syllable % TCount, 0));
            }
        }
        else if (Data.Value.Decompositions.TryGetValue(rune, out var decomposition) && (compatibility || !decomposition.IsCompatibility))
        {
            foreach (int part in decomposition.Parts)
            {
                Decompose(part, compatibility, into);
            }
        }
        else
        {
            into.Add((rune, ClassOf(rune)));
        }
    }

    /// <summary>Marks after a starter in the order of their classes; equal classes keep their order.</summary>
    private static void Reorder(List<(int Rune, byte Class)> points)
    {
        for (int start = 0; start < points.Count; start++)
        {
            if (points[start].Class == 0)
            {
                continue;
            }
            int end = start;
            while (end < points.Count && points[end].Class != 0)
            {
                end++;
            }
            var marks = points.GetRange(start, end - start).OrderBy(p => p.Class).ToArray();
            for (int i = 0; i < marks.Length; i++)
            {
                points[start + i] = marks[i];
            }
            start = end;
        }
    }

    private static void Compose(List<(int Rune, byte Class)> points)
    {
        int starter = -1;
        int kept = 0;
        // Class of the last mark kept behind the starter; −1 directly behind it.
        int last = -1;
        for (int i = 0; i < points.Count; i++)
        {
            var (rune, cls) = points[i];
            if (starter >= 0 && last < cls && Pair(points[starter].Rune, rune) is { } composed && (last == -1 || cls != 0))
            {
                points[starter] = (composed, 0);
                continue;
            }
            points[kept] = (rune, cls);
            if (cls == 0)
            {
                starter = kept;
                last = -1;
            }
            else
            {
                last = cls;
            }
            kept++;
        }
        points.RemoveRange(kept, points.Count - kept);
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LBase and < LBase + LCount && second is >= VBase and < VBase + VCount)
        {
            return HangulBase + ((first - LBase) * VCount + (second - VBase)) * TCount;
        }
        if (first - HangulBase is >= 0 and < HangulCount && (first - HangulBase) % TCount == 0 && second is > TBase and < TBase + TCount)
        {
            return first + (second - TBase);
        }
        return Data.Value.Compositions.TryGetValue(((long)first << 32) | (uint)second, out int composed) ? composed : null;
    }

    /// <summary>The canonical combining class.</summary>
    public static byte ClassOf(int rune) => Data.Value.Classes.GetValueOrDefault(rune);

    private static Tables ReadTables()
    {
        var classes = new Dictionary<int, byte>();
        var decompositions = new Dictionary<int, (bool, int[])>();
        var compositions = new Dictionary<long, int>();
        using Stream stream = typeof(UnicodeNormalization).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"the resource {Resource} is not part of this assembly.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line[0] == '#')
            {
                continue;
            }
            string[] fields = line.Split(';');
            int rune = int.Parse(fields[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (fields[1].Length > 0)
            {
                classes.Add(rune, byte.Parse(fields[1], CultureInfo.InvariantCulture));
            }
            if (fields[2].Length == 0)
            {
                continue;
            }
            bool compatibility = fields[2][0] == '<';
            bool excluded = fields[2][0] == 'X';
            int[] parts = [.. fields[2].TrimStart('<', 'X').Split(' ').Select(p => int.Parse(p, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            decompositions.Add(rune, (compatibility, parts));
            if (!compatibility && !excluded && parts.Length == 2)
            {
                compositions.Add(((long)parts[0] << 32) | (uint)parts[1], rune);
            }
        }
        return new Tables(classes.ToFrozenDictionary(), decompositions.ToFrozenDictionary(), compositions.ToFrozenDictionary());
    }

    private sealed record Tables(FrozenDictionary<int, byte> Classes, FrozenDictionary<int, (bool IsCompatibility, int[] Parts)> Decompositions, FrozenDictionary<long, int> Compositions);
}
