// The stack machine of Python pickles, cut down to what describes tensors. Nothing named in a pickle is ever imported or called:
// the few names it may use are listed here and stand for plain data.
// Sources: CPython 3.12, Lib/pickletools.py (opcodes); PyTorch 2.5, torch/_weights_only_unpickler.py (the names that weights need).

using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Kinora.Engine.Checkpoints;

/// <summary>A dictionary of a pickle; keys may be anything.</summary>
internal class PickleDict
{
    public List<KeyValuePair<object?, object?>> Items { get; } = [];
}

/// <summary>An object of a TorchScript program: its members by name. The program is never looked at.</summary>
internal sealed class PickleObject : PickleDict;

/// <summary>A list of a pickle.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A name of a pickle: data, never code.</summary>
internal sealed record PickleName(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>What a persistent id stands for: elements somewhere in the file.</summary>
internal sealed record PickleStorage(StorageType Type, string Key, long Elements);

/// <summary>A tensor: a view of a storage.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>An object that is no tensor and was left closed.</summary>
internal sealed class PickleOpaque
{
    public static PickleOpaque Instance { get; } = new();
}

/// <summary>Runs one pickle.</summary>
internal ref struct PickleMachine
{
    private const int MaxTextBytes = 1 << 16;
    private const int MaxRank = 8;

    private static readonly object Mark = new();

    private readonly string _source;
    private readonly bool _program;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly Stack<object?> _stack = new();
    private readonly Dictionary<uint, object?> _memo = [];
    private int _at;

    private PickleMachine(ReadOnlySpan<byte> bytes, string source, bool program)
    {
        _program = program;
        _bytes = bytes;
        _source = source;
    }

    /// <summary>The value that a pickle describes, and the bytes it takes.</summary>
    /// <param name="program">The pickle of a TorchScript archive: objects of the program's classes are dictionaries of their members.</param>
    /// <exception cref="CheckpointException">It uses an opcode or a name that weights do not need, or is damaged. Nothing of it was executed.</exception>
    public static (object? Value, int Length) Run(ReadOnlySpan<byte> bytes, string source, bool program = false)
    {
        var machine = new PickleMachine(bytes, source, program);
        object? value = machine.Run();
        return (value, machine._at);
    }

    private object? Run()
    {
        while (true)
        {
            int at = _at;
            byte opcode = Take(1)[0];
            switch (opcode)
            {
                case 0x80: // PROTO
                    if (Take(1)[0] is var version and (< 2 or > 5))
                    {
                        throw Damaged(at, Invariant($"pickle protocol {version}; 2 to 5 are supported"));
                    }
                    break;
                case 0x95: // FRAME
                    _ = Take(8);
                    break;
                case (byte)'.': // STOP
                    return Pop();
                case (byte)'(':
                    _stack.Push(Mark);
                    break;
                case (byte)'N':
                    _stack.Push(null);
                    break;
                case 0x88:
                    _stack.Push(true);
                    break;
                case 0x89:
                    _stack.Push(false);
                    break;
                case (byte)'K':
                    _stack.Push((long)Take(1)[0]);
                    break;
                case (byte)'M':
                    _stack.Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
                    break;
                case (byte)'J':
                    _stack.Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                    break;
                case 0x8A: // LONG1
                    _stack.Push(Long(Take(Take(1)[0])));
                    break;
                case (byte)'G':
                    _stack.Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
                    break;
                case (byte)'X': // BINUNICODE
                    _stack.Push(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                    break;
                case 0x8C: // SHORT_BINUNICODE
                case (byte)'U': // SHORT_BINSTRING
                    _stack.Push(Text(Take(1)[0]));
                    break;
                case (byte)'T': // BINSTRING
                    _stack.Push(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                    break;
                case 0x8D: // BINUNICODE8
                    _stack.Push(Text(BinaryPrimitives.ReadUInt64LittleEndian(Take(8))));
                    break;
                case (byte)'C': // SHORT_BINBYTES
                    _ = Take(Take(1)[0]);
                    _stack.Push(PickleOpaque.Instance);
                    break;
                case (byte)'B': // BINBYTES
                    _ = Take(Length(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                    _stack.Push(PickleOpaque.Instance);
                    break;
                case (byte)'}':
                    _stack.Push(new PickleDict());
                    break;
                case (byte)']':
                    _stack.Push(new PickleList());
                    break;
                case (byte)')':
                    _stack.Push(Array.Empty<object?>());
                    break;
                case 0x8F: // EMPTY_SET
                    _stack.Push(new PickleList());
                    break;
                case 0x85:
                    _stack.Push(PopMany(1));
                    break;
                case 0x86:
                    _stack.Push(PopMany(2));
                    break;
                case 0x87:
                    _stack.Push(PopMany(3));
                    break;
                case (byte)'t':
                    _stack.Push(PopToMark(at));
                    break;
                case (byte)'l':
                    var list = new PickleList();
                    list.Items.AddRange(PopToMark(at));
                    _stack.Push(list);
                    break;
                case (byte)'d':
                    object?[] members = PopToMark(at);
                    var dict = new PickleDict();
                    SetItems(dict, members, at);
                    _stack.Push(dict);
                    break;
                case (byte)'s':
                    object?[] one = PopMany(2);
                    SetItems(Peek(at), one, at);
                    break;
                case (byte)'u':
                    object?[] items = PopToMark(at);
                    SetItems(Peek(at), items, at);
                    break;
                case (byte)'a':
                    object? item = Pop();
                    Append(Peek(at), [item], at);
                    break;
                case (byte)'e':
                case 0x90: // ADDITEMS
                    object?[] appended = PopToMark(at);
                    Append(Peek(at), appended, at);
                    break;
                case (byte)'q':
                    _memo[Take(1)[0]] = Peek(at);
                    break;
                case (byte)'r':
                    _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek(at);
                    break;
                case 0x94: // MEMOIZE
                    _memo[(uint)_memo.Count] = Peek(at);
                    break;
                case (byte)'h':
                    _stack.Push(Recall(Take(1)[0], at));
                    break;
                case (byte)'j':
                    _stack.Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)), at));
                    break;
                case (byte)'c': // GLOBAL
                    _stack.Push(Name(Line(), Line(), at));
                    break;
                case 0x93: // STACK_GLOBAL
                    object?[] parts = PopMany(2);
                    _stack.Push(parts is [string module, string name] ? Name(module, name, at) : throw Damaged(at, "a name that is no text"));
                    break;
                case (byte)'Q': // BINPERSID
                    _stack.Push(Storage(Pop(), at));
                    break;
                case (byte)'R': // REDUCE
                case 0x81: // NEWOBJ
                    object?[] call = PopMany(2);
                    _stack.Push(Build(call[0], call[1], at));
                    break;
                case (byte)'b': // BUILD
                    SetState(Pop(), Peek(at), at);
                    break;
                default:
                    throw Damaged(at, Invariant($"the opcode 0x{opcode:X2} is outside the set that weights need"));
            }
        }
    }

    // The state of an ordinary dictionary (_metadata of a state_dict) says nothing about tensors; that of a program's object is its members.
    private readonly void SetState(object? state, object? target, int at)
    {
        if (target is PickleObject scripted)
        {
            if (state is PickleDict members)
            {
                scripted.Items.AddRange(members.Items);
            }
            return;
        }
        if (target is not (PickleDict or PickleOpaque or PickleTensor) || state is PickleTensor)
        {
            throw Damaged(at, "a state for something that has none");
        }
    }

    private readonly PickleName Name(string module, string name, int at)
    {
        var found = new PickleName(module, name);
        return PickleNames.IsAllowed(found) || (_program && PickleNames.IsOfProgram(found)) ? found
            : throw Damaged(at, $"it asks for {found}, which weights do not need; nothing was run. Load the file in a sandbox and save its tensors as safetensors");
    }

    private readonly object? Build(object? function, object? arguments, int at)
    {
        if (function is PickleOpaque)
        {
            return PickleOpaque.Instance;
        }
        if (function is not PickleName name || arguments is not object?[] args)
        {
            throw Damaged(at, "a call of something that is no name");
        }
        if (_program && PickleNames.IsOfProgram(name))
        {
            return PickleNames.IsClass(name) ? new PickleObject() : PickleOpaque.Instance;
        }
        switch (name.ToString())
        {
            case "collections.OrderedDict":
                var dict = new PickleDict();
                // Python 2 gave the pairs as a list.
                if (args is [PickleList pairs])
                {
                    foreach (object? pair in pairs.Items)
                    {
                        dict.Items.Add(pair is PickleList { Items: [var key, var value] } ? new(key, value)
                            : pair is object?[] and [var k, var v] ? new(k, v) : throw Damaged(at, "an OrderedDict of something else than pairs"));
                    }
                }
                return dict;
            case "torch._utils._rebuild_tensor_v2" when args.Length is >= 6 and <= 7:
            case "torch._utils._rebuild_tensor" when args.Length == 4:
                return Tensor(args, at);
            case "torch._utils._rebuild_parameter" when args is [PickleTensor parameter, ..]:
                return parameter;
            case "torch._utils._rebuild_parameter_with_state" when args is [PickleTensor parameter, ..]:
                return parameter;
            case "torch.Size" when args is [object?[] sizes]:
                return sizes;
            case "torch.Size":
                return args;
            default:
                return PickleNames.IsTensorPart(name) ? throw Damaged(at, $"{name} is called with arguments that it does not have") : PickleOpaque.Instance;
        }
    }

    private readonly PickleTensor Tensor(object?[] args, int at)
    {
        if (args[0] is not PickleStorage storage || args[1] is not long offset || Numbers(args[2]) is not { } shape || Numbers(args[3]) is not { } strides || shape.Length != strides.Length)
        {
            throw Damaged(at, "a tensor whose storage, offset, sizes or strides are none");
        }
        return new PickleTensor(storage, offset, shape, strides);
    }

    private static long[]? Numbers(object? value)
    {
        if (value is not object?[] { Length: <= MaxRank } items)
        {
            return null;
        }
        var numbers = new long[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            if (items[i] is not long n || n < 0)
            {
                return null;
            }
            numbers[i] = n;
        }
        return numbers;
    }

    private readonly PickleStorage Storage(object? id, int at)
    {
        // ('storage', type, key, location, number of elements), in old files with a view behind.
        if (id is not object?[] { Length: 5 or 6 } parts || parts[0] as string != "storage" || parts[1] is not PickleName type || parts[2] is not string key || parts[4] is not long elements || elements < 0)
        {
            throw Damaged(at, "a persistent id that names no storage");
        }
        if (parts.Length == 6 && parts[5] is not null)
        {
            throw Damaged(at, $"the storage '{key}' is a view of another one, as files from before PyTorch 0.4 have it; save the weights again");
        }
        return new PickleStorage(PickleNames.StorageTypeOf(type) ?? throw Damaged(at, $"storage type {type} is not supported"), key, elements);
    }

    private readonly void SetItems(object? target, object?[] items, int at)
    {
        if (target is PickleOpaque)
        {
            return;
        }
        if (target is not PickleDict dict || items.Length % 2 != 0)
        {
            throw Damaged(at, "items for something that is no dictionary");
        }
        for (int i = 0; i < items.Length; i += 2)
        {
            dict.Items.Add(new(items[i], items[i + 1]));
        }
    }

    private readonly void Append(object? target, object?[] items, int at)
    {
        if (target is PickleOpaque)
        {
            return;
        }
        (target as PickleList ?? throw Damaged(at, "items for something that is no list")).Items.AddRange(items);
    }

    private readonly object? Pop() => _stack.TryPop(out object? value) && value != Mark ? value : throw Damaged(_at, "the stack is empty");

    private readonly object? Peek(int at) => _stack.TryPeek(out object? value) && value != Mark ? value : throw Damaged(at, "the stack is empty");

    private readonly object?[] PopMany(int count)
    {
        var values = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            values[i] = Pop();
        }
        return values;
    }

    private readonly object?[] PopToMark(int at)
    {
        var values = new List<object?>();
        while (_stack.TryPop(out object? value))
        {
            if (value == Mark)
            {
                values.Reverse();
                return [.. values];
            }
            values.Add(value);
        }
        throw Damaged(at, "the mark is missing");
    }

    private readonly object? Recall(uint index, int at) => _memo.TryGetValue(index, out object? value) ? value : throw Damaged(at, Invariant($"memo {index} was never set"));

    private string Line()
    {
        int end = _bytes[_at..].IndexOf((byte)'\n');
        return end >= 0 ? Text((ulong)end, 1) : throw Damaged(_at, "a line without an end");
    }

    private string Text(ulong length, int behind = 0)
    {
        if (length > MaxTextBytes)
        {
            // Long texts occur as training notes; what they say does not matter.
            _ = Take(Length(length));
            return "";
        }
        string text = Encoding.UTF8.GetString(Take((int)length));
        _ = Take(behind);
        return text;
    }

    private readonly int Length(ulong length) => length <= (ulong)(_bytes.Length - _at) ? (int)length : throw Damaged(_at, Invariant($"{length} bytes are needed, {_bytes.Length - _at} are left"));

    private static object Long(ReadOnlySpan<byte> bytes) => bytes.Length <= 8 ? (object)(long)new BigInteger(bytes) : new BigInteger(bytes);

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - _at)
        {
            throw Damaged(_at, Invariant($"{count} bytes are needed, {_bytes.Length - _at} are left; the file is truncated"));
        }
        ReadOnlySpan<byte> taken = _bytes.Slice(_at, count);
        _at += count;
        return taken;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private readonly CheckpointException Damaged(int at, string problem) => new(Invariant($"{_source}: at byte {at} of the pickle: {problem}."));
}

/// <summary>The names that a pickle may use.</summary>
internal static class PickleNames
{
    private static readonly HashSet<string> TensorParts = new(StringComparer.Ordinal)
    {
        "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor", "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    };

    private static readonly Dictionary<string, StorageType> Storages = new(StringComparer.Ordinal)
    {
        ["FloatStorage"] = StorageType.Float32,
        ["HalfStorage"] = StorageType.Float16,
        ["BFloat16Storage"] = StorageType.BFloat16,
        ["DoubleStorage"] = StorageType.Float64,
        ["LongStorage"] = StorageType.Int64,
        ["IntStorage"] = StorageType.Int32,
        ["ShortStorage"] = StorageType.Int16,
        ["CharStorage"] = StorageType.Int8,
        ["ByteStorage"] = StorageType.UInt8,
        ["BoolStorage"] = StorageType.Bool,
    };

    private static readonly HashSet<string> Torch = new(StringComparer.Ordinal)
    {
        "Size", "device", "dtype", "float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "float", "half", "double", "long", "int",
    };

    // Notes that training scripts leave beside the weights. They stay closed: neither imported nor called.
    private static readonly HashSet<string> Notes = new(StringComparer.Ordinal)
    {
        "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
        "pytorch_lightning.utilities.parsing.AttributeDict", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype",
        "_codecs.encode", "argparse.Namespace", "collections.defaultdict", "collections.Counter",
    };

    public static bool IsAllowed(PickleName name)
    {
        string full = name.ToString();
        return full == "collections.OrderedDict" || TensorParts.Contains(full) || Notes.Contains(full) || StorageTypeOf(name) is not null
            || (name.Module == "torch" && Torch.Contains(name.Name));
    }

    /// <summary>Whether a name belongs to a TorchScript archive: a class of its program, or lists of numbers among a module's members.</summary>
    public static bool IsOfProgram(PickleName name) => IsClass(name) || name.Module == "torch.jit._pickle";

    /// <summary>Whether a name is a class of a TorchScript program.</summary>
    public static bool IsClass(PickleName name) => name.Module == "__torch__" || name.Module.StartsWith("__torch__.", StringComparison.Ordinal);

    /// <summary>Whether a name makes tensors, so that a call of it must be understood.</summary>
    public static bool IsTensorPart(PickleName name) => TensorParts.Contains(name.ToString());

    public static StorageType? StorageTypeOf(PickleName name) =>
        name.Module is "torch" or "torch.cuda" or "torch.storage" && Storages.TryGetValue(name.Name, out StorageType type) ? type : null;
}
