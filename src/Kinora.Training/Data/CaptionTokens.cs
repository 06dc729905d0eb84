using System.Globalization;
using Kinora.Engine;
using Kinora.Models.Text;

namespace Kinora.Training.Data;

/// <summary>Captions as token ids [count, length], with the number of real tokens of each.</summary>
internal sealed class CaptionTokens
{
    private readonly int _count, _length;
    private readonly long[] _ids;
    private readonly bool[] _mask;

    public CaptionTokens(int count, int length) => (_count, _length, _ids, _mask) = (count, length, new long[count * length], new bool[count * length]);

    /// <summary>Encodes the first of <paramref name="captions"/> that is not too long as row <paramref name="index"/> and returns it.</summary>
    public string Set(int index, ByteLevelBpeTokenizer tokenizer, IEnumerable<string> captions)
    {
        string? caption = captions.FirstOrDefault(c => TrySet(index, tokenizer, c));
        return caption ?? throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"no wording of a caption (\"{captions.First()}\") fits {_length} tokens. Raise text.caption_tokens or text.vocab_size in the recipe."));
    }

    /// <summary>Encodes a text as row <paramref name="index"/>; false when it is too long.</summary>
    public bool TrySet(int index, ByteLevelBpeTokenizer tokenizer, string text)
    {
        if (tokenizer.TryEncodePadded(text, _length) is not { } tokens)
            return false;
        tokens.Ids.CopyTo(_ids.AsSpan(index * _length, _length));
        _mask.AsSpan(index * _length, _length).Clear();
        _mask.AsSpan(index * _length, tokens.Count).Fill(true);
        return true;
    }

    /// <summary>Ids int64 [count, longest caption].</summary>
    public Tensor Ids(Device device) => Tensor.FromArray<long>(_ids, [_count, _length]).Narrow(1, 0, Longest()).Contiguous().To(device);

    /// <summary>True at real tokens, [count, longest caption].</summary>
    public Tensor Mask(Device device) => Tensor.FromArray<bool>(_mask, [_count, _length]).Narrow(1, 0, Longest()).Contiguous().To(device);

    // Padding that no row needs costs time and changes nothing.
    private int Longest()
    {
        int longest = 1;
        for (int i = 0; i < _count; i++)
        {
            longest = Math.Max(longest, _mask.AsSpan(i * _length, _length).LastIndexOf(true) + 1);
        }
        return longest;
    }
}
