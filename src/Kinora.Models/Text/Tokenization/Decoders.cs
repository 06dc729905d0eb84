// The decoders of tokenizer.json (huggingface/tokenizers v0.21, tokenizers/src/decoders): token texts in, text parts out, joined at the end.

namespace Kinora.Models.Text.Tokenization;

/// <summary>A step from token texts to text.</summary>
internal interface IDecoder
{
    List<string> Decode(List<string> tokens);
}

/// <summary>Printable stand-ins become the bytes they stand for.</summary>
internal sealed class ByteLevelDecoder : IDecoder
{
    public List<string> Decode(List<string> tokens) => [ByteLevel.FromAlphabet(string.Concat(tokens))];
}

/// <summary>Marks become spaces; the one that begins the text goes when one was put there.</summary>
internal sealed class MetaspaceDecoder(string mark, bool dropFirst) : IDecoder
{
    public List<string> Decode(List<string> tokens)
    {
        var result = new List<string>(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = i == 0 && dropFirst && tokens[0].StartsWith(mark, StringComparison.Ordinal) ? tokens[0][mark.Length..] : tokens[i];
            result.Add(token.Replace(mark, " ", StringComparison.Ordinal));
        }
        return result;
    }
}

/// <summary>A suffix that ends words becomes a space.</summary>
internal sealed class SuffixDecoder(string suffix) : IDecoder
{
    public List<string> Decode(List<string> tokens) => [string.Concat(tokens).Replace(suffix, " ", StringComparison.Ordinal).Trim()];
}

/// <summary>Byte tokens become the text they spell.</summary>
internal sealed class ByteFallbackDecoder : IDecoder
{
    public List<string> Decode(List<string> tokens) => BytePieces.Join(tokens);
}

/// <summary>Everything becomes one part.</summary>
internal sealed class FuseDecoder : IDecoder
{
    public List<string> Decode(List<string> tokens) => [string.Concat(tokens)];
}

/// <summary>A literal text is replaced in every part.</summary>
internal sealed class ReplaceDecoder(string pattern, string content) : IDecoder
{
    public List<string> Decode(List<string> tokens) => tokens.ConvertAll(t => t.Replace(pattern, content, StringComparison.Ordinal));
}

/// <summary>Takes at most so many of a character from the ends of every part.</summary>
internal sealed class StripDecoder(char content, int start, int stop) : IDecoder
{
    public List<string> Decode(List<string> tokens) => tokens.ConvertAll(token =>
    {
        int from = 0;
        int to = token.Length;
        while (from < Math.Min(start, to) && token[from] == content)
        {
            from++;
        }
        while (to > from && token.Length - to < stop && token[to - 1] == content)
        {
            to--;
        }
        return token[from..to];
    });
}

/// <summary>One decoder after another.</summary>
internal sealed class DecoderSequence(IDecoder[] steps) : IDecoder
{
    public List<string> Decode(List<string> tokens) => steps.Aggregate(tokens, (parts, step) => step.Decode(parts));
}

/// <summary>The way back of transformers' T5 tokenizer: special tokens as they are, everything between them through SentencePiece.</summary>
internal sealed class T5Decoder(HashSet<string> specials) : IDecoder
{
    public List<string> Decode(List<string> tokens)
    {
        var result = new System.Text.StringBuilder();
        var pending = new List<string>();
        bool previousIsSpecial = false;
        foreach (string token in tokens)
        {
            bool isSpecial = specials.Contains(token);
            if (!isSpecial)
            {
                pending.Add(token);
            }
            else
            {
                result.Append(previousIsSpecial ? "" : " ").Append(Text(pending)).Append(token);
                pending.Clear();
            }
            previousIsSpecial = isSpecial;
        }
        return [result.Append(Text(pending)).ToString().Trim()];
    }

    private static string Text(List<string> tokens)
    {
        string text = string.Concat(BytePieces.Join(tokens)).Replace(SentencePieceNormalizer.Mark, ' ');
        return text.StartsWith(' ') ? text[1..] : text;
    }
}
