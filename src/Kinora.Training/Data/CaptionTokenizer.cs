using Kinora.Models.Text;

namespace Kinora.Training.Data;

/// <summary>The byte-level BPE of captions.</summary>
internal static class CaptionTokenizer
{
    /// <summary>Learns from captions of the source's clips.</summary>
    public static ByteLevelBpeTokenizer Train(IClipSource source, ulong seed, int captions, int vocabSize)
    {
        var corpus = Enumerable.Range(0, captions).Select(i => source.Captions(Purpose.TokenizerCorpus, i, SampleSeeds.Wording(seed, Purpose.TokenizerCorpus, i)).First());
        return ByteLevelBpeTokenizer.Train(corpus, vocabSize, "<|pad|>", "<|begin|>", "<|end|>");
    }
}
