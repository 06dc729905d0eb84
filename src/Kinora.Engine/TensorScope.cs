using System.Runtime.CompilerServices;
using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>
/// Owns the tensors that its thread creates while it is the innermost scope, and frees them together at its end.
/// As a ref struct it cannot be kept in a field or across an await; the compiler refuses.
/// </summary>
public readonly ref struct TensorScope
{
    private readonly ScopeFrame _frame;

    private TensorScope(ScopeFrame frame) => _frame = frame;

    /// <summary>Opens a scope; write <c>using var scope = TensorScope.Enter();</c>.</summary>
    public static TensorScope Enter() => new(ScopeFrame.Push());

    /// <summary>Tensors that belong to this scope now.</summary>
    public int Count => _frame.LiveCount;

    /// <summary>Passes a tensor of this scope out to the scope around it. A tensor of another owner stays where it is.</summary>
    public Tensor Keep(Tensor tensor)
    {
        _frame.MoveOut(tensor);
        return tensor;
    }

    /// <summary>Passes several tensors out to the scope around this one.</summary>
    public Tensor[] Keep(params Tensor[] tensors)
    {
        foreach (Tensor t in tensors)
            _frame.MoveOut(t);
        return tensors;
    }

    /// <summary>In a loop: frees the tensor held so far and holds the next in its place.</summary>
    public static void Replace(ref Tensor held, Tensor next)
    {
        if (ReferenceEquals(held, next))
            return;
        held.Dispose();
        held = next;
    }

    public void Dispose() => _frame.Pop();
}

/// <summary>The heap part of a scope: pooled, one stack per thread.</summary>
internal sealed unsafe class ScopeFrame
{
    private const int ReleaseBatch = 128;
    [ThreadStatic] private static ScopeFrame? t_current;
    [ThreadStatic] private static Stack<ScopeFrame>? t_free;

    private Tensor?[] _items = new Tensor?[64];
    private int _count;
    private ScopeFrame? _parent;

    internal static ScopeFrame? Current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => t_current;
    }

    internal int LiveCount
    {
        get
        {
            int n = 0;
            for (int i = 0; i < _count; i++)
                n += _items[i] is null ? 0 : 1;
            return n;
        }
    }

    internal static ScopeFrame Push()
    {
        Stack<ScopeFrame> free = t_free ??= new Stack<ScopeFrame>();
        ScopeFrame frame = free.Count > 0 ? free.Pop() : new ScopeFrame();
        frame._parent = t_current;
        t_current = frame;
        return frame;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Add(Tensor tensor)
    {
        Tensor?[] items = _items;
        int n = _count;
        if ((uint)n >= (uint)items.Length)
        {
            Array.Resize(ref _items, items.Length * 2);
            items = _items;
        }
        items[n] = tensor;
        tensor.Slot = n;
        tensor.Frame = this;
        _count = n + 1;
    }

    internal void Forget(Tensor tensor)
    {
        _items[tensor.Slot] = null;
        tensor.Frame = null;
        if (tensor.Slot == _count - 1)
            _count--;
    }

    internal void MoveOut(Tensor tensor)
    {
        if (!ReferenceEquals(tensor.Frame, this))
            return;
        Forget(tensor);
        _parent?.Add(tensor);
    }

    internal void Pop()
    {
        if (!ReferenceEquals(t_current, this))
            throw new InvalidOperationException("A tensor scope ended out of order: close the inner scope first.");
        t_current = _parent;
        _parent = null;
        nint* batch = stackalloc nint[ReleaseBatch];
        int k = 0;
        for (int i = 0; i < _count; i++)
        {
            Tensor? t = _items[i];
            if (t is null)
                continue;
            _items[i] = null;
            t.Frame = null;
            nint handle = t.Detached();
            if (handle == 0)
                continue;
            batch[k++] = handle;
            if (k == ReleaseBatch)
            {
                NativeMethods.kn_tensor_release_many(batch, k);
                k = 0;
            }
        }
        if (k > 0)
            NativeMethods.kn_tensor_release_many(batch, k);
        _count = 0;
        t_free!.Push(this);
    }
}
