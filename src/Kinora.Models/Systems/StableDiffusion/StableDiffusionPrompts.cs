using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>
/// The words of a Stable Diffusion model: its tokenizers, and its text encoders when they are needed. Encoders are loaded for a prompt,
/// freed after it, and the result is kept, because clips of one request differ in their seed alone.
/// </summary>
internal sealed class StableDiffusionPrompts(ModelFolder folder, Device device, DType compute) : IDisposable
{
    private (string Prompt, string Negative)? _known;
    private StableDiffusionText? _text, _negative;

    /// <summary>The prompt, and what to lead away from. Both stay this object's.</summary>
    /// <param name="prompt">Words.</param>
    /// <param name="negative">Words; may be empty.</param>
    /// <param name="zeroNegative">Whether an empty negative prompt is zeros.</param>
    public (StableDiffusionText Text, StableDiffusionText Negative) Encode(string prompt, string negative, bool zeroNegative)
    {
        if (_known == (prompt, negative))
        {
            return (_text!, _negative!);
        }
        Forget();
        using var scope = TensorScope.Enter();
        ClipTextModel? first = null;
        ClipTextModelWithProjection? second = null;
        try
        {
            first = folder.Components.ContainsKey("text_encoder") ? ClipTextModel.Load(folder.Component("text_encoder"), compute, device) : null;
            second = folder.Components.ContainsKey("text_encoder_2") ? ClipTextModelWithProjection.Load(folder.Component("text_encoder_2"), compute, device) : null;
            int length = first?.Config.MaxPositionEmbeddings ?? second!.Config.MaxPositionEmbeddings;
            StableDiffusionText OfWords(string words)
            {
                var parsed = WeightedPrompt.Parse(words);
                StableDiffusionText plain = OfPlain(parsed.Text);
                if (!parsed.IsWeighted)
                {
                    return plain;
                }
                // Away from the empty prompt by the weight of each token: z∅ + w (z − z∅).
                TextTokenizer tokenizer = TextTokenizer.Load(folder.Component(first is null ? "tokenizer_2" : "tokenizer"));
                Tensor weights = Tensor.FromArray<float>(parsed.TokenWeights(tokenizer, length), 1, length, 1).To(device);
                Tensor empty = OfPlain("").States;
                return plain with { States = empty + (plain.States - empty) * weights };
            }
            StableDiffusionText OfPlain(string words) => StableDiffusionText.Encode(
                first, Ids(first is null ? "tokenizer_2" : "tokenizer", words, length), second, Ids(second is null ? "tokenizer" : "tokenizer_2", words, length));
            _text = Own(OfWords(prompt));
            _negative = Own(zeroNegative && negative.Length == 0 ? _text.Zeros() : OfWords(negative));
            _known = (prompt, negative);
            return (_text, _negative);
        }
        finally
        {
            first?.Path.Store.Dispose();
            second?.Path.Store.Dispose();
        }
    }

    public void Dispose() => Forget();

    private Tensor Ids(string tokenizer, string words, int length) =>
        Tensor.FromArray<long>(TextTokenizer.Load(folder.Component(tokenizer)).EncodePadded(words, length).Ids, 1, length).To(device);

    private static StableDiffusionText Own(StableDiffusionText text) => new(text.States.Alias().Own(), text.Pooled?.Alias().Own());

    private void Forget()
    {
        foreach (StableDiffusionText? text in (ReadOnlySpan<StableDiffusionText?>)[_text, _negative])
        {
            text?.States.Dispose();
            text?.Pooled?.Dispose();
        }
        (_text, _negative, _known) = (null, null, null);
    }
}
