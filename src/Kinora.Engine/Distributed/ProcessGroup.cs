// Processes that train one model together, over torch's c10d: Gloo on CPU, NCCL on GPU where compiled in.
// The environment is torchrun's (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT); under Slurm's srun, SLURM_PROCID and SLURM_NTASKS
// serve where these are absent.

using System.Globalization;
using Kinora.Engine.Native;

namespace Kinora.Engine.Distributed;

/// <summary>What an all-reduce does with the processes' values. The numbers are c10d's.</summary>
public enum ReduceOperation
{
    Sum = 0,
    Min = 3,
    Max = 4,
}

/// <summary>A group of processes, or this process alone. Collective calls must come in the same order in every process.</summary>
public sealed class ProcessGroup : IDisposable
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(10);
    private nint _group;

    private ProcessGroup(nint group, int rank, int worldSize) => (_group, Rank, WorldSize) = (group, rank, worldSize);

    /// <summary>This process without others: every collective call is a no-op.</summary>
    public static ProcessGroup Single { get; } = new(0, 0, 1);

    /// <summary>This process's number, from 0.</summary>
    public int Rank { get; }

    /// <summary>Number of processes.</summary>
    public int WorldSize { get; }

    /// <summary>Joins <paramref name="worldSize"/> processes; blocks until all have come.</summary>
    /// <param name="init"><c>tcp://host:port</c> of rank 0, or <c>file:///path</c> on a shared disk.</param>
    /// <param name="backend"><c>gloo</c> or <c>nccl</c>.</param>
    /// <exception cref="NativeException">Not all processes came within <paramref name="timeout"/>, or the backend is not compiled in.</exception>
    public static ProcessGroup Join(string init, int rank, int worldSize, string backend = "gloo", TimeSpan? timeout = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(worldSize);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        EngineRuntime.EnsureStarted();
        nint group = NativeMethods.kn_pg_create(backend, init, rank, worldSize, (int)(timeout ?? DefaultTimeout).TotalMilliseconds);
        if (group == 0)
            NativeLoader.Throw();
        return new ProcessGroup(group, rank, worldSize);
    }

    /// <summary>The group that the launcher (torchrun, srun, Kubernetes) describes in the environment; <see cref="Single"/> when it describes none.</summary>
    /// <exception cref="ConfigException">The description is incomplete or contradictory.</exception>
    public static ProcessGroup FromEnvironment(string backend = "gloo")
    {
        int? worldSize = Number("WORLD_SIZE") ?? Number("SLURM_NTASKS");
        int? rank = Number("RANK") ?? Number("SLURM_PROCID");
        if (worldSize is null or 1)
            return Single;
        if (rank is null)
            throw new ConfigException("data-parallel training: WORLD_SIZE is set and RANK is not. Start with torchrun or srun, or set both.");
        if (rank < 0 || rank >= worldSize)
            throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"data-parallel training: RANK {rank} is not below WORLD_SIZE {worldSize}."));
        string host = Environment.GetEnvironmentVariable("MASTER_ADDR") is { Length: > 0 } address ? address
            : throw new ConfigException("data-parallel training: MASTER_ADDR must name the machine of rank 0.");
        int port = Number("MASTER_PORT") ?? throw new ConfigException("data-parallel training: MASTER_PORT must be a free port of MASTER_ADDR.");
        return Join(string.Create(CultureInfo.InvariantCulture, $"tcp://{host}:{port}"), rank.Value, worldSize.Value, backend);
    }

    /// <summary>The device of this process when several share a machine: <c>cuda</c> becomes <c>cuda:LOCAL_RANK</c>.</summary>
    public static Device LocalDevice(Device device)
        => device.Type == DeviceType.Cuda && device.Index == 0 && (Number("LOCAL_RANK") ?? Number("SLURM_LOCALID")) is { } local ? Device.Cuda(local) : device;

    /// <summary>Reduces <paramref name="tensor"/> in place over all processes.</summary>
    public unsafe void AllReduce(Tensor tensor, ReduceOperation operation = ReduceOperation.Sum)
    {
        if (WorldSize > 1)
            NativeLoader.Check(NativeMethods.kn_pg_allreduce(Group, tensor.Handle, (int)operation, null));
    }

    /// <summary>Starts a sum over all processes in place; <see cref="PendingReduce.Wait"/> before reading. The tensor must outlive the wait.</summary>
    internal unsafe PendingReduce BeginAllReduce(Tensor tensor)
    {
        nint work = 0;
        NativeLoader.Check(NativeMethods.kn_pg_allreduce(Group, tensor.Handle, (int)ReduceOperation.Sum, &work));
        return new PendingReduce(work);
    }

    /// <summary>Gives every process the tensors of rank 0.</summary>
    public void Broadcast(IEnumerable<Tensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (WorldSize == 1)
            return;
        using var noGrad = GradMode.NoGrad();
        foreach (var tensor in tensors)
        {
            using var scope = TensorScope.Enter();
            NativeLoader.Check(NativeMethods.kn_pg_broadcast(Group, tensor.Detach().Handle, 0));
        }
    }

    /// <summary>Returns when every process has called it.</summary>
    public void Barrier()
    {
        if (WorldSize > 1)
            NativeLoader.Check(NativeMethods.kn_pg_barrier(Group));
    }

    /// <summary>Whether <paramref name="value"/> is true in any process.</summary>
    public bool Any(bool value)
    {
        if (WorldSize == 1)
            return value;
        using var scope = TensorScope.Enter();
        var flag = Tensor.FromArray([value ? 1f : 0f], [1]);
        AllReduce(flag, ReduceOperation.Max);
        return flag.Item() > 0;
    }

    /// <summary>The element-wise mean over all processes.</summary>
    public double[] Mean(double[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (WorldSize == 1)
            return values;
        using var scope = TensorScope.Enter();
        var sums = Tensor.FromArray(values, [values.Length]);
        AllReduce(sums);
        return [.. sums.ToArray<double>().Select(s => s / WorldSize)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_group == 0)
            return;
        NativeMethods.kn_pg_free(_group);
        _group = 0;
    }

    private nint Group => _group != 0 ? _group : throw new ObjectDisposedException(nameof(ProcessGroup));

    private static int? Number(string variable)
    {
        string? text = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(text))
            return null;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value
            : throw new ConfigException($"data-parallel training: {variable} must be a number, got \"{text}\".");
    }
}

/// <summary>A collective that is under way.</summary>
internal readonly record struct PendingReduce(nint Work)
{
    public void Wait() => NativeLoader.Check(NativeMethods.kn_work_wait(Work));
}
