// A study from folders of clips to counted answers, and over HTTP.

using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Kinora.Evaluation.Studies;
using Kinora.Media;

namespace Kinora.Evaluation.Tests.Studies;

public sealed class StudyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-study-").FullName;

    private string Study => Path.Combine(_folder, "study");

    [Fact]
    public void Build_TwoFolders_IsBlindAndSidesAreRandom()
    {
        StudyManifest manifest = Build(clips: 12);
        var (read, key) = StudyFiles.Read(Study);
        read.Signature.ShouldBe(manifest.Signature);
        manifest.Items.Count.ShouldBe(12 + 3);
        key.Items.Count(k => k.Trap is null && k.Left == "a").ShouldBeInRange(2, 10);
        string page = File.ReadAllText(Path.Combine(Study, StudyFiles.PageFile));
        page.ShouldNotContain("key.json");
        foreach (StudyKeyEntry k in key.Items.Where(k => k.Trap is null))
            page.ShouldNotContain($"{k.Left}/0");
        // Traps stand anywhere, under numbers like any other.
        key.Items.Select(k => k.Item).ShouldBe(Enumerable.Range(1, 15).Select(i => $"item{i:D4}"));
        key.Items.Select((k, i) => (k.Trap, i)).Where(t => t.Trap is not null).Select(t => t.i).ShouldNotBe([12, 13, 14]);
        page.ShouldNotContain("http://");
        page.ShouldNotContain("https://");
        Should.Throw<EvaluationException>(() => Build(12)).Message.ShouldContain("holds a study already");
    }

    [Fact]
    public void Aggregate_FiveRaters_FindsTheBetterSystemTheReasonsAndTheCareless()
    {
        Build(clips: 8);
        var (manifest, key) = StudyFiles.Read(Study);
        string[] files = [.. Enumerable.Range(0, 5).Select(r => Save($"rater{r}", manifest, [.. key.Items.Select(k => Judge(k, winner: r == 4 ? "b" : "a"))]))];
        string careless = Save("careless", manifest, [.. key.Items.Select(k => Judge(k, "b")).Select(a => a with { Quality = a.Quality == "left" ? "right" : "left" })]);
        string hasty = Save("hasty", manifest, [.. key.Items.Select(k => Judge(k, "b") with { Milliseconds = k.Trap is null ? 200 : 4000 })]);
        StudyResult result = StudyAggregation.Run(Study, [.. files, careless, hasty], new Dictionary<string, IReadOnlyDictionary<string, double>> { ["fvd"] = new Dictionary<string, double> { ["a"] = 100, ["b"] = 200 } });

        StudyQuestion quality = result.Questions[0];
        StudyPairing pairing = quality.Pairings.Single();
        pairing.ShouldBe(new StudyPairing("a", "b", 8, 0, 0, 1, pairing.Decided, pairing.P));
        pairing.P.ShouldBe(2 / 256.0, 1e-12);
        quality.AgreementHistogram["4/5"].ShouldBe(8);
        quality.Strengths[0].System.ShouldBe("a");
        quality.Strengths[0].Low.ShouldBeLessThanOrEqualTo(quality.Strengths[0].Strength);
        quality.Reasons[0].Reason.ShouldBe("motion smoothness");
        result.Raters.Single(r => r.Rater == "careless").Excluded.ShouldNotBeNull();
        result.Raters.Single(r => r.Rater == "hasty").ShouldSatisfyAllConditions(r => r.Used.ShouldBe(0), r => r.TooFast.ShouldBe(8));
        result.Raters.Single(r => r.Rater == "rater0").AgreementWithOthers.ShouldBe(1);
        result.Correlations.Single().Spearman.ShouldBe(-1, 1e-12);
    }

    [Fact]
    public void Aggregate_EditedAndDoubledFiles_AreRefusedByName()
    {
        Build(clips: 4);
        var (manifest, key) = StudyFiles.Read(Study);
        string first = Save("ann", manifest, [.. key.Items.Select(k => Judge(k, "a"))]);
        string second = Path.Combine(_folder, "copy.json");
        File.Copy(first, second);
        Should.Throw<EvaluationException>(() => StudyAggregation.Run(Study, [first, second])).Message.ShouldContain("both by the rater 'ann'");
        File.WriteAllText(second, File.ReadAllText(second).Replace("\"ann\"", "\"bob\""));
        Should.Throw<EvaluationException>(() => StudyAggregation.Run(Study, [first, second])).Message.ShouldContain("checksum");
        string keyFile = Path.Combine(Study, StudyFiles.KeyFile), original = File.ReadAllText(keyFile);
        File.WriteAllText(keyFile, original.Replace("\"left\": \"a\"", "\"left\": \"b\""));
        Should.Throw<EvaluationException>(() => StudyAggregation.Run(Study, [first])).Message.ShouldContain("key.json was edited");
        File.WriteAllText(keyFile, original);
        string manifestFile = Path.Combine(Study, StudyFiles.ManifestFile);
        File.WriteAllText(manifestFile, File.ReadAllText(manifestFile).Replace("prompt 1", "another prompt"));
        Should.Throw<EvaluationException>(() => StudyAggregation.Run(Study, [first])).Message.ShouldContain("edited after it was built");
    }

    [Fact]
    public async Task Serve_AnswersOfTwoRaters_AreOnDiskWhenAcknowledged()
    {
        Build(clips: 4);
        var (manifest, key) = StudyFiles.Read(Study);
        using var stop = new CancellationTokenSource();
        using var server = new StudyServer(Study, "localhost", FreePort());
        Task running = server.RunAsync(null, stop.Token);
        using var client = new HttpClient { BaseAddress = new Uri(server.Url) };
        (await client.GetStringAsync(new Uri("", UriKind.Relative))).ShouldContain(manifest.Signature);
        (await client.GetByteArrayAsync(new Uri(manifest.Items[0].Left, UriKind.Relative))).ShouldBe(File.ReadAllBytes(Path.Combine(Study, manifest.Items[0].Left)));
        using (HttpResponseMessage hidden = await client.GetAsync(new Uri("key.json", UriKind.Relative)))
            hidden.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        foreach (StudyKeyEntry k in key.Items)
        {
            foreach (string rater in new[] { "ann", "bob" })
                (await Post(client, Answers(rater, manifest, [Judge(k, "a")]))).ShouldBe(HttpStatusCode.OK);
        }
        (await Post(client, Answers("ann", manifest, [Judge(key.Items[0], "a")]) with { Checksum = "0" })).ShouldBe(HttpStatusCode.BadRequest);
        await stop.CancelAsync();
        await running;
        StudyResult result = StudyAggregation.Run(Study, []);
        result.Raters.Select(r => (r.Rater, r.Used)).ShouldBe([("ann", 4), ("bob", 4)]);
    }

    [Fact]
    public async Task Serve_AfterTheMachineStoppedInTheMiddleOfALine_KeepsWhatWasAcknowledged()
    {
        Build(clips: 4);
        var (manifest, key) = StudyFiles.Read(Study);
        string file = "";
        for (int start = 0; start < 2; start++)
        {
            using var stop = new CancellationTokenSource();
            using var server = new StudyServer(Study, "localhost", FreePort());
            Task running = server.RunAsync(null, stop.Token);
            using var client = new HttpClient { BaseAddress = new Uri(server.Url) };
            (await Post(client, Answers("ann", manifest, [Judge(key.Items[start], "a")]) with { Browser = "1" })).ShouldBe(HttpStatusCode.OK);
            (await Post(client, Answers("ann", manifest, []) with { Browser = "2" })).ShouldBe(HttpStatusCode.Conflict);
            using (var part = new HttpRequestMessage(HttpMethod.Get, new Uri(manifest.Items[0].Left, UriKind.Relative)) { Headers = { Range = new(4, 7) } })
            using (HttpResponseMessage range = await client.SendAsync(part))
                (range.StatusCode, await range.Content.ReadAsStringAsync()).ShouldBe((HttpStatusCode.PartialContent, "ftyp"));
            await stop.CancelAsync();
            await running;
            file = Directory.EnumerateFiles(Path.Combine(Study, StudyFiles.AnswersFolder)).Single();
            File.AppendAllText(file, "{\"schema\":\"kinora-study-ans");
            StudyFiles.ReadAnswers(file, manifest).Answers.Count.ShouldBe(start + 1);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private StudyManifest Build(int clips)
    {
        foreach (string system in new[] { "a", "b" })
        {
            string folder = Directory.CreateDirectory(Path.Combine(_folder, system)).FullName;
            for (int i = 0; i < clips; i++)
            {
                byte level = (byte)(20 * i + (system == "a" ? 0 : 7));
                new Clip([.. Enumerable.Range(0, 3).Select(f => new VideoFrame(32, 32, Enumerable.Repeat((byte)(level + f), 32 * 32 * 3).ToArray()))], 8).Save(Path.Combine(folder, $"{i:D2}.mp4"));
            }
        }
        string prompts = Path.Combine(_folder, "prompts.txt");
        File.WriteAllLines(prompts, Enumerable.Range(0, clips).Select(i => $"prompt {i}"));
        return StudyBuilder.Build(new StudyOptions { Systems = [Path.Combine(_folder, "a"), Path.Combine(_folder, "b")], Prompts = prompts, Seed = 3 }, Study);
    }

    private static StudyAnswer Judge(StudyKeyEntry key, string winner)
    {
        string side = key.Trap ?? (key.Left == winner ? "left" : "right");
        return new StudyAnswer(key.Item, side, ["motion smoothness"], side, [], 4000);
    }

    private static StudyAnswers Answers(string rater, StudyManifest manifest, IReadOnlyList<StudyAnswer> answers) =>
        new(StudyAnswers.SchemaName, manifest.Signature, rater, answers, StudyAnswers.ChecksumOf(manifest.Signature, rater, answers));

    private string Save(string rater, StudyManifest manifest, IReadOnlyList<StudyAnswer> answers)
    {
        string path = Path.Combine(_folder, rater + ".json");
        File.WriteAllText(path, JsonSerializer.Serialize(Answers(rater, manifest, answers), StudyJson.Default.StudyAnswers));
        return path;
    }

    private static async Task<HttpStatusCode> Post(HttpClient client, StudyAnswers answers)
    {
        using var content = new StringContent(JsonSerializer.Serialize(answers, StudyLineJson.Default.StudyAnswers), Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await client.PostAsync(new Uri("answers", UriKind.Relative), content);
        return response.StatusCode;
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
