namespace Kinora.Models.Text.Tokenization;

/// <summary>The part of a tokenizer that knows the vocabulary: words in, ids out.</summary>
internal interface ITokenModel
{
    /// <summary>One more than the largest id.</summary>
    int Count { get; }

    /// <summary>The text of an id; null when there is none.</summary>
    string? Token(int id);

    /// <summary>The id of a text; null when there is none.</summary>
    int? Find(string token);

    /// <summary>Appends the ids of one word.</summary>
    void Encode(string word, List<int> ids);
}
