using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>Gradients as values, and activation checkpointing.</summary>
public static unsafe class Autograd
{
    // A managed exception cannot travel through the C++ engine: it waits here until backward has returned.
    private static volatile ExceptionDispatchInfo? s_pending;

    /// <summary>Gradients of the outputs' sum (or of their product with <paramref name="gradOutputs"/>) with respect to the inputs.</summary>
    /// <returns>One per input; null where an input was not used and <paramref name="allowUnused"/> is set.</returns>
    public static Tensor?[] Grad(ReadOnlySpan<Tensor> outputs, ReadOnlySpan<Tensor> inputs, ReadOnlySpan<Tensor> gradOutputs = default, bool retainGraph = false, bool createGraph = false, bool allowUnused = false)
    {
        nint* o = stackalloc nint[outputs.Length], i = stackalloc nint[inputs.Length], g = stackalloc nint[Math.Max(1, gradOutputs.Length)], r = stackalloc nint[inputs.Length];
        for (int k = 0; k < outputs.Length; k++)
            o[k] = outputs[k].Handle;
        for (int k = 0; k < inputs.Length; k++)
            i[k] = inputs[k].Handle;
        for (int k = 0; k < gradOutputs.Length; k++)
            g[k] = gradOutputs[k].Handle;
        int status = NativeMethods.kn_autograd_grad(o, outputs.Length, i, inputs.Length, gradOutputs.Length > 0 ? g : null, retainGraph ? 1 : 0, createGraph ? 1 : 0, allowUnused ? 1 : 0, r);
        if (status < 0)
            Rethrow();
        var results = new Tensor?[inputs.Length];
        for (int k = 0; k < results.Length; k++)
            results[k] = r[k] == 0 ? null : new Tensor(r[k]);
        return results;
    }

    /// <summary>
    /// Runs <paramref name="forward"/> without keeping its activations and runs it again during backward (Chen et al., "Training
    /// Deep Nets with Sublinear Memory Cost", arXiv:1604.06174). It must be a pure function of the inputs; parameters that it
    /// reads and that need gradients must be among the inputs.
    /// </summary>
    public static Tensor Checkpoint(Func<Tensor[], Tensor> forward, params Tensor[] inputs)
    {
        ArgumentNullException.ThrowIfNull(forward);
        if (!GradMode.IsEnabled)
            return forward(inputs);
        Tensor output;
        using (GradMode.NoGrad())
        {
            using var scope = TensorScope.Enter();
            output = scope.Keep(forward(inputs));
        }
        var state = new CheckpointState(forward, Autocast.Target, [.. inputs.Select(t => NativeMethods.kn_tensor_retain(t.Handle))]);
        nint* handles = stackalloc nint[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
            handles[i] = inputs[i].Handle;
        nint outputHandle = output.Handle;
        // From here the native node owns the state: it calls Free exactly once, also when no gradient is needed.
        NativeLoader.Check(NativeMethods.kn_custom_node(handles, inputs.Length, &outputHandle, 1, &CheckpointBackward, &CheckpointFree, (void*)GCHandle.ToIntPtr(GCHandle.Alloc(state))));
        return output;
    }

    [DoesNotReturn]
    internal static void Rethrow()
    {
        ExceptionDispatchInfo? pending = s_pending;
        s_pending = null;
        pending?.Throw();
        NativeLoader.Throw();
    }

    private sealed record CheckpointState(Func<Tensor[], Tensor> Forward, DType? AutocastTarget, nint[] Inputs);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int CheckpointBackward(void* context, nint* gradsIn, int numIn, nint* gradsOut, int numOut)
    {
        try
        {
            var state = (CheckpointState)GCHandle.FromIntPtr((nint)context).Target!;
            using var grad = GradMode.Enable();
            using var autocast = Autocast.Enter(state.AutocastTarget);
            using var scope = TensorScope.Enter();
            var inputs = new Tensor[state.Inputs.Length];
            var wanted = new List<int>();
            for (int i = 0; i < inputs.Length; i++)
            {
                var original = new Tensor(NativeMethods.kn_tensor_retain(state.Inputs[i]));
                inputs[i] = original.Detach();
                if (original.RequiresGrad)
                {
                    inputs[i].RequiresGradInPlace();
                    wanted.Add(i);
                }
            }
            Tensor output = state.Forward(inputs);
            nint o = output.Handle, g = gradsIn[0];
            nint* w = stackalloc nint[wanted.Count], r = stackalloc nint[wanted.Count];
            for (int k = 0; k < wanted.Count; k++)
                w[k] = inputs[wanted[k]].Handle;
            NativeLoader.Check(NativeMethods.kn_autograd_grad(&o, 1, w, wanted.Count, &g, 0, 0, 1, r));
            for (int k = 0; k < wanted.Count; k++)
                gradsOut[wanted[k]] = r[k];
            return 0;
        }
        catch (Exception e)
        {
            s_pending = ExceptionDispatchInfo.Capture(e);
            return -1;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void CheckpointFree(void* context)
    {
        var handle = GCHandle.FromIntPtr((nint)context);
        foreach (nint input in ((CheckpointState)handle.Target!).Inputs)
            NativeMethods.kn_tensor_release(input);
        handle.Free();
    }
}
