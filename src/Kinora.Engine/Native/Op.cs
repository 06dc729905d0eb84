using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kinora.Engine.Native;

/// <summary>An operator of the dispatcher, found by name once. Arguments left out take the schema's defaults.</summary>
internal sealed unsafe class Op(string name, string overload = "")
{
    private nint _handle;

    public string Name => name;

    /// <summary>Whether the loaded libtorch has this operator.</summary>
    public bool Exists
    {
        get
        {
            EngineRuntime.EnsureStarted();
            return _handle != 0 || (_handle = NativeMethods.kn_op_find(name, overload)) != 0;
        }
    }

    private nint Handle
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _handle != 0 ? _handle : Find();
    }

    private nint Find()
    {
        EngineRuntime.EnsureStarted();
        nint handle = NativeMethods.kn_op_find(name, overload);
        if (handle == 0)
            throw new NativeException($"operator {name}{(overload.Length > 0 ? "." + overload : "")} is not in this libtorch: {NativeLoader.LastError()}");
        return _handle = handle;
    }

    /// <summary>Calls the operator and returns its one tensor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining), SkipLocalsInit]
    public Tensor Call(params ReadOnlySpan<Value> args)
    {
        Value result;
        nint handle = Handle;
        fixed (Value* p = args)
        {
            if (NativeMethods.kn_op_call(handle, p, args.Length, &result, 1) < 0)
                Throw(args);
        }
        return new Tensor(result.Pointer);
    }

    /// <summary>Calls an in-place operator; the alias it returns is released.</summary>
    [SkipLocalsInit]
    public void CallInPlace(params ReadOnlySpan<Value> args)
    {
        Value result;
        int count;
        fixed (Value* p = args)
        {
            count = NativeMethods.kn_op_call(Handle, p, args.Length, &result, 1);
            if (count < 0)
                Throw(args);
        }
        if (count > 0 && result.Tag == ValueTag.Tensor)
            NativeMethods.kn_tensor_release(result.Pointer);
    }

    /// <summary>Calls an operator with several tensor results, or one list of tensors.</summary>
    [SkipLocalsInit]
    public Tensor[] CallMany(params ReadOnlySpan<Value> args)
    {
        const int max = 8;
        Value* results = stackalloc Value[max];
        int count;
        fixed (Value* p = args)
        {
            count = NativeMethods.kn_op_call(Handle, p, args.Length, results, max);
            if (count < 0)
                Throw(args);
        }
        if (count == 1 && results[0].Tag == ValueTag.Tensors)
        {
            nint* handles = (nint*)results[0].Pointer;
            var list = new Tensor[results[0].Length];
            for (int i = 0; i < list.Length; i++)
                list[i] = new Tensor(handles[i]);
            return list;
        }
        var tensors = new Tensor[count];
        for (int i = 0; i < count; i++)
            tensors[i] = new Tensor(results[i].Pointer);
        return tensors;
    }

    /// <summary>Calls an operator whose result is a number.</summary>
    [SkipLocalsInit]
    public double CallScalar(params ReadOnlySpan<Value> args)
    {
        Value result;
        fixed (Value* p = args)
        {
            if (NativeMethods.kn_op_call(Handle, p, args.Length, &result, 1) < 0)
                Throw(args);
        }
        return result.Tag == ValueTag.Double ? result.Float64 : result.Int64;
    }

    [DoesNotReturn]
    private void Throw(ReadOnlySpan<Value> args)
    {
        string message = NativeLoader.LastError();
        string schema = Marshal.PtrToStringUTF8((nint)NativeMethods.kn_op_schema(_handle)) ?? name;
        var operands = new List<string>();
        foreach (ref readonly Value a in args)
        {
            if (a.Tag == ValueTag.Tensor)
                operands.Add(Tensor.Describe(a.Pointer));
        }
        throw new NativeException($"{message}\n  in {schema}\n  with {(operands.Count > 0 ? string.Join(", ", operands) : "no tensors")}");
    }
}
