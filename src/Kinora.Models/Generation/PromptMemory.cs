using Kinora.Engine;

namespace Kinora.Models.Generation;

/// <summary>
/// Embedded prompts of one request. All are embedded at once and kept, so that a large text encoder is loaded once for several clips and for
/// every part of a story.
/// </summary>
/// <param name="embed">Embeds a prompt; what it returns is kept.</param>
/// <param name="release">Frees the encoder, called after the last prompt.</param>
internal sealed class PromptMemory(Func<string, Tensor[]> embed, Action release) : IDisposable
{
    private readonly Dictionary<string, Tensor[]> _known = new(StringComparer.Ordinal);

    /// <summary>What a prompt became.</summary>
    public Tensor[] this[string prompt] => _known[prompt];

    /// <summary>Embeds those that are not known, and forgets those that are not among them.</summary>
    public void Need(IEnumerable<string> prompts)
    {
        var wanted = prompts.ToHashSet(StringComparer.Ordinal);
        foreach (string old in _known.Keys.Where(k => !wanted.Contains(k)).ToArray())
        {
            Forget(old);
        }
        string[] unknown = [.. wanted.Where(w => !_known.ContainsKey(w))];
        if (unknown.Length == 0)
        {
            return;
        }
        try
        {
            using var scope = TensorScope.Enter();
            foreach (string prompt in unknown)
            {
                _known[prompt] = [.. embed(prompt).Select(t => t.Alias().Own())];
            }
        }
        finally
        {
            release();
        }
    }

    public void Dispose()
    {
        foreach (string prompt in _known.Keys.ToArray())
        {
            Forget(prompt);
        }
    }

    private void Forget(string prompt)
    {
        foreach (Tensor tensor in _known[prompt])
        {
            tensor.Dispose();
        }
        _known.Remove(prompt);
    }
}
