// A hub on this machine that speaks just enough HTTP/1.1, and lies when told to.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Kinora.Models.Tests.Checkpoints;

/// <summary>Serves one repository, owner/name, at one commit.</summary>
internal sealed class LoopbackHub : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, byte[]> _files = new(StringComparer.Ordinal);
    private readonly Task _loop;
    private int _requests;

    public LoopbackHub(params (string Path, byte[] Content)[] files)
    {
        foreach (var (path, content) in files)
        {
            _files.Add(path, content);
        }
        _listener.Start();
        _loop = Task.Run(AcceptAsync);
    }

    public Uri Address => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}"));

    /// <summary>Connections of files to break after half of the body.</summary>
    public int Breaks { get; set; }

    /// <summary>What the list says about hashes instead of the truth.</summary>
    public string? FalseHash { get; set; }

    /// <summary>Bytes that Content-Range claims the file has, beyond the truth.</summary>
    public long LengthLie { get; set; }

    /// <summary>Paths that the list holds in addition.</summary>
    public IReadOnlyList<string> ExtraPaths { get; set; } = [];

    /// <summary>The token that is asked for; null for none.</summary>
    public string? Token { get; set; }

    /// <summary>Requests for files that were served, whole or broken.</summary>
    public int FileRequests => _requests;

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _loop.Wait();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var open = new List<Task>();
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                open.Add(Task.Run(() => ServeAsync(client)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(open);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } request)
                {
                    var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                    while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                    {
                        headers[line[..line.IndexOf(':')]] = line[(line.IndexOf(':') + 1)..].Trim();
                    }
                    if (!await AnswerAsync(stream, Uri.UnescapeDataString(request.Split(' ')[1]), headers))
                    {
                        return;
                    }
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The other side went away.
            }
        }
    }

    private async Task<bool> AnswerAsync(NetworkStream stream, string target, Dictionary<string, string> headers)
    {
        if (Token is not null && headers.GetValueOrDefault("Authorization") != "Bearer " + Token)
        {
            return await SendAsync(stream, "401 Unauthorized", [], "");
        }
        if (target.StartsWith("/api/models/owner/name/revision/", StringComparison.Ordinal))
        {
            return await SendAsync(stream, "200 OK", List(), "");
        }
        string prefix = $"/owner/name/resolve/{Commit}/";
        if (!target.StartsWith(prefix, StringComparison.Ordinal) || !_files.TryGetValue(target[prefix.Length..], out byte[]? content))
        {
            return await SendAsync(stream, "404 Not Found", [], "");
        }
        Interlocked.Increment(ref _requests);
        string[] range = headers["Range"]["bytes=".Length..].Split('-');
        int from = int.Parse(range[0], CultureInfo.InvariantCulture), to = Math.Min(int.Parse(range[1], CultureInfo.InvariantCulture), content.Length - 1);
        byte[] body = content[from..(to + 1)];
        string more = string.Create(CultureInfo.InvariantCulture, $"Content-Range: bytes {from}-{to}/{content.Length + LengthLie}\r\n");
        bool isBroken = false;
        lock (_files)
        {
            if (Breaks > 0)
            {
                Breaks--;
                isBroken = true;
            }
        }
        return await SendAsync(stream, "206 Partial Content", body, more, isBroken);
    }

    private byte[] List()
    {
        var siblings = _files.Select(f => (object)new Dictionary<string, object?>
        {
            ["rfilename"] = f.Key,
            ["size"] = f.Value.Length,
            ["blobId"] = GitBlob(f.Value),
            ["lfs"] = f.Key.EndsWith(".json", StringComparison.Ordinal) ? null : new Dictionary<string, object> { ["sha256"] = FalseHash ?? Convert.ToHexStringLower(SHA256.HashData(f.Value)), ["size"] = f.Value.Length },
        }).Concat(ExtraPaths.Select(p => new Dictionary<string, object?> { ["rfilename"] = p, ["size"] = 1 }));
        return JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object> { ["sha"] = Commit, ["siblings"] = siblings });
    }

    private static string GitBlob(byte[] content) =>
#pragma warning disable CA5350 // git names blobs by SHA-1; nothing is protected by it.
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")), .. content]));
#pragma warning restore CA5350

    private static async Task<bool> SendAsync(NetworkStream stream, string status, byte[] body, string more, bool isBroken = false)
    {
        string head = string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\n{more}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        await stream.WriteAsync(isBroken ? body.AsMemory(0, body.Length / 2) : body);
        await stream.FlushAsync();
        return !isBroken;
    }
}
