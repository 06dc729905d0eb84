using System.Collections.Frozen;
using System.Globalization;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>Tokens by id and ids by token.</summary>
internal sealed class Vocabulary
{
    /// <summary>Largest id of any vocabulary.</summary>
    public const int MaxId = 1 << 21;


    /// <exception cref="ConfigException">A token or an id occurs twice, or an id is negative or absurdly large.</exception>
    public Vocabulary(IEnumerable<(string Token, int Id)> entries, string source)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        int largest = -1;
        foreach (var (token, id) in entries)
        {
            if (id is < 0 or > MaxId)
            {
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: token '{token}' has the id {id}, expected 0 to {MaxId}."));
            }
            if (!ids.TryAdd(token, id))
            {
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: token '{token}' has the ids {ids[token]} and {id}; each token may occur once."));
            }
            largest = Math.Max(largest, id);
        }
        Tokens = new string?[largest + 1];
        foreach (var (token, id) in ids)
        {
            if (Tokens[id] is { } other)
            {
                throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: the tokens '{other}' and '{token}' both have the id {id}."));
            }
            Tokens[id] = token;
        }
        Ids = ids.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>Ids by token.</summary>
    public FrozenDictionary<string, int> Ids { get; }

    /// <summary>Tokens by id; null where an id is not used.</summary>
    public string?[] Tokens { get; }
}
