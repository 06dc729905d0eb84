using System.Runtime.InteropServices;

namespace Kinora.Engine.Native;

/// <summary>The part of the C ABI that only optimizers and process groups use.</summary>
internal static unsafe partial class NativeMethods
{
    [LibraryImport(Library)] internal static partial int kn_adamw(nint* parameters, nint* gradients, nint* firstMoments, nint* secondMoments, int count, double learningRate, double beta1, double beta2, double epsilon, double weightDecay, long step, double gradientScale);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint kn_pg_create(string backend, string init, int rank, int worldSize, int timeoutMilliseconds);
    [LibraryImport(Library)] internal static partial int kn_pg_allreduce(nint group, nint tensor, int operation, nint* work);
    [LibraryImport(Library)] internal static partial int kn_pg_broadcast(nint group, nint tensor, int root);
    [LibraryImport(Library)] internal static partial int kn_pg_barrier(nint group);
    [LibraryImport(Library)] internal static partial int kn_work_wait(nint work);
    [LibraryImport(Library)] internal static partial void kn_pg_free(nint group);
}
