// The engine's cases: what an operator costs, attention, a transformer block, the reference training step, and the world's renderer.

using Kinora.Engine;
using Kinora.Engine.Optimization;
using Kinora.World;

namespace Kinora.Evaluation.Speed;

/// <summary>Cases that need no model.</summary>
public static class OpsCases
{
    private const int Adds = 1000, Batch = 16, Tokens = 256, Dim = 256, Heads = 4, Layers = 6;
    private const int RenderedClips = 8, ClipFrames = 17, ClipSide = 64;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SpeedCase> All { get; } =
    [
        new("operator call: add of 4 floats", SpeedUnit.MicrosecondsPerItem, AddFour) { Items = Adds, Item = "op", Goal = 1 },
        .. Types().SelectMany(t => new[]
        {
            Attention($"attention forward 12×1024×64 {t.ShortName()}", t, 12, 1024, 64, backward: false),
            Attention($"attention forward+backward 12×1024×64 {t.ShortName()}", t, 12, 1024, 64, backward: true),
        }),
        .. Types().SelectMany(t => new[]
        {
            Stack($"DiT block forward {t.ShortName()}", t, 1, backward: false, optimizer: false),
            Stack($"DiT block forward+backward {t.ShortName()}", t, 1, backward: true, optimizer: false),
        }),
        Stack("DiT training step, 6 layers fp32", DType.Float32, Layers, backward: true, optimizer: true) with { Goal = 420 },
        Stack("DiT training step, 6 layers bf16", DType.BFloat16, Layers, backward: true, optimizer: true) with { Goal = 230 },
        new("world rendering 64×64", SpeedUnit.ItemsPerSecond, RenderWorld) { Items = RenderedClips * ClipFrames, Item = "frame", Goal = 1000 },
    ];

    private static DType[] Types() => [DType.Float32, DType.BFloat16];

    private static SpeedSubject AddFour(Device device)
    {
        Tensor a = Tensor.Ones([4], device: device).Own(), b = Tensor.Ones([4], device: device).Own();
        return new SpeedSubject(() =>
        {
            using var noGrad = GradMode.NoGrad();
            for (int i = 0; i < Adds; i++)
                _ = a + b;
            return a;
        }, () => Free(a, b));
    }

    private static SpeedCase Attention(string name, DType dtype, long heads, long tokens, long width, bool backward) => new(name, SpeedUnit.Milliseconds, device =>
    {
        using var scope = TensorScope.Enter();
        Tensor[] qkv = [.. Enumerable.Range(0, 3).Select(_ => Tensor.Randn([1, heads, tokens, width]).To(dtype).To(device).Own())];
        if (backward)
        {
            foreach (Tensor t in qkv)
                t.RequiresGradInPlace();
        }
        return new SpeedSubject(() =>
        {
            Tensor o = F.ScaledDotProductAttention(qkv[0], qkv[1], qkv[2]);
            if (!backward)
                return o;
            o.Sum().Backward();
            Tensor? grad = qkv[0].Grad?.Alias();
            foreach (Tensor t in qkv)
                t.Grad = null;
            return grad;
        }, () => Free(qkv));
    })
    { Flops = 4.0 * heads * tokens * tokens * width * (backward ? 3.5 : 1), Precision = dtype };

    private static SpeedCase Stack(string name, DType dtype, int layers, bool backward, bool optimizer) => new(name, SpeedUnit.Milliseconds, device =>
    {
        using var scope = TensorScope.Enter();
        var root = ParameterPath.Root(new InitializedParameters(1), DType.Float32, device);
        var stack = new DiTStack(root, layers, Dim, Heads);
        Tensor x = Tensor.Randn([Batch, Tokens, Dim]).To(device).Own(), c = Tensor.Randn([Batch, Dim]).To(device).Own(), target = Tensor.Randn([Batch, Tokens, Dim]).To(device).Own();
        var adam = new AdamW(stack.Parameters(), new AdamWOptions());
        return new SpeedSubject(() =>
        {
            if (!backward)
            {
                using var noGrad = GradMode.NoGrad();
                using var half = Autocast.Enter(dtype);
                return stack.Forward(x, c);
            }
            Tensor loss;
            using (Autocast.Enter(dtype))
                loss = F.MseLoss(stack.Forward(x, c).To(DType.Float32), target);
            loss.Backward();
            if (optimizer)
                adam.Step(1e-4);
            adam.ZeroGrad();
            return loss;
        }, () =>
        {
            adam.Dispose();
            root.Store.Dispose();
            Free(x, c, target);
        });
    })
    { Flops = (double)DiTStack.Flops(layers, Batch, Tokens, Dim) * (backward ? 3 : 1), Precision = dtype };

    private static SpeedSubject RenderWorld(Device device)
    {
        Scene[] scenes = [.. Enumerable.Range(0, RenderedClips).Select(i => SceneSampler.Sample((ulong)i))];
        var rgb = new byte[RenderedClips][];
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = new byte[ClipFrames * ClipSide * ClipSide * 3];
        return new SpeedSubject(() =>
        {
            Parallel.For(0, RenderedClips, i => Renderer.Render(scenes[i], ClipSide, ClipSide, ClipFrames, rgb[i]));
            return null;
        });
    }

    private static void Free(params Tensor[] tensors)
    {
        foreach (Tensor t in tensors)
            t.Dispose();
    }
}
