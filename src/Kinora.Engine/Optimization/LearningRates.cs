// Learning-rate curves of published recipes, as functions of the step alone, in double on the host.
// Forms: huggingface/diffusers d035dcd7, optimization.py (warm-up from 0); pytorch v1.13, optim/lr_scheduler.py;
//        Loshchilov & Hutter, arXiv:1608.03983 (warm restarts); Smith & Topin, arXiv:1708.07120 (one cycle).

namespace Kinora.Engine.Optimization;

/// <summary>The rate of optimizer step k, counted from 0. What has a warm-up rises linearly from 0 over its first steps.</summary>
public static class LearningRates
{
    private const double OneCycleStart = 25, OneCycleEnd = 1e4;

    /// <summary>Flat after the warm-up.</summary>
    public static double Constant(double peak, long step, long warmup = 0) => step < warmup ? peak * step / Math.Max(1, warmup) : peak;

    /// <summary>Straight down to 0 at the last step.</summary>
    public static double Linear(double peak, long step, long warmup, long total) =>
        step < warmup ? Constant(peak, step, warmup) : peak * Math.Max(0, (double)(total - step) / Math.Max(1, total - warmup));

    /// <summary>Half a cosine down to 0 at the last step; it rises again beyond.</summary>
    public static double Cosine(double peak, long step, long warmup, long total) =>
        step < warmup ? Constant(peak, step, warmup) : peak * Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * Progress(step, warmup, total))));

    /// <summary>Several half cosines, each from the peak; 0 beyond the last step.</summary>
    public static double CosineWithRestarts(double peak, long step, long warmup, long total, int cycles)
    {
        double progress = Progress(step, warmup, total);
        return step < warmup ? Constant(peak, step, warmup) : progress >= 1 ? 0 : peak * Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
    }

    /// <summary>A power of the remaining share, from the peak to <paramref name="end"/>.</summary>
    public static double Polynomial(double peak, long step, long warmup, long total, double power, double end) =>
        step < warmup ? Constant(peak, step, warmup) : step > total ? end : (peak - end) * Math.Pow(1 - Progress(step, warmup, total), power) + end;

    /// <summary>Multiplied by <paramref name="factor"/> every so many steps.</summary>
    public static double Step(double peak, long step, long every, double factor) => peak * Math.Pow(factor, step / every);

    /// <summary>Multiplied by <paramref name="factor"/> at every step.</summary>
    public static double Exponential(double peak, long step, double factor) => peak * Math.Pow(factor, step);

    /// <summary>A cosine between the peak and <paramref name="floor"/> whose half period is given.</summary>
    public static double CosineAnnealing(double peak, long step, long halfPeriod, double floor) => floor + (peak - floor) * 0.5 * (1 + Math.Cos(Math.PI * step / halfPeriod));

    /// <summary>Half cosines from the peak to 0 whose lengths grow by a factor.</summary>
    public static double WarmRestarts(double peak, long step, long first, long growth)
    {
        long length = first;
        while (step >= length)
        {
            step -= length;
            length *= growth;
        }
        return CosineAnnealing(peak, step, length, 0);
    }

    /// <summary>From peak/25 up to the peak over the first share of the steps, then down to peak/250000, both along half cosines.</summary>
    public static double OneCycle(double peak, long step, long total, double risingShare = 0.3)
    {
        double top = risingShare * total - 1, start = peak / OneCycleStart, end = start / OneCycleEnd;
        return step <= top ? Half(start, peak, step / top) : Half(peak, end, (step - top) / (total - 1 - top));

        static double Half(double from, double to, double share) => to + (from - to) / 2 * (1 + Math.Cos(Math.PI * share));
    }

    private static double Progress(long step, long warmup, long total) => (double)(step - warmup) / Math.Max(1, total - warmup);
}
