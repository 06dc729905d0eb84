using Kinora.Engine;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.World;

namespace Kinora.Evaluation.Tests;

public sealed class ProbeGateTests
{
    [Fact]
    public void Check_UntrainedProbe_IsRefusedByName()
    {
        var config = WorldProbeConfig.Create(16, 5, [8, 8, 8, 8, 8], [8, 8, 8, 8]);
        var probe = new WorldProbe(ParameterPath.Root(new InitializedParameters(1)), config);
        using var store = probe.Path.Store;
        var refusal = Should.Throw<ProbeGateException>(() => ProbeGate.Check(probe, ProbeGate.RealClips(config, 60, 0), Device.Cpu));
        refusal.Message.ShouldContain("noun");
        refusal.Message.ShouldContain("98 %");
        refusal.Message.ShouldContain("--retrain");
    }

    [Fact]
    public void RealClips_AreHeldOutAndFollowTheSeed()
    {
        var config = WorldProbeConfig.Create(16, 5, [8, 8, 8, 8, 8], [8, 8, 8, 8]);
        var clips = ProbeGate.RealClips(config, 30, 4);
        ProbeGate.RealClips(config, 30, 4).Rgb.ShouldBe(clips.Rgb);
        ProbeGate.RealClips(config, 30, 5).Rgb.ShouldNotBe(clips.Rgb);
        for (int i = 0; i < clips.Count; i++)
        {
            var l = clips.Labels.AsSpan(4 * i, 4);
            HeldOut.Contains(new Combination((Noun)l[0], (ActorColor)l[1], (Motion)l[2], (Setting)l[3])).ShouldBeTrue();
        }
    }
}
