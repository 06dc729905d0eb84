// The raters' page in a real browser: opened from a folder and served by the real command, which is killed while people are rating.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Kinora.Cli.Tests.Browser;
using Kinora.Evaluation.Studies;

namespace Kinora.Cli.Tests.Studies;

public sealed class StudyPageTests(Chromium browser) : IClassFixture<Chromium>, IDisposable
{
    private readonly StudyFolder _study = new();

    [Fact]
    public async Task Page_OpenedFromAFolder_IsBlindAndPlaysBothClipsTogether()
    {
        var tab = await Begin("ann");
        string everything = await tab.Run<string>("document.documentElement.outerHTML + JSON.stringify(Object.values(document.querySelectorAll('video')).map(v => v.src)) + location.href");
        foreach (string name in StudyFolder.Systems)
            everything.Replace(_study.Base, "").ShouldNotContain(name);
        everything.ShouldNotContain("trap");
        (await tab.Run<string>("document.getElementById('prompt').textContent")).ShouldMatch(@"^a square moves <b>\d</b> & stops$");

        // A clip of 8 frames beside one of 10: both start together, keep together, and begin again when the longer has ended.
        await Skip(tab, i => Lengths(i).Distinct().Count() == 2);
        await tab.Until("clips.every(c => !c.paused && c.currentTime > 0)");
        double[][] times = await tab.Run<double[][]>("new Promise(f => { const seen = [], t = setInterval(() => { if (clips.every(c => !c.paused && !c.ended && !c.seeking)) seen.push(clips.map(c => c.currentTime)); if (seen.length > 1 && seen.length > 60) { clearInterval(t); f(seen); } }, 50); })");
        times.Max(t => Math.Abs(t[0] - t[1])).ShouldBeLessThan(0.1);
        times.Zip(times.Skip(1)).Count(t => t.Second[0] < t.First[0]).ShouldBeGreaterThanOrEqualTo(2);
    }

    [Fact]
    public async Task Page_ByKeyboard_AsksBothQuestionsGoesBackAndSavesASignedFile()
    {
        string downloads = Directory.CreateDirectory(Path.Combine(_study.Base, "downloads")).FullName;
        var tab = await Begin("Ann Ö", downloads);
        string[] order = await tab.Run<string[]>("order.map(i => i.id)");
        order.ShouldBe(_study.Manifest.Items.Select(i => i.Id), ignoreOrder: true);

        await tab.Key("Enter");
        (await tab.Run<int>("at")).ShouldBe(0, "an unanswered pair was passed");
        await tab.Key("1");
        (await tab.Run<string>("document.querySelector('fieldset.current').id")).ShouldBe("faithfulness");
        await tab.Key("3");
        await tab.Click("#quality input[value='motion smoothness']");
        await tab.Click("#faithfulness input[value='temporal alignment']");
        await tab.Key("Enter");
        await tab.Until("at === 1");
        await tab.Key("2");
        await tab.Key("2");
        await tab.Key("Enter");
        await tab.Until("at === 2");
        await tab.Key("b");
        await tab.Key("b");
        await tab.Until("at === 0");
        (await tab.Run<string[]>("[...document.querySelectorAll('[aria-pressed=true], input:checked')].map(e => e.dataset.choice || e.value)")).ShouldBe(["left", "motion smoothness", "right", "temporal alignment"]);
        await tab.Key("2");
        await tab.Key("Enter");

        // A reload goes on at the first pair without an answer, with the name still known.
        await tab.Reload();
        (await tab.Run<string>("document.getElementById('rater').value")).ShouldBe("Ann Ö");
        await tab.Click("#who button");
        await tab.Until("at === 2 && !document.getElementById('rate').hidden");
        (await tab.Run<string[]>("order.map(i => i.id)")).ShouldBe(order);
        for (int i = 2; i < order.Length; i++)
            await Answer(tab, _study.Side(order[i]));
        await tab.Until("!document.getElementById('end').hidden");
        await tab.Click("#save");
        string file = Path.Combine(downloads, "answers-Ann__.json");
        for (int wait = 0; !File.Exists(file) && wait < 500; wait++)
            await Task.Delay(10);

        StudyAnswers saved = StudyFiles.ReadAnswers(file, _study.Manifest);
        saved.Rater.ShouldBe("Ann Ö");
        saved.Answers.Select(a => a.Item).ShouldBe(order);
        saved.Answers[0].ShouldSatisfyAllConditions(a => a.Quality.ShouldBe("tie"), a => a.QualityReasons.ShouldBe(["motion smoothness"]), a => a.Faithfulness.ShouldBe("right"), a => a.FaithfulnessReasons.ShouldBe(["temporal alignment"]));
        var counted = await Cli.RunAsync("evaluate", "study", "aggregate", _study.Study, file, "-o", Path.Combine(_study.Base, "results"));
        counted.ExitCode.ShouldBe(0, counted.Error);
        // Nobody looks at a pair in a few hundredths of a second.
        counted.Output.ShouldContain("rater Ann Ö: 0 answers, 12 too fast, 2 of 2 traps right");
    }

    [Fact]
    public async Task Page_TwoRaters_SeeThePairsInDifferentOrders()
    {
        string[] first = await (await Begin("one")).Run<string[]>("order.map(i => i.id)"), second = await (await Begin("two")).Run<string[]>("order.map(i => i.id)"), again = await (await Begin("one")).Run<string[]>("order.map(i => i.id)");
        second.ShouldNotBe(first);
        again.ShouldBe(first);
    }

    [Fact]
    public async Task Served_ThreeRatersAndAServerKilledInTheMiddle_LoseNothing()
    {
        int port = FreePort();
        Process server = await Serve(port);
        try
        {
            string url = $"http://localhost:{port}/";
            string[] names = ["ann", "bob", "cid"];
            var tabs = new List<Chromium.Tab>();
            foreach (string name in names)
                tabs.Add(await Begin(name, url: url));
            Chromium.Tab stranger = await browser.Open(url);
            await Name(stranger, "bob");
            await stranger.Until("document.getElementById('refused').textContent.includes('Choose another name')");
            async Task Rate(Chromium.Tab tab, int count)
            {
                for (int i = 0; i < count; i++)
                    await Answer(tab, _study.Side(await tab.Run<string>("order[at].id")));
            }

            await Task.WhenAll(tabs.Select(t => Rate(t, 5)));
            Task rating = Task.WhenAll(tabs.Select(t => Rate(t, 4)));
            server.Kill();
            await server.WaitForExitAsync();
            await rating;
            await tabs[0].Until("document.getElementById('state').textContent.startsWith('Not sent yet')");
            server.Dispose();
            server = await Serve(port);
            await tabs[1].Reload();
            await tabs[1].Click("#who button");
            await tabs[1].Until("at === 9 && !document.getElementById('rate').hidden");
            await Task.WhenAll(tabs.Select(t => Rate(t, StudyFolder.Items - 9)));
            foreach (Chromium.Tab tab in tabs)
                await tab.Until("document.getElementById('sent').textContent === 'All answers have been received.'");

            string[] files = [.. Directory.EnumerateFiles(Path.Combine(_study.Study, StudyFiles.AnswersFolder))];
            files.Length.ShouldBe(3);
            foreach (string file in files)
            {
                StudyAnswers kept = StudyFiles.ReadAnswers(file, _study.Manifest);
                names.ShouldContain(kept.Rater);
                kept.Answers.ToDictionary(a => a.Item, a => a.Quality).ShouldBe(_study.Key.Items.ToDictionary(k => k.Item, k => _study.Side(k.Item)), ignoreOrder: true);
            }
        }
        finally
        {
            if (!server.HasExited)
                server.Kill();
            server.Dispose();
        }
    }

    // Set KINORA_SCREENSHOTS to a folder to look at the pages.
    [Fact]
    public async Task Pages_OnWideAndNarrowScreens_NeverScrollSideways()
    {
        var tab = await Begin("ann");
        string results = Path.Combine(_study.Base, "results", StudyResultPage.PageFile);
        StudyResultPage.WriteFolder(Path.GetDirectoryName(results)!, StudyAggregation.Run(_study.Study, [.. Enumerable.Range(0, 5).Select(Simulated)], new Dictionary<string, IReadOnlyDictionary<string, double>> { ["fvd"] = new Dictionary<string, double> { [StudyFolder.Systems[0]] = 310, [StudyFolder.Systems[1]] = 402.5, [StudyFolder.Systems[2]] = 380 } }));
        Chromium.Tab result = await browser.Open(new Uri(results).AbsoluteUri);
        foreach (var (page, name) in new[] { (tab, "study"), (result, "results") })
        {
            foreach (var (width, height, dark) in new[] { (1100, 800, false), (1100, 800, true), (390, 844, false), (390, 844, true) })
            {
                await page.Screen(width, height, dark);
                (await page.Run<int>("document.documentElement.scrollWidth")).ShouldBeLessThanOrEqualTo(width, $"{name} at {width} pixels");
                if (Environment.GetEnvironmentVariable("KINORA_SCREENSHOTS") is { } folder)
                    await File.WriteAllBytesAsync(Path.Combine(folder, $"{name}-{width}-{(dark ? "dark" : "light")}.png"), await page.Screenshot());
            }
        }
        await tab.Screen(1100, 800, false);
        (await tab.Run<double>("document.getElementById('next').getBoundingClientRect().bottom")).ShouldBeLessThanOrEqualTo(800, "a pair and its questions fit on one screen");
        string[] texts = await result.Run<string[]>("[...document.querySelectorAll('h2, h3')].map(e => e.textContent)");
        texts.ShouldContain("Why raters preferred it");
        texts.ShouldContain("fvd");
    }

    public void Dispose() => _study.Dispose();

    private async Task<Chromium.Tab> Begin(string name, string? downloads = null, string? url = null)
    {
        Chromium.Tab tab = await browser.Open(url ?? _study.PageUrl, downloads);
        await Name(tab, name);
        await tab.Until("!document.getElementById('rate').hidden");
        return tab;
    }

    private static async Task Name(Chromium.Tab tab, string name)
    {
        await tab.Click("#rater");
        await tab.Type(name);
        await tab.Key("Enter");
    }

    private static async Task Answer(Chromium.Tab tab, string side)
    {
        int at = await tab.Run<int>("at");
        string key = side == "left" ? "1" : "3";
        await tab.Key(key);
        await tab.Key(key);
        await tab.Click($"#quality input[value='frame consistency']");
        await tab.Key("Enter");
        await tab.Until($"at === {at + 1}");
    }

    // Goes to the next pair for which the condition holds.
    private async Task Skip(Chromium.Tab tab, Func<StudyItem, bool> condition)
    {
        while (true)
        {
            string id = await tab.Run<string>("order[at].id");
            if (condition(_study.Manifest.Items.Single(i => i.Id == id)))
                return;
            await Answer(tab, "left");
        }
    }

    private int[] Lengths(StudyItem item) => [.. new[] { item.Left, item.Right }.Select(c => Media.Clip.Read(Path.Combine(_study.Study, c)).Frames.Count)];

    private static readonly System.Text.Json.JsonSerializerOptions Snake = new() { PropertyNamingPolicy = System.Text.Json.JsonNamingPolicy.SnakeCaseLower };

    private string Simulated(int rater)
    {
        StudyAnswer[] answers = [.. _study.Key.Items.Select((k, i) => new StudyAnswer(k.Item, k.Trap is null && (i + rater) % 4 == 0 ? "tie" : _study.Side(k.Item), [StudyPage.QualityReasons[(i + rater) % 5], StudyPage.QualityReasons[i % 3]], k.Trap ?? ((i * 7 + rater) % 5 == 0 ? "right" : _study.Side(k.Item)), [StudyPage.FaithfulnessReasons[i % 2]], 4000))];
        string path = Path.Combine(_study.Base, $"rater{rater}.json");
        File.WriteAllText(path, System.Text.Json.JsonSerializer.Serialize(new StudyAnswers(StudyAnswers.SchemaName, _study.Manifest.Signature, $"rater {rater}", answers, StudyAnswers.ChecksumOf(_study.Manifest.Signature, $"rater {rater}", answers)), Snake));
        return path;
    }

    // The real process: a test host cannot kill a part of itself.
    private async Task<Process> Serve(int port)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in new[] { Path.Combine(AppContext.BaseDirectory, "kinora-cli.dll"), "evaluate", "study", "serve", _study.Study, "--port", port.ToString(CultureInfo.InvariantCulture) })
            start.ArgumentList.Add(argument);
        Process process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        (await process.StandardOutput.ReadLineAsync()).ShouldBe($"http://localhost:{port}/");
        return process;
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
