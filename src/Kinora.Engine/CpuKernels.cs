using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>Instruction sets for which Kinora's CPU kernels are compiled, slowest first.</summary>
public enum CpuLevel
{
    /// <summary>What every x86-64 processor has, or any other architecture.</summary>
    Generic = 0,
    Avx2 = 1,
    Avx512 = 2,

    /// <summary>AVX-512 with dot products of bf16 pairs.</summary>
    Avx512Bf16 = 3,
}

/// <summary>Which instruction set the CPU kernels use. KINORA_CPU_LEVEL (generic, avx2, avx512, avx512_bf16) sets it at start.</summary>
public static class CpuKernels
{
    /// <summary>The best that this processor has.</summary>
    public static CpuLevel Best => Ask(-2);

    /// <summary>The level in force. Setting it serves tests and comparisons; no operator may be running.</summary>
    /// <exception cref="NativeException">This processor lacks the level.</exception>
    public static CpuLevel Level
    {
        get => Ask(-1);
        set => Ask((int)value);
    }

    private static CpuLevel Ask(int force)
    {
        EngineRuntime.EnsureStarted();
        int level = NativeMethods.kn_cpu_level(force);
        NativeLoader.Check(level);
        return (CpuLevel)level;
    }
}
