using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Tests.Distributions;

public sealed class DistributionSuiteTests
{
    [Fact]
    public void Compare_EnoughClips_EveryScoreHasAPassportAndAllButOneAnInterval()
    {
        ScoreSheet sheet = DistributionSuite.Compare(Lcg.Matrix(1, 300, 6), Lcg.Matrix(2, 280, 6, 1.1), new DistributionOptions { Resamples = 20 });
        sheet.Refused.ShouldBeEmpty();
        sheet.Scores.Select(s => s.Metric).ShouldBe(["frechet", "frechet-infinity", "kernel", "mmd-quadratic", "precision", "recall", "density", "coverage", "wasserstein-1"]);
        sheet.Scores.ShouldAllBe(s => s.Passport.Count == 300 && s.Passport.ReferenceCount == 280 && s.Passport.SubjectSha256 != s.Passport.ReferenceSha256);
        foreach (Score s in sheet.Scores.Where(s => s.Low is not null))
            s.Value.ShouldBeInRange(s.Low!.Value, s.High!.Value);
        sheet.Scores.Count(s => s.Low is null).ShouldBe(1);
    }

    [Fact]
    public void Compare_TwoSubjectsOneReference_HavePassportsThatAgree()
    {
        FeatureMatrix real = Lcg.Matrix(1, 300, 6);
        var options = new DistributionOptions { Resamples = 3 };
        ScoreSheet a = DistributionSuite.Compare(Lcg.Matrix(2, 280, 6), real, options), b = DistributionSuite.Compare(Lcg.Matrix(3, 290, 6), real, options);
        foreach (Score s in a.Scores)
            s.Passport.Differences(b[s.Metric].Passport).ShouldBeEmpty();
        a["frechet-infinity"].Details["slope"].ShouldBeGreaterThan(0);
        DistributionSuite.Compare(Lcg.Matrix(2, 280, 6), Lcg.Matrix(4, 300, 6), options)["frechet"].Passport.Differences(a["frechet"].Passport).Single().ShouldStartWith("reference:");
    }

    [Fact]
    public void Compare_FewClips_RefusesWithTheCountAndAllowsOnRequest()
    {
        FeatureMatrix a = Lcg.Matrix(1, 20, 6), b = Lcg.Matrix(2, 20, 6);
        ScoreSheet refused = DistributionSuite.Compare(a, b, new DistributionOptions());
        refused.Scores.ShouldBeEmpty();
        refused.Refused[0].Reason.ShouldBe("needs at least 128 clips, got 20 (lcg1: 20, lcg2: 20). --few computes it all the same, with a warning");
        ScoreSheet allowed = DistributionSuite.Compare(a, b, new DistributionOptions { AllowFew = true, Resamples = 5 });
        allowed["frechet"].Warnings.ShouldContain(w => w.Contains("only 20 clips"));
    }

    [Fact]
    public void Compare_MoreFeaturesThanClips_WarnsOfTheSingularCovariance() =>
        DistributionSuite.Compare(Lcg.Matrix(1, 130, 200), Lcg.Matrix(2, 130, 200), new DistributionOptions { Resamples = 0 })["frechet"].Warnings.ShouldContain(w => w.Contains("singular"));

    [Fact]
    public void Compare_OtherDimension_IsRefused() =>
        Should.Throw<EvaluationException>(() => DistributionSuite.Compare(Lcg.Matrix(1, 200, 6), Lcg.Matrix(2, 200, 7), new DistributionOptions())).Message.ShouldContain("same network");

    [Fact]
    public void Log_TwoAppends_KeepEveryLine()
    {
        string folder = Directory.CreateTempSubdirectory("kinora-scores-").FullName;
        try
        {
            string path = Path.Combine(folder, "scores.jsonl");
            ScoreSheet sheet = DistributionSuite.Compare(Lcg.Matrix(1, 150, 6), Lcg.Matrix(2, 150, 6), new DistributionOptions { Resamples = 0 });
            ScoreLog.Append(path, "a", sheet.Scores, DateTimeOffset.UnixEpoch);
            ScoreLog.Append(path, "b", sheet.Scores, DateTimeOffset.UnixEpoch);
            var lines = ScoreLog.Read(path);
            lines.Count.ShouldBe(2 * sheet.Scores.Count);
            lines[0].Score.Value.ShouldBe(sheet.Scores[0].Value);
            lines[0].Score.Passport.Differences(sheet.Scores[0].Passport).ShouldBeEmpty();
            File.AppendAllText(path, "{\"schema\":\"kin");
            Should.Throw<EvaluationException>(() => ScoreLog.Read(path)).Message.ShouldContain($"line {lines.Count + 1}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
