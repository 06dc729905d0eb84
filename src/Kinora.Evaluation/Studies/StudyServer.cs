// Serves a study to several raters at once. Every answer is on disk before it is acknowledged, in a file of its rater.

using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Kinora.Evaluation.Studies;

/// <summary>A small HTTP server for one study.</summary>
public sealed class StudyServer : IDisposable
{
    private const int LargestAnswer = 1 << 16;
    private static readonly Dictionary<string, string> MediaTypes = new(StringComparer.OrdinalIgnoreCase) { [".mp4"] = "video/mp4", [".webm"] = "video/webm", [".gif"] = "image/gif", [".mov"] = "video/quicktime", [".mkv"] = "video/x-matroska", [".avi"] = "video/x-msvideo" };

    private readonly HttpListener _listener = new();
    private readonly string _folder;
    private readonly StudyManifest _manifest;
    private readonly HashSet<string> _clips;
    private readonly Lock _writing = new();
    private readonly Dictionary<string, string?> _browsers = new(StringComparer.Ordinal);

    /// <summary>Checks the study and listens.</summary>
    /// <param name="address">"localhost", or "+" for every address of this machine.</param>
    public StudyServer(string folder, string address, int port)
    {
        _folder = folder;
        (_manifest, _) = StudyFiles.Read(folder);
        _clips = [.. _manifest.Items.SelectMany(i => new[] { i.Left, i.Right })];
        foreach (string file in Directory.CreateDirectory(Path.Combine(folder, StudyFiles.AnswersFolder)).EnumerateFiles("*.jsonl").Select(f => f.FullName))
        {
            CutTornLine(file);
            if (new FileInfo(file).Length > 0 && StudyFiles.FromLines(file) is { } answers)
                _browsers[answers.Rater] = answers.Browser;
        }
        Url = $"http://{(address == "+" ? Dns.GetHostName() : address)}:{port}/";
        _listener.Prefixes.Add($"http://{address}:{port}/");
        try
        {
            _listener.Start();
        }
        catch (HttpListenerException e)
        {
            throw new EvaluationException($"{Url} cannot be served: {e.Message}. Choose another --port.", e);
        }
    }

    /// <summary>Where raters go.</summary>
    public string Url { get; }

    /// <summary>Answers requests until canceled.</summary>
    /// <param name="answered">Called with the rater's name after each answer.</param>
    public async Task RunAsync(Action<string>? answered, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.Register(_listener.Stop);
        while (!cancellationToken.IsCancellationRequested)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
            _ = Task.Run(() => Answer(context, answered), CancellationToken.None);
        }
    }

    /// <summary>Stops listening.</summary>
    public void Dispose() => _listener.Close();

    private void Answer(HttpListenerContext context, Action<string>? answered)
    {
        try
        {
            string path = context.Request.Url?.AbsolutePath.TrimStart('/') ?? "";
            if (context.Request.HttpMethod == "POST" && path == "answers")
                Keep(context, answered);
            else if (context.Request.HttpMethod == "GET" && path is "" or StudyFiles.PageFile)
                Reply(context, 200, "text/html; charset=utf-8", File.ReadAllBytes(Path.Combine(_folder, StudyFiles.PageFile)));
            else if (context.Request.HttpMethod == "GET" && _clips.Contains(path))
                ReplyClip(context, path);
            else
                Reply(context, 404, "text/plain", "not here"u8.ToArray());
        }
        catch (Exception e) when (e is IOException or HttpListenerException or ObjectDisposedException)
        {
            // The rater's browser went away; what was acknowledged is on disk.
            context.Response.Abort();
        }
    }

    private void Keep(HttpListenerContext context, Action<string>? answered)
    {
        if (context.Request.ContentLength64 is < 0 or > LargestAnswer)
        {
            Reply(context, 413, "text/plain", "too long"u8.ToArray());
            return;
        }
        using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
        StudyAnswers? sent = Parse(reader.ReadToEnd());
        if (sent is null || sent.Study != _manifest.Signature || sent.Rater.Length == 0 || sent.Checksum != StudyAnswers.ChecksumOf(sent.Study, sent.Rater, sent.Answers))
        {
            Reply(context, 400, "text/plain", "this is no answer to the study"u8.ToArray());
            return;
        }
        byte[] line = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(sent, StudyLineJson.Default.StudyAnswers) + "\n");
        lock (_writing)
        {
            if (_browsers.TryGetValue(sent.Rater, out string? browser) && browser != sent.Browser)
            {
                Reply(context, 409, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes($"Somebody already rates as “{sent.Rater}” in another browser. Choose another name."));
                return;
            }
            _browsers[sent.Rater] = sent.Browser;
            using var file = new FileStream(Path.Combine(_folder, StudyFiles.AnswersFolder, FileName(sent.Rater)), FileMode.Append, FileAccess.Write, FileShare.Read);
            file.Write(line);
            file.Flush(flushToDisk: true);
        }
        if (sent.Answers.Count > 0)
            answered?.Invoke(sent.Rater);
        Reply(context, 200, "text/plain", "ok"u8.ToArray());
    }

    private static StudyAnswers? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, StudyLineJson.Default.StudyAnswers);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Readable, and different for different names.
    private static string FileName(string rater) => new string([.. rater.Where(char.IsAsciiLetterOrDigit).Take(24)]) + "-" + StudyAnswers.ChecksumOf("", rater, [])[..8] + ".jsonl";

    // What was being written when the machine stopped was never acknowledged; the next answer must not be joined to it.
    private static void CutTornLine(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        int end = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        if (end < bytes.Length)
            file.SetLength(end);
    }

    // Browsers seek only in files of which they can ask for a part.
    private void ReplyClip(HttpListenerContext context, string path)
    {
        byte[] clip = File.ReadAllBytes(Path.Combine(_folder, path));
        string type = MediaTypes.GetValueOrDefault(Path.GetExtension(path), "application/octet-stream");
        context.Response.Headers["Accept-Ranges"] = "bytes";
        if (!RangeHeaderValue.TryParse(context.Request.Headers["Range"], out RangeHeaderValue? range) || range.Ranges.Count != 1)
        {
            Reply(context, 200, type, clip);
            return;
        }
        RangeItemHeaderValue part = range.Ranges.First();
        long from = part.From ?? Math.Max(0, clip.Length - (part.To ?? 0)), to = part.From is null ? clip.Length - 1 : Math.Min(part.To ?? clip.Length - 1, clip.Length - 1);
        context.Response.Headers["Content-Range"] = from <= to ? $"bytes {from}-{to}/{clip.Length}" : $"bytes */{clip.Length}";
        Reply(context, from <= to ? 206 : 416, type, from <= to ? clip[(int)from..(int)(to + 1)] : []);
    }

    private static void Reply(HttpListenerContext context, int status, string type, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.Headers["Cache-Control"] = "no-store";
        context.Response.ContentLength64 = body.Length;
        context.Response.OutputStream.Write(body);
        context.Response.Close();
    }
}
