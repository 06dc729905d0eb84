using Kinora.Engine;
using Kinora.Models.Diffusion;

namespace Kinora.Models.Tests.Diffusion;

public sealed class StepCacheTests
{
    // Three "blocks" that add a multiple of the stream; the last counts how often it runs.
    private int _ran;

    [Fact]
    public void Forward_WithoutDrift_ReusesWhatTheOtherBlocksAdded()
    {
        using var scope = TensorScope.Enter();
        using var cache = new StepCache(0.1);

        float[] first = Ask(cache, 1, whole: false), second = Ask(cache, 1.01, whole: false);

        first[0].ShouldBe(2 * 3 * 4, 1e-5);
        // Its own first block, and what the other two added before: 1.01 · 2 + (24 − 2).
        second[0].ShouldBe((1.01f * 2) + 22, 1e-4);
        (cache.Calls, cache.Skipped, _ran).ShouldBe((2, 1, 1));
    }

    [Fact]
    public void Forward_DriftSumsUpOverSteps_UntilItIsComputedAgain()
    {
        using var scope = TensorScope.Enter();
        using var cache = new StepCache(0.1);
        double x = 1;
        int[] ran = [.. Enumerable.Range(0, 6).Select(_ =>
        {
            Ask(cache, x, whole: false);
            x *= 1.04; // each step the first block's contribution changes by 4 %
            return _ran;
        })];

        // 4 % and 8 % are below 10 %, 12 % is not.
        ran.ShouldBe([1, 1, 1, 2, 2, 2]);
    }

    [Fact]
    public void Forward_LastStepAndOtherQuestions_AreComputed()
    {
        using var scope = TensorScope.Enter();
        using var cache = new StepCache(0.1);
        Ask(cache, 1, whole: false);
        Ask(cache, 1, whole: true)[0].ShouldBe(24, 1e-5);
        Ask(cache, 1, whole: false, kind: 1)[0].ShouldBe(24, 1e-5);
        (cache.Calls, cache.Skipped, _ran).ShouldBe((3, 0, 3));
    }

    [Fact]
    public void Dispose_FreesWhatWasRemembered()
    {
        long live = Tensor.LiveCount;
        using (TensorScope.Enter())
        {
            using var cache = new StepCache(0.1);
            Ask(cache, 1, whole: false);
            Ask(cache, 1.01, whole: false);
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    private float[] Ask(StepCache cache, double value, bool whole, int kind = 0) =>
        cache.For(kind, whole).Forward(Tensor.Full([1, 4, 2], value), (double[])[2, 3, 4], (x, factor) =>
        {
            _ran += factor == 4 ? 1 : 0;
            return x * factor;
        }).ToArray<float>();
}
