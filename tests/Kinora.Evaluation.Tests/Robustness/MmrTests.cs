using Kinora.Evaluation.Robustness;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Tests.Robustness;

public sealed class MmrTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-mmr-").FullName;

    // 10 pairs: 6 both right, 2 misled, 1 only the misleading question right, 1 both wrong.
    [Fact]
    public void Scores_PublishedExample_GivesBothRates()
    {
        MmrBenchmark benchmark = Benchmark(10);
        MmrScores scores = Score(benchmark, i => i < 8, i => i < 6 || i == 8);
        scores.All.RobustnessAccuracy.Share.ShouldBe(0.6);
        scores.All.MisleadingRate!.Value.Share.ShouldBe(0.25);
        (scores.All.BothRight, scores.All.Misled, scores.All.OnlyNegative, scores.All.BothWrong).ShouldBe((6, 2, 1, 1));
        scores.All.RobustnessAccuracy.Low.ShouldBeInRange(0.31, 0.32);
        scores.Categories.Select(c => c.Category).ShouldBe(["attribute/number"]);
    }

    [Fact]
    public void Audit_EveryKindOfDefect_IsFoundWithItsRow()
    {
        MmrRow[] rows =
        [
            Row(1, "a/b/01", true, "A"), Row(2, "a/b/01", true, "B"),
            Row(3, "a/b/02", true, "A"), Row(4, "a/b/03", false, "B"),
            Row(5, "a/b/04", true, "A") with { Question = "Which?\nA. one\nB. two\nB. three\nD. four" }, Row(6, "a/b/04", false, "F"),
            Row(7, "a/b/05", false, "A"), Row(8, "a/b/05", true, "C"),
        ];
        MmrBenchmark benchmark = MmrBenchmark.Of("b.json", rows);
        benchmark.Defects.Select(d => (d.Row, d.Kind)).ShouldBe([(2, "types"), (4, "pair"), (5, "options"), (6, "truth")]);
        benchmark.SoundPairs.Select(p => p.Positive.Number).ShouldBe([8]);
    }

    // What stands in MMR-benchmark.json of BAAI-DCAI/Multimodal-Robustness-Benchmark at 22276d8, read through by eye: 600 rows, one pair of two
    // POS rows (attribute/number/04), 13 rows whose options stand in another order than A to D (such as attribute/color&texture/24 and both
    // rows of attribute/existence/24), 3 rows with all options in one line (context/abstract/22, context/activity/13, context/concrete/20),
    // a row with two equal options (character/character/39) and a pair that asks the same twice (context/relation/20). Wordings here are ours.
    [Fact]
    public void Audit_DefectsOfThePublishedFile_AreFoundAndOnlyHarmfulOnesLeavePairsOut()
    {
        MmrRow Asks(int number, string id, bool positive, string question) => new(number, id, "1.jpg", question, "D", positive);
        MmrRow[] rows =
        [
            Asks(1, "attribute/color/24", true, "Is this wool?\nA. a cloud.\nD. wool.\nC. snow.\nB. a flower."), Asks(2, "attribute/color/24", false, "When did it snow?\nA.flowers\n B. yesterday\nC.a cloud\nD. it is wool.\n"),
            Asks(3, "context/abstract/22", true, "Is it a flag? A.  flags. B. No. C.  fish. D.  dried fish.\n"), Asks(4, "context/abstract/22", false, "Is it dried fish?\nA. yes\nB. no fish\nC. fresh\nD. it is a flag"),
            Asks(5, "context/concrete/20", true, "Which play is it? A. one B two C three. D. none.\n"), Asks(6, "context/concrete/20", false, "Where is it from?\n A. here \nB. there\nC. no\nD. yes"),
            Asks(7, "character/character/39", true, "Which number?\nA. 1\nB. 22\nC. 22\nD. 3"), Asks(8, "character/character/39", false, "Is it 22?\nA. 1\nB. 2\nC. 4\nD. 3"),
            Asks(9, "context/relation/20", true, "A dog there?\nA. no\nB. a cat\nC. a sheep\nD. a dog"), Asks(10, "context/relation/20", false, "A dog there?\nA. a cat\nB. no\nC. a sheep\nD. a dog"),
            Asks(11, "attribute/number/04", true, "How many?\nA. 1\nB. 2\nC. 3\nD. 4"), Asks(12, "attribute/number/04", true, "All five?\nA. 1\nB. 2\nC. 3\nD. 4"),
        ];
        MmrBenchmark benchmark = MmrBenchmark.Of("b.json", rows);
        benchmark.Defects.Select(d => (d.Row, d.Kind)).ShouldBe([(1, "order"), (3, "options"), (5, "options"), (7, "duplicate"), (10, "question"), (12, "types")]);
        benchmark.Defects[0].What.ShouldContain("A, D, C, B");
        rows[0].Options.ShouldBe(["a cloud.", "a flower.", "snow.", "wool."]);
        benchmark.SoundPairs.Select(p => p.First.Id).ShouldBe(["attribute/color/24"]);
    }

    [Theory]
    [InlineData("B. It is red.", "B", "B")]
    [InlineData("(C) red", "C", "E")]
    [InlineData("The answer is D.", "D", "D")]
    [InlineData("A dog and a B", "E", "A")]
    [InlineData("B, because A is wrong", "B", "A")]
    [InlineData("I see nothing", "E", "E")]
    [InlineData("", "E", "E")]
    public void Letter_Answers_AreReadByBothRules(string answer, string strict, string published)
    {
        MmrAnswers.Letter(answer, AnswerParsing.Strict).ShouldBe(strict);
        MmrAnswers.Letter(answer, AnswerParsing.Published).ShouldBe(published);
    }

    [Fact]
    public void Scores_TwoNeutralQuestionsInAPair_CountOneRightAsMisled()
    {
        MmrBenchmark benchmark = MmrBenchmark.Of("b.json", [Row(1, "a/b/01", true, "A"), Row(2, "a/b/01", true, "B")]);
        MmrAnswers answers = MmrAnswers.Baseline(benchmark, "always A", _ => "A.");
        MmrScores.Of(answers, benchmark, benchmark.Pairs, AnswerParsing.Strict).All.Misled.ShouldBe(1);
    }

    [Fact]
    public void Read_MissingAndSurplusAnswers_AreRefusedByName()
    {
        MmrBenchmark benchmark = Benchmark(2);
        string path = Path.Combine(_folder, "answers.jsonl");
        File.WriteAllText(path, """{"id":"attribute/number/00","question_type":"POS","answer":"A."}""" + "\n");
        Should.Throw<EvaluationException>(() => MmrAnswers.Read(path).Match(benchmark, AnswerParsing.Strict)).Message.ShouldContain("3 of 4 questions");
        File.WriteAllLines(path, benchmark.Rows.Append(benchmark.Rows[0]).Select(r => $$"""{"id":"{{r.Id}}","question_type":"{{(r.Positive ? "POS" : "NEG")}}","answer":"A."}"""));
        Should.Throw<EvaluationException>(() => MmrAnswers.Read(path).Match(benchmark, AnswerParsing.Strict)).Message.ShouldContain("given twice");
    }

    // Oracle: 2·(C(8,6) + C(8,7) + C(8,8)) / 2⁸.
    [Fact]
    public void SignTest_SixOfEight_IsTheBinomialTail()
    {
        ExactBinomial.SignTest(6, 8).ShouldBe(0.2890625, 1e-12);
        ExactBinomial.SignTest(0, 0).ShouldBe(1);
        McNemarTest.Of([true, true, false, true], [false, true, true, true]).ShouldBe(new McNemarTest(1, 1, 1));
    }

    [Fact]
    public void World_WrittenBenchmark_IsSoundAndItsTruthIsBalanced()
    {
        MmrBenchmark written = WorldMmr.Write(_folder, 40, seed: 5, size: 32, frames: 3, fps: 8);
        MmrBenchmark read = MmrBenchmark.Read(Path.Combine(_folder, WorldMmr.BenchmarkFile));
        read.Rows.ShouldBe(written.Rows);
        read.Defects.ShouldBeEmpty();
        read.Pairs.Select(p => p.Category).Distinct().Order().ShouldBe(["attribute/color", "attribute/motion", "attribute/number", "context/relation", "context/setting"]);
        read.Rows.Select(r => r.Media).Distinct().ShouldAllBe(m => File.Exists(Path.Combine(_folder, m)));
        MmrReport report = MmrReport.Of(read, [], AnswerParsing.Strict, keepMalformed: false);
        report.Answerers.Select(a => a.Name).ShouldBe(["always A", "longest option"]);
        report.Answerers[0].All.RobustnessAccuracy.Share.ShouldBeLessThan(0.2);
        MmrAnswers oracle = MmrAnswers.Baseline(read, "oracle", r => r.Truth + ".");
        MmrReport.Of(read, [oracle], AnswerParsing.Strict, keepMalformed: false).Answerers[0].All.RobustnessAccuracy.Share.ShouldBe(1);
    }

    [Fact]
    public void World_ProbesAnswers_AreRobustWhereTheyCanSee()
    {
        MmrBenchmark written = WorldMmr.Write(_folder, 16, seed: 9, size: 128, frames: 17, fps: 8);
        var letters = WorldMmrAnswers.Answer(written, ShippedProbe.Folder, Kinora.Engine.Device.Cpu, gateClips: 50);
        letters.Count.ShouldBe(written.Rows.Count);
        MmrAnswerer probes = MmrReport.Of(written, [MmrAnswers.Baseline(written, "probes", r => letters[r.Number])], AnswerParsing.Strict, keepMalformed: false).Answerers[0];
        foreach (string category in new[] { "attribute/number", "attribute/color", "context/relation" })
            probes.Categories.Single(c => c.Category == category).RobustnessAccuracy.Share.ShouldBeGreaterThan(0.8, category);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static MmrRow Row(int number, string id, bool positive, string truth) => new(number, id, "1.jpg", $"{(number % 2 == 1 ? "Which one?" : "Why is it none?")}\nA. one\nB.two\nC. three\nD. four", truth, positive);

    private static MmrBenchmark Benchmark(int pairs) =>
        MmrBenchmark.Of("b.json", [.. Enumerable.Range(0, pairs).SelectMany(i => new[] { Row(2 * i + 1, $"attribute/number/{i:D2}", true, "A"), Row(2 * i + 2, $"attribute/number/{i:D2}", false, "B") })]);

    private static MmrScores Score(MmrBenchmark benchmark, Func<int, bool> positive, Func<int, bool> negative)
    {
        MmrAnswers answers = MmrAnswers.Baseline(benchmark, "model", r => (r.Positive ? positive((r.Number - 1) / 2) : negative((r.Number - 1) / 2)) ? r.Truth + "." : "D.");
        return MmrScores.Of(answers, benchmark, benchmark.Pairs, AnswerParsing.Strict);
    }
}
