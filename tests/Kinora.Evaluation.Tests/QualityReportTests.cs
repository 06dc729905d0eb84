using System.Text.Json;
using Kinora.Engine;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Scores;

namespace Kinora.Evaluation.Tests;

public sealed class QualityReportTests
{
    private const int Count = 60, Attributes = 4;

    private static readonly QualityPassport Passport = new()
    {
        Model = "tiny <model>", ModelSha256 = new string('a', 64), ProbeSha256 = new string('b', 64), WorldSha256 = new string('c', 64), PromptsSha256 = new string('d', 64), Prompts = Count, Seed = "18446744073709551615",
        Sampler = "euler", Steps = 4, Guidance = 3.5, GuidanceRescale = 0, Width = 64, Height = 64, Frames = 17, FrameRate = 8, Device = "cpu", Precision = "bf16", Kinora = "0.1.0",
    };

    private static readonly ScoreSheet World = new(
        [new Score(TextClipJudge.Similarity, 0.7, 0.68, 0.72, "normal over clips", new ScorePassport { Protocol = "world-clipsim/1", Features = "world CLIPSIM, kinora-world-clip 0123456789ab", Count = Count }) { Details = new(StringComparer.Ordinal) { ["real clips"] = 0.75 } }],
        [new RefusedScore("world.frechet", "60 clips are too few")]);

    [Fact]
    public void Scores_OfNetworksOfTheWorld_CarryTheirOwnNames()
    {
        QualityReport report = QualityReport.FromJson(Report().ToJson());
        report.World[TextClipJudge.Similarity].Low.ShouldBe(0.68);
        ScoreTable.Plain(report.World).ShouldContain("world CLIPSIM, kinora-world-clip 0123456789ab");
        ScoreTable.Plain(report.World).ShouldContain("world.frechet: refused: 60 clips");
        ScoreCard.Describe(report).ShouldContain("| world CLIPSIM, kinora-world-clip 0123456789ab | 0.7 | 0.68 – 0.72 | real clips 0.75 |");
        QualityPage.Write(report, _ => ("image/gif", [])).ShouldContain("world CLIPSIM, kinora-world-clip");
    }

    // Clip 7 has all four attributes wrong, clip 3 the noun only.
    private static QualityReport Report()
    {
        var cases = HeldOutPrompts.Take(Count);
        int[] labels = [.. cases.SelectMany(c => ProbeAttribute.Labels(c.Combination))], answers = [.. labels];
        for (int a = 0; a < Attributes; a++)
            answers[7 * Attributes + a] = (labels[7 * Attributes + a] + 1) % ProbeAttribute.All[a].Classes.Count;
        answers[3 * Attributes] = (labels[3 * Attributes] + 2) % ProbeAttribute.All[0].Classes.Count;
        return QualityBench.Judge(Passport, cases, 100, labels, answers, [ScoreRow.Of("real", labels, labels)], World);
    }

    [Fact]
    public void Judge_WrongAnswers_AreCountedByAttribute()
    {
        var generated = Report().Generated;
        generated["noun"].Right.ShouldBe(Count - 2);
        generated["color"].Right.ShouldBe(Count - 1);
        generated[ScoreRow.All].Right.ShouldBe(Count - 2);
        generated["noun"].Share.ShouldBe(58.0 / 60, 1e-12);
        generated["noun"].Low.ShouldBeLessThan(generated["noun"].Share);
    }

    [Fact]
    public void Judge_Confusions_SumToTheClips()
    {
        var report = Report();
        foreach (var confusion in report.Confusions)
            confusion.Counts.Sum(row => row.Sum()).ShouldBe(Count);
        report.Confusions[1].Counts.Select((row, i) => row[i]).Sum().ShouldBe(Count - 1);
    }

    [Fact]
    public void Judge_FewerThanFifty_IsRefused()
    {
        var cases = HeldOutPrompts.Take(49);
        int[] labels = [.. cases.SelectMany(c => ProbeAttribute.Labels(c.Combination))];
        Should.Throw<ConfigException>(() => QualityBench.Judge(Passport, cases, 0, labels, labels, [], World)).Message.ShouldContain("50");
    }

    [Theory]
    [InlineData(49)]
    [InlineData(100_000)]
    public void Validate_NumberOfPrompts_HasBounds(int prompts) =>
        Should.Throw<ConfigException>(() => new QualityOptions { Prompts = prompts }.Validate()).Message.ShouldContain("--prompts");

    [Fact]
    public void Json_Report_ComesBackAndIsStrict()
    {
        var report = Report();
        string json = report.ToJson();
        QualityReport.FromJson(json).ToJson().ShouldBe(json);
        Should.Throw<JsonException>(() => QualityReport.FromJson(json.Replace("\"probe_gate\"", "\"probe_gates\"", StringComparison.Ordinal)));
        Should.Throw<JsonException>(() => QualityReport.FromJson(json.Replace("kinora-quality/3", "kinora-quality/9", StringComparison.Ordinal)));
        using var document = JsonDocument.Parse(json);
        document.RootElement.GetProperty("passport").GetProperty("model_sha256").GetString().ShouldBe(Passport.ModelSha256);
        document.RootElement.GetProperty("clips")[3].GetProperty("seed").GetString().ShouldBe("103");
    }

    [Fact]
    public void Page_Report_IsSelfContainedAndWorstFirst()
    {
        var report = Report();
        string page = QualityPage.Write(report, v => ("video/mp4", [(byte)v.Number]));
        page.ShouldContain("tiny &lt;model&gt;");
        page.ShouldNotContain("tiny <model>");
        page.ShouldNotContain("http");
        page.Split("<figure").Length.ShouldBe(Count + 1);
        string[] order = [.. page.Split("<figure").Skip(1).Take(3).Select(f => f[(f.IndexOf("<span class=\"note\">#", StringComparison.Ordinal) + 20)..].Split(',')[0])];
        order.ShouldBe(["7", "3", "0"]);
        page.ShouldContain($"data:video/mp4;base64,{Convert.ToBase64String([(byte)7])}");
        page.ShouldContain("prefers-color-scheme:dark");
        page.ShouldContain("noun wrong (2)");
    }

    [Fact]
    public void Card_WithMarkers_ReplacesOnlyTheScores()
    {
        string card = $"# m\n\n## Scores\n\n{ScoreCard.Begin}\nold\n{ScoreCard.End}\n\n## License\n\nfree\n";
        string updated = ScoreCard.Update(card, "new\n");
        updated.ShouldBe($"# m\n\n## Scores\n\n{ScoreCard.Begin}\nnew\n{ScoreCard.End}\n\n## License\n\nfree\n");
        ScoreCard.Update(updated, "new").ShouldBe(updated);
    }

    [Fact]
    public void Card_WithSectionOnly_ReplacesItsText() =>
        ScoreCard.Update("# m\n\n## Scores\n\nNot measured yet.\n\n## License\n\nfree\n", "new").ShouldBe($"# m\n\n## Scores\n\n{ScoreCard.Begin}\nnew\n{ScoreCard.End}\n\n## License\n\nfree\n");

    [Fact]
    public void Card_WithoutSection_GetsOneAtTheEnd() => ScoreCard.Update("# m\n\nText.\n", "new").ShouldBe($"# m\n\nText.\n\n## Scores\n\n{ScoreCard.Begin}\nnew\n{ScoreCard.End}\n");

    [Fact]
    public void Describe_Report_SaysNumbersIntervalsAndHashes()
    {
        string text = ScoreCard.Describe(Report());
        text.ShouldContain("| generated clips | 60 | 96.7 % (88.6–99.1) |");
        text.ShouldContain("| guessing |");
        text.ShouldContain("`aaaaaaaaaaaa`");
        ScoreTable.Plain(Report().Rows).ShouldContain("96.7 % (88.6–99.1)");
    }
}
