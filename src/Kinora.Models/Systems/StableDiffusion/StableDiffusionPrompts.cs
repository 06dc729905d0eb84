using Kinora.Engine;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>
/// The words of a Stable Diffusion model: its tokenizers, and its text encoders when they are needed. Encoders are loaded for a prompt,
/// freed after it, and the result is kept, because clips of one request differ in their seed alone.
/// </summary>
internal sealed class StableDiffusionPrompts(NetworkLoader networks) : IDisposable
{
    private IReadOnlyList<string> _known = [];
    private StableDiffusionText[] _texts = [];

    /// <summary>The prompts, and what to lead away from. All have one length and stay this object's.</summary>
    /// <remarks>
    /// A prompt longer than the encoder's window is encoded window by window, and the states stand one after the other; shorter ones are
    /// filled up with empty windows. The pooled vector is the first window's. Weighted tokens move away from what the empty prompt has in their
    /// place: z∅ + w (z − z∅), as in comfyanonymous/ComfyUI 00728eb2, comfy/sd1_clip.py (ClipTokenWeightEncoder).
    /// </remarks>
    /// <param name="prompts">Words, in the notation of <see cref="WeightedPrompt"/>.</param>
    /// <param name="negative">Words; may be empty.</param>
    /// <param name="zeroNegative">Whether an empty negative prompt is zeros.</param>
    public (IReadOnlyList<StableDiffusionText> Texts, StableDiffusionText Negative) Encode(IReadOnlyList<string> prompts, string negative, bool zeroNegative)
    {
        string[] all = [.. prompts, negative];
        if (!_known.SequenceEqual(all, StringComparer.Ordinal))
        {
            Forget();
            _texts = EncodeAll(all, zeroNegative);
            _known = all;
        }
        return (_texts[..^1], _texts[^1]);
    }

    private StableDiffusionText[] EncodeAll(string[] prompts, bool zeroLast)
    {
        using var scope = TensorScope.Enter();
        ClipTextModel? first = null;
        ClipTextModelWithProjection? second = null;
        try
        {
            first = networks.Folder.Has("text_encoder") ? ClipTextModel.Load(networks, "text_encoder") : null;
            second = networks.Folder.Has("text_encoder_2") ? ClipTextModelWithProjection.Load(networks, "text_encoder_2") : null;
            int length = first?.Config.MaxPositionEmbeddings ?? second!.Config.MaxPositionEmbeddings;
            TextTokenizer one = TextTokenizer.Load(networks.Folder.Component(first is null ? "tokenizer_2" : "tokenizer")), two = second is null ? one : TextTokenizer.Load(networks.Folder.Component("tokenizer_2"));
            WeightedPrompt[] parsed = [.. prompts.Select(WeightedPrompt.Parse)];
            int windows = parsed.Max(p => Math.Max(p.Windows(one, length).Count, p.Windows(two, length).Count));
            Tensor? empty = null;                                                                // [1, W·K, E], when a weight asks for it
            StableDiffusionText Of(WeightedPrompt prompt)
            {
                IReadOnlyList<PromptWindow> own = Filled(prompt, one);
                StableDiffusionText read = StableDiffusionText.Encode(first, Ids(own), second, Ids(Filled(prompt, two))); // [W, K, E]
                Tensor states = read.States.Reshape(1, windows * length, -1);
                if (prompt.IsWeighted)
                {
                    empty ??= Of(WeightedPrompt.Parse("")).States;
                    states = empty + (states - empty) * Tensor.FromArray<float>([.. own.SelectMany(w => w.Weights)], 1, windows * length, 1).To(networks.Device);
                }
                return new StableDiffusionText(states, read.Pooled?.Narrow(0, 0, 1));
            }
            IReadOnlyList<PromptWindow> Filled(WeightedPrompt prompt, TextTokenizer tokenizer)
            {
                IReadOnlyList<PromptWindow> own = prompt.Windows(tokenizer, length);
                return own.Count == windows ? own : [.. own, .. Enumerable.Repeat(WeightedPrompt.Parse("").Windows(tokenizer, length)[0], windows - own.Count)];
            }
            Tensor Ids(IReadOnlyList<PromptWindow> read) => Tensor.FromArray<long>([.. read.SelectMany(w => w.Ids)], windows, length).To(networks.Device);
            StableDiffusionText[] texts = [.. parsed.Select(Of)];
            if (zeroLast && prompts[^1].Length == 0)
            {
                texts[^1] = texts[^1].Zeros();
            }
            return [.. texts.Select(Own)];
        }
        finally
        {
            first?.Path.Store.Dispose();
            second?.Path.Store.Dispose();
        }
    }

    public void Dispose() => Forget();

    private static StableDiffusionText Own(StableDiffusionText text) => new(text.States.Alias().Own(), text.Pooled?.Alias().Own());

    private void Forget()
    {
        foreach (StableDiffusionText text in _texts)
        {
            text.States.Dispose();
            text.Pooled?.Dispose();
        }
        (_texts, _known) = ([], []);
    }
}
