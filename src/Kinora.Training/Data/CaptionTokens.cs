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

    /// <summary>Encodes caption <paramref name="index"/>.</summary>
    public void Set(int index, ByteLevelBpeTokenizer tokenizer, string caption)
    {
        if (tokenizer.TryEncodePadded(caption, _length) is not { } tokens)
            throw new KinoraException($"caption tokens: \"{caption}\" has more than {_length} tokens. Raise text.caption_tokens in the recipe.");
        tokens.Ids.CopyTo(_ids.AsSpan(index * _length, _length));
        _mask.AsSpan(index * _length, _length).Clear();
        _mask.AsSpan(index * _length, tokens.Count).Fill(true);
    }

    /// <summary>Ids int64 [count, length].</summary>
    public Tensor Ids(Device device) => Tensor.FromArray<long>(_ids, [_count, _length]).To(device);

    /// <summary>True at real tokens, [count, length].</summary>
    public Tensor Mask(Device device) => Tensor.FromArray<bool>(_mask, [_count, _length]).To(device);
}
