// Weights that pass through memory: those of a block are brought in from the mapped file while the block before it computes, and their
// pages are given back when the next block begins.

using Kinora.Engine.Native;

namespace Kinora.Engine.Checkpoints;

/// <summary>
/// The weights of one network in the order in which they were declared, in groups that share a name up to its first number
/// ("blocks.3", "down_blocks.0"). At most the group in use and the one after it are in memory. Not thread-safe: one engine thread uses it.
/// </summary>
internal sealed unsafe class WeightStream
{
    private readonly List<Group> _groups = [];
    private readonly Dictionary<StoredWeight, int> _groupOf = new(ReferenceEqualityComparer.Instance);
    private string _lastKey = "";
    private int _current = -1;
    private Task _reading = Task.CompletedTask;

    /// <summary>The name of the parameter that is declared next.</summary>
    public string Name { private get; set; } = "";

    public void Add(StoredWeight weight, Tensor data)
    {
        string key = GroupOf(Name);
        if (_groups.Count == 0 || key != _lastKey)
        {
            _groups.Add(new Group([]));
            _lastKey = key;
        }
        TensorInfo info = data.Info;
        _groups[^1].Ranges.Add(((nint)info.Data, info.NumBytes));
        _groupOf.Add(weight, _groups.Count - 1);
    }

    /// <summary>Begins the group of a weight if it is not the current one.</summary>
    public void Use(StoredWeight weight)
    {
        int group = _groupOf[weight];
        if (group != _current)
        {
            _reading.Wait();
            if (_current >= 0)
            {
                Each(_groups[_current], MappedPages.Drop);
            }
            // What was read ahead in vain, when blocks do not come in the order of their declaration.
            int expected = (_current + 1) % _groups.Count;
            if (_current >= 0 && expected != group)
            {
                Each(_groups[expected], MappedPages.Drop);
            }
            _current = group;
            Group next = _groups[(group + 1) % _groups.Count];
            if (_groups.Count > 1)
            {
                _reading = Task.Run(() => Each(next, MappedPages.ReadIn));
            }
        }
    }

    private static string GroupOf(string name)
    {
        string[] parts = name.Split('.');
        int number = Array.FindIndex(parts, p => p.Length > 0 && p.All(char.IsAsciiDigit));
        return number < 0 ? "" : string.Join('.', parts[..(number + 1)]);
    }

    private static void Each(Group group, Action<nint, long> advise)
    {
        foreach (var (address, length) in group.Ranges)
        {
            advise(address, length);
        }
    }

    private sealed record Group(List<(nint Address, long Length)> Ranges);
}
