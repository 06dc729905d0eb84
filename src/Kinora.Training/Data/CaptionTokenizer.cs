using Kinora.Models.Text;
using Kinora.World;

namespace Kinora.Training.Data;

/// <summary>The byte-level BPE of captions.</summary>
internal static class CaptionTokenizer
{
    /// <summary>Learns from captions of scenes that <paramref name="seed"/> draws.</summary>
    public static ByteLevelBpeTokenizer Train(ulong seed, int captions, int vocabSize)
    {
        var corpus = Enumerable.Range(0, captions).Select(i =>
        {
            var random = SampleSeeds.For(seed, Purpose.TokenizerCorpus, i);
            return CaptionGrammar.Describe(SceneSampler.Sample(random.NextUInt64()), random.NextUInt64());
        });
        return ByteLevelBpeTokenizer.Train(corpus, vocabSize, "<|pad|>", "<|begin|>", "<|end|>");
    }
}
