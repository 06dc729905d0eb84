namespace Kinora.Engine.Tests;

/// <summary>The native library around the operators: memory, errors, facts of the build.</summary>
public sealed class NativeRuntimeTests
{
    [Fact]
    public void Allocation_BeyondTheMachine_NamesBytesAskedAndInUse()
    {
        using var scope = TensorScope.Enter();
        Tensor held = Tensor.Ones([1 << 20]);
        string message = Should.Throw<NativeException>(() => Tensor.Empty([1L << 47, 4])).Message;
        message.ShouldContain($"asked for {(1L << 47) * 16} bytes");
        message.ShouldContain("are in use by tensors");
        held.Sum().Item().ShouldBe(1 << 20);
    }

    [Fact]
    public void FreedBlocks_AreCountedKeptAndReused()
    {
        EngineRuntime.TrimHostMemory();
        MemoryStatistics before = EngineRuntime.HostMemory;
        const long bytes = 8L << 20;
        using (TensorScope.Enter())
        {
            Tensor t = Tensor.Zeros([bytes / 4]);
            EngineRuntime.HostMemory.LiveBytes.ShouldBeInRange(before.LiveBytes + t.NumBytes, before.LiveBytes + t.NumBytes * 9 / 8 + 4096);
        }
        MemoryStatistics freed = EngineRuntime.HostMemory;
        freed.LiveBytes.ShouldBe(before.LiveBytes);
        freed.CachedBytes.ShouldBeGreaterThanOrEqualTo(before.CachedBytes + bytes);
        using (TensorScope.Enter())
        {
            _ = Tensor.Zeros([bytes / 4]);
            EngineRuntime.HostMemory.CachedBytes.ShouldBeLessThanOrEqualTo(freed.CachedBytes - bytes);
        }
        EngineRuntime.TrimHostMemory();
        // Other threads keep their own lists of small blocks.
        EngineRuntime.HostMemory.CachedBytes.ShouldBeLessThanOrEqualTo(before.CachedBytes);
    }

    [Fact]
    public void PeakHostMemory_AfterAReset_IsThatOfWhatFollows()
    {
        using var scope = TensorScope.Enter();
        using (TensorScope.Enter())
            _ = Tensor.Zeros([16 << 20]);
        EngineRuntime.ResetPeakHostMemory();
        long live = EngineRuntime.HostMemory.LiveBytes;
        EngineRuntime.HostMemory.PeakBytes.ShouldBe(live);
        using (TensorScope.Enter())
            _ = Tensor.Zeros([1 << 20]);
        EngineRuntime.HostMemory.PeakBytes.ShouldBeInRange(live + (4 << 20), live + (6 << 20));
    }

    [Fact]
    public void SmallBlocksOfEverySize_KeepTheirContents()
    {
        using var scope = TensorScope.Enter();
        for (int round = 0; round < 2; round++)
        {
            using var inner = TensorScope.Enter();
            Tensor[] blocks = [.. Enumerable.Range(1, 400).Select(i => Tensor.Full([i * 43], i))];
            for (int i = 0; i < blocks.Length; i++)
                (blocks[i].Min().Item(), blocks[i].Max().Item()).ShouldBe((i + 1, i + 1));
        }
    }

    [Fact]
    public void BuildFacts_NameLibtorchAndTheKernels()
    {
        NativeBuild build = EngineRuntime.Build;
        build.Torch.ShouldMatch(@"^\d+\.\d+");
        build.Features.ShouldContain("openmp");
        build.CpuLevel.ShouldBeOneOf("generic", "avx2", "avx512", "avx512_bf16");
        EngineRuntime.BuildInfo.ShouldContain(build.Torch);
    }

    [Fact]
    public void NullTensor_InAList_IsAnErrorAndNotACrash()
    {
        using var scope = TensorScope.Enter();
        Should.Throw<ObjectDisposedException>(() =>
        {
            Tensor gone;
            using (TensorScope.Enter())
                gone = Tensor.Ones([1]);
            return Tensor.Cat([Tensor.Ones([1]), gone], 0);
        });
    }

    [Fact]
    public void NumbersAndEmptyTensors_HaveTheirShapes()
    {
        using var scope = TensorScope.Enter();
        Tensor number = Tensor.Scalar(3);
        number.Dim.ShouldBe(0);
        number.Shape.ShouldBeEmpty();
        number.NumElements.ShouldBe(1);
        Tensor empty = Tensor.Empty([0, 5]);
        empty.NumElements.ShouldBe(0);
        empty.ToArray<float>().ShouldBeEmpty();
        F.RmsNorm(empty, null).Shape.ShouldBe([0, 5]);
        F.Silu(empty).Shape.ShouldBe([0, 5]);
    }

    [Fact]
    public void Synchronize_OnTheCpu_Returns() => Device.Cpu.Synchronize();

    [Fact]
    public void CudaCalls_WithoutCuda_SayWhy()
    {
        if (EngineRuntime.CudaIsAvailable)
        {
            Cuda.Memory(0).TotalBytes.ShouldBeGreaterThan(0);
            return;
        }
        Should.Throw<NativeException>(() => Cuda.Memory(0)).Message.ShouldContain("CUDA");
        Should.Throw<NativeException>(() => Device.Cuda().Synchronize()).Message.ShouldContain("CUDA");
    }
}
