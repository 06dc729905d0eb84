// A real browser, driven over the DevTools protocol: https://chromedevtools.github.io/devtools-protocol/ (domains Target, Runtime, Page, Input,
// Emulation, Browser). One process for a class of tests; every tab gets a storage of its own, like another person's browser.

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Kinora.Cli.Tests.Browser;

public sealed partial class Chromium : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string _profile = Directory.CreateTempSubdirectory("kinora-chromium-").FullName;
    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode>> _waiting = new();
    private readonly SemaphoreSlim _sending = new(1);
    private Process? _process;
    private Task? _receiving;
    private int _last;

    public async Task InitializeAsync()
    {
        var start = new ProcessStartInfo("chromium") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string flag in new[] { "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", "--hide-scrollbars", "--remote-debugging-port=0", $"--user-data-dir={_profile}", "about:blank" })
            start.ArgumentList.Add(flag);
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        var address = new TaskCompletionSource<string>();
        var said = new StringBuilder();
        _process.ErrorDataReceived += (_, e) =>
        {
            said.AppendLine(e.Data);
            if (e.Data is not null && Listening().Match(e.Data) is { Success: true } match)
                address.TrySetResult(match.Groups["url"].Value);
            else if (e.Data is null)
                address.TrySetException(new InvalidOperationException($"chromium ended: {said}"));
        };
        _process.BeginErrorReadLine();
        await _socket.ConnectAsync(new Uri(await address.Task.WaitAsync(Patience)), CancellationToken.None);
        _receiving = Receive();
    }

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _process, null) is not { } process)
            return;
        try
        {
            await Send("Browser.close");
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            process.Dispose();
            _socket.Dispose();
            _sending.Dispose();
            Directory.Delete(_profile, recursive: true);
        }
    }

    /// <summary>A tab with its own storage.</summary>
    public async Task<Tab> Open(string url, string? downloads = null)
    {
        string context = (await Send("Target.createBrowserContext"))["browserContextId"]!.GetValue<string>();
        if (downloads is not null)
            await Send("Browser.setDownloadBehavior", new JsonObject { ["behavior"] = "allow", ["downloadPath"] = downloads, ["browserContextId"] = context });
        string target = (await Send("Target.createTarget", new JsonObject { ["url"] = "about:blank", ["browserContextId"] = context }))["targetId"]!.GetValue<string>();
        string session = (await Send("Target.attachToTarget", new JsonObject { ["targetId"] = target, ["flatten"] = true }))["sessionId"]!.GetValue<string>();
        var tab = new Tab(this, session);
        await tab.Go(url);
        return tab;
    }

    internal async Task<JsonNode> Send(string method, JsonObject? parameters = null, string? session = null)
    {
        int id = Interlocked.Increment(ref _last);
        var answer = _waiting[id] = new TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously);
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? [] };
        if (session is not null)
            message["sessionId"] = session;
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }
        return await answer.Task.WaitAsync(Patience);
    }

    private async Task Receive()
    {
        var buffer = new byte[1 << 16];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult part = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    return;
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage)
                    continue;
                JsonNode json = JsonNode.Parse(message.ToArray())!;
                message.SetLength(0);
                if (json["id"]?.GetValue<int>() is { } id && _waiting.TryRemove(id, out var waiting))
                {
                    if (json["error"] is { } error)
                        waiting.SetException(new InvalidOperationException(error.ToJsonString()));
                    else
                        waiting.SetResult(json["result"]!);
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or ObjectDisposedException)
        {
            foreach (var waiting in _waiting.Values)
                waiting.TrySetException(e);
        }
    }

    [GeneratedRegex(@"DevTools listening on (?<url>ws://\S+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Listening();

    /// <summary>One page.</summary>
    public sealed class Tab(Chromium browser, string session)
    {
        /// <summary>Loads an address and waits for it.</summary>
        public async Task Go(string url)
        {
            await browser.Send("Page.navigate", new JsonObject { ["url"] = url }, session);
            await Until($"location.href !== 'about:blank' && document.readyState === 'complete'");
        }

        /// <summary>Loads the page anew.</summary>
        public async Task Reload()
        {
            await Run<bool>("window.old = true");
            await browser.Send("Page.reload", [], session);
            await Until("window.old === undefined && document.readyState === 'complete'");
        }

        /// <summary>The value of an expression; promises are awaited.</summary>
        public async Task<T> Run<T>(string expression)
        {
            JsonNode result = await browser.Send("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true }, session);
            if (result["exceptionDetails"] is { } failure)
                throw new InvalidOperationException($"{expression}: {failure["exception"]?["description"] ?? failure["text"]}");
            return result["result"]!["value"].Deserialize<T>()!;
        }

        /// <summary>Waits until an expression is true.</summary>
        public async Task Until(string condition)
        {
            var clock = Stopwatch.StartNew();
            while (true)
            {
                try
                {
                    if (await Run<bool>($"!!({condition})"))
                        return;
                }
                catch (InvalidOperationException) when (clock.Elapsed < Patience)
                {
                    // The page is between two documents.
                }
                if (clock.Elapsed > Patience)
                    throw new TimeoutException($"{condition} did not become true; the page says: {await Run<string>("document.body.innerText")}");
                await Task.Delay(10);
            }
        }

        /// <summary>Presses and releases a key on whatever has the focus.</summary>
        public async Task Key(string key)
        {
            string text = key == "Enter" ? "\r" : key.Length == 1 ? key : "";
            int code = key == "Enter" ? 13 : key.Length == 1 ? char.ToUpperInvariant(key[0]) : 0;
            foreach (string type in new[] { "keyDown", "keyUp" })
                await browser.Send("Input.dispatchKeyEvent", new JsonObject { ["type"] = type, ["key"] = key, ["text"] = type == "keyDown" ? text : "", ["windowsVirtualKeyCode"] = code }, session);
        }

        /// <summary>Types into the focused field.</summary>
        public async Task Type(string text) => await browser.Send("Input.insertText", new JsonObject { ["text"] = text }, session);

        /// <summary>Clicks the middle of the element that a selector finds.</summary>
        public async Task Click(string selector)
        {
            string place = await Run<string>($"(() => {{ const e = document.querySelector({JsonSerializer.Serialize(selector)}); e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); return (r.x + r.width / 2) + ' ' + (r.y + r.height / 2) }})()");
            double[] xy = [.. place.Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture))];
            foreach (string type in new[] { "mousePressed", "mouseReleased" })
                await browser.Send("Input.dispatchMouseEvent", new JsonObject { ["type"] = type, ["x"] = xy[0], ["y"] = xy[1], ["button"] = "left", ["clickCount"] = 1 }, session);
        }

        /// <summary>The window's size in pixels and whether the system asks for dark pages.</summary>
        public async Task Screen(int width, int height, bool dark)
        {
            await browser.Send("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = false }, session);
            await browser.Send("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" }) }, session);
        }

        /// <summary>The whole page as PNG.</summary>
        public async Task<byte[]> Screenshot() => Convert.FromBase64String((await browser.Send("Page.captureScreenshot", new JsonObject { ["captureBeyondViewport"] = true }, session))["data"]!.GetValue<string>());
    }
}
