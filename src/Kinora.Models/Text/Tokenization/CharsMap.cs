// The character map of a SentencePiece model: a double array that finds UTF-8 sequences, and what replaces them.
// Source: google/sentencepiece v0.1.97, src/normalizer.cc (the longest entry at each position wins); unit layout of Darts-clone 0.32.

using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>A precompiled character map. Any bytes are safe to look up in: every step of the walk is checked against the array.</summary>
internal sealed class CharsMap
{
    private readonly uint[] _units;
    private readonly byte[] _replacements;

    private CharsMap(uint[] units, byte[] replacements)
    {
        _units = units;
        _replacements = replacements;
    }

    /// <summary>Reads the map's bytes; null when there are none, which means that text stays as it is.</summary>
    /// <exception cref="ConfigException">The bytes contradict themselves.</exception>
    public static CharsMap? Parse(ReadOnlySpan<byte> bytes, string source)
    {
        if (bytes.IsEmpty)
        {
            return null;
        }
        if (bytes.Length < 8)
        {
            throw new ConfigException($"{source}: a character map of {bytes.Length} bytes.");
        }
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (length % 4 != 0 || length == 0 || length > bytes.Length - 4)
        {
            throw new ConfigException($"{source}: the character map says that its array has {length} bytes, {bytes.Length - 4} follow.");
        }
        var units = new uint[length / 4];
        for (int i = 0; i < units.Length; i++)
        {
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + i * 4)..]);
        }
        return new CharsMap(units, bytes[(4 + (int)length)..].ToArray());
    }

    /// <summary>The text with every sequence of the map replaced.</summary>
    public string Apply(string text)
    {
        byte[] input = Encoding.UTF8.GetBytes(text);
        var output = new ArrayBufferWriter<byte>(input.Length + 16);
        ReadOnlySpan<byte> rest = input;
        while (!rest.IsEmpty)
        {
            rest = rest[Next(rest, out ReadOnlySpan<byte> replacement)..];
            output.Write(replacement);
        }
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary>How many bytes at the front belong together, and what they become.</summary>
    public int Next(ReadOnlySpan<byte> input, out ReadOnlySpan<byte> replacement)
    {
        int longest = 0;
        int value = 0;
        uint node = Offset(_units[0]);
        for (int i = 0; i < input.Length && input[i] != 0; i++)
        {
            node ^= input[i];
            if (node >= _units.Length || (_units[node] & 0x800000FF) != input[i])
            {
                break;
            }
            bool hasLeaf = ((_units[node] >> 8) & 1) == 1;
            node ^= Offset(_units[node]);
            if (hasLeaf && node < _units.Length)
            {
                longest = i + 1;
                value = (int)(_units[node] & 0x7FFFFFFF);
            }
        }
        if (longest == 0 || value >= _replacements.Length)
        {
            Rune.DecodeFromUtf8(input, out _, out int length);
            replacement = input[..length];
            return length;
        }
        ReadOnlySpan<byte> from = _replacements.AsSpan(value);
        int end = from.IndexOf((byte)0);
        replacement = end < 0 ? from : from[..end];
        return longest;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);
}

/// <summary>The normalizer "Precompiled" of tokenizer.json.</summary>
internal sealed class PrecompiledNormalizer(CharsMap map) : INormalizer
{
    public string Normalize(string text) => map.Apply(text);
}
