using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.World;

namespace Kinora.Evaluation.Tests.Judging;

public sealed class TextClipJudgeTests
{
    private static string Folder { get; } = TextClipJudge.Find(AppContext.BaseDirectory) ?? throw new InvalidOperationException("the text–clip model that the repository ships was not found");

    // The card says 96.5 % and 100 % of all held-out combinations; among a hundred of them as many or more are found.
    [Fact]
    public void Retrieve_ShippedWeights_FindRealClipsOfUnseenCombinations()
    {
        using TextClipJudge judge = TextClipJudge.Load(Folder, Device.Cpu);
        var (toClip, toCaption) = judge.Retrieve(100);
        toClip.RecallAt(1).Share.ShouldBeGreaterThan(0.94);
        toClip.RecallAt(5).Share.ShouldBeGreaterThan(0.98);
        toCaption.RecallAt(1).Share.ShouldBeGreaterThan(0.95);
        judge.Choose(60).Count.Share.ShouldBeGreaterThan(0.95);
        judge.Name.ShouldStartWith("world CLIPSIM, kinora-world-clip ");
        Should.Throw<EvaluationException>(() => judge.Texts([string.Join(' ', Enumerable.Repeat("balloon", 100))])).Message.ShouldContain("more than 48 tokens");
    }

    [Fact]
    public void Sheet_RealClipsWithTheirPromptsAndWithOthers_TellsThemApart()
    {
        using var jury = new WorldJury(ShippedProbe.Folder, Folder, Device.Cpu);
        IReadOnlyList<PromptCase> cases = HeldOutPrompts.Take(60);
        LabeledClips clips = LabeledClips.Render([.. cases.Select(c => SceneSampler.Sample(c.Combination, 900 + (ulong)c.Number))], jury.Probe.Config.Size, jury.Probe.Config.Frames);
        WorldReading own = jury.Read(clips, null), others = jury.Read(clips, [.. cases.Select(c => cases[(c.Number + 7) % cases.Count].Prompt)]);
        var options = new DistributionOptions { Resamples = 0, AllowFew = true };
        var right = jury.Sheet(own, own, options);
        right[TextClipJudge.Similarity].Value.ShouldBeGreaterThan(right[TextClipJudge.Similarity].Details["prompts of other clips"] + 0.3);
        right[TextClipJudge.Similarity].Low!.Value.ShouldBeLessThan(right[TextClipJudge.Similarity].Value);
        right[TextClipJudge.Recall].Value.ShouldBeGreaterThan(0.7);
        right["world.frechet"].Value.ShouldBe(0, 1e-6);
        var wrong = jury.Sheet(others, own, options);
        wrong[TextClipJudge.Similarity].Value.ShouldBeLessThan(right[TextClipJudge.Similarity].Low!.Value);
        wrong[TextClipJudge.Recall].Value.ShouldBeLessThan(0.1);
    }
}
