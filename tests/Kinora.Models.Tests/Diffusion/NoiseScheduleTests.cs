using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Tests.Diffusion;

public sealed class NoiseScheduleTests
{
    // ᾱ in double precision from the papers' formulas, to the digits printed.
    [Theory]
    [InlineData("linear", 0.0001, 0.02, 0.9999, 0.524085, 0.0785872, 0.00335055, 4.03583e-5)]
    [InlineData("scaled_linear", 0.00085, 0.012, 0.99915, 0.675432, 0.27767, 0.0566235, 0.0046601)]
    [InlineData("linear", 0.00085, 0.012, 0.99915, 0.570866, 0.161812, 0.0227288, 0.00157896)]
    [InlineData("squaredcos_cap_v2", 0, 0, 0.999959, 0.847012, 0.493844, 0.144272, 2.42877e-9)]
    public void AlphasCumprod_PublishedSchedule_IsThePapers(string name, double start, double end, double at0, double at249, double at499, double at749, double at999)
    {
        NoiseSchedule schedule = NoiseSchedule.Create(name, start, end, 1000);

        foreach (var (t, expected) in new[] { (0, at0), (249, at249), (499, at499), (749, at749), (999, at999) })
        {
            schedule.AlphasCumprod[t].ShouldBe(expected, 2e-5 * expected);
        }
    }

    [Fact]
    public void AlphasCumprod_ZeroTerminalSnr_KeepsTheFirstAndEndsAtZero()
    {
        NoiseSchedule schedule = NoiseSchedule.Create("scaled_linear", 0.00085, 0.012, 1000, zeroTerminalSnr: true);

        schedule.AlphasCumprod[0].ShouldBe(0.99915, 1e-6);
        schedule.AlphasCumprod[499].ShouldBe(0.242359, 1e-5);
        schedule.AlphasCumprod[998].ShouldBe(1.96789e-7, 1e-9);
        schedule.AlphasCumprod[999].ShouldBe(0);
        schedule.WithFiniteTerminal().AlphasCumprod[999].ShouldBe(Math.Pow(2, -24));
    }

    [Fact]
    public void AlphasCumprod_CogVideoX2B_IsShiftedThenRescaled()
    {
        NoiseSchedule schedule = NoiseSchedule.CreateShifted("scaled_linear", 0.00085, 0.012, 1000, null, snrShift: 3, zeroTerminalSnr: true);

        schedule.AlphasCumprod[0].ShouldBe(0.997454, 1e-6);
        schedule.AlphasCumprod[249].ShouldBe(0.39089, 1e-5);
        schedule.AlphasCumprod[998].ShouldBe(6.23079e-8, 1e-12);
        schedule.AlphasCumprod[999].ShouldBe(0);
    }

    [Fact]
    public void Create_UnknownName_IsRefused() => Should.Throw<ConfigException>(() => NoiseSchedule.Create("quadratic", 0, 1, 10)).Message.ShouldContain("scaled_linear");

    [Fact]
    public void Timesteps_Trailing25AndLeading50_AreThePublishedOnes()
    {
        TimestepSpacings.Whole(TimestepSpacing.Trailing, 25, 1000, 0)[..3].ShouldBe([999, 959, 919]);
        TimestepSpacings.Whole(TimestepSpacing.Leading, 50, 1000, 1)[..3].ShouldBe([981, 961, 941]);
    }

    [Fact]
    public void Karras_StableVideoDiffusion_IsThePublishedGrid()
    {
        double[] grid = SigmaGrid.Karras(700, 0.002, 25);

        grid[0].ShouldBe(700, 1e-9);
        grid[1].ShouldBe(545.73, 0.01);
        grid[12].ShouldBe(15.59, 0.01);
        grid[24].ShouldBe(0.002, 1e-12);
    }

    [Fact]
    public void Beta_BetweenOneAndZero_IsSymmetricAndDenseAtTheEnds()
    {
        double[] grid = SigmaGrid.Beta(1, 0, 5);

        grid[0].ShouldBe(1);
        grid[2].ShouldBe(0.5, 1e-12);
        (grid[1] + grid[3]).ShouldBe(1, 1e-12);
        grid[4].ShouldBe(0);
        (grid[0] - grid[1]).ShouldBeLessThan(grid[1] - grid[2]);
    }
}
