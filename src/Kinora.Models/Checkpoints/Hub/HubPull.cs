// Pulls a repository from a hub that speaks the Hugging Face HTTP API: the list of files with their hashes, then the files in parallel
// ranges. Nothing that is pulled is ever executed.
// Source: huggingface/huggingface_hub v0.26: GET /api/models/{repo}/revision/{revision}?blobs=true (siblings: rfilename, size, blobId,
// lfs.sha256); GET /{repo}/resolve/{revision}/{path} with Range; Authorization: Bearer.

using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Checkpoints.Hub;

/// <summary>What to pull, from where, and how.</summary>
/// <param name="Repository">owner/name.</param>
/// <param name="Revision">A branch, tag or commit.</param>
/// <param name="Folder">Where the files go.</param>
public sealed record HubPullOptions(string Repository, string Revision, string Folder)
{
    /// <summary>Base address of the hub.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>Sent as a bearer token to the hub, never to where it redirects; null for none.</summary>
    public string? Token { get; init; }

    /// <summary>Use what is there and ask nobody.</summary>
    public bool IsOffline { get; init; }

    /// <summary>Only files whose path contains one of these; empty for every file that Kinora reads.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Ranges on the way at once.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>Bytes of a range.</summary>
    public long RangeBytes { get; init; } = 32L << 20;

    /// <summary>How often a range is asked for before the pull gives up.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Wait before the second attempt; it doubles each time.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Reads <c>owner/name</c> or <c>owner/name@revision</c>.</summary>
    /// <exception cref="ConfigException">It is neither.</exception>
    public static (string Repository, string Revision) Parse(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        string[] parts = text.Split('@', 2);
        string revision = parts.Length == 2 ? parts[1] : "main";
        bool fits = parts[0].Split('/') is [{ Length: > 0 } owner, { Length: > 0 } name] && (owner + name).All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            && revision.Length > 0 && revision.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/') && !text.Contains("..", StringComparison.Ordinal);
        return fits ? (parts[0], revision) : throw new ConfigException($"'{text}' is not a repository; expected owner/name or owner/name@revision.");
    }
}

/// <summary>How far a pull is.</summary>
/// <param name="File">The file that moved last.</param>
/// <param name="Done">Bytes that are there.</param>
/// <param name="Total">Bytes in all.</param>
public readonly record struct HubProgress(string File, long Done, long Total);

/// <summary>The hub gave no files, or wrong ones.</summary>
public sealed class HubException(string message, Exception? inner = null) : KinoraException(message, inner);

/// <summary>Pulls one repository.</summary>
public sealed class HubPull : IDisposable
{
    private const long MaxListBytes = 32L << 20;
    private const int MaxFiles = 20_000;
    private const string Partial = ".partial", Done = ".ranges";

    // What a model needs; code, pictures and other frameworks' weights stay where they are.
    private static readonly string[] Wanted = [".safetensors", ".json", ".txt", ".model", ".gguf", ".pth", ".pt", ".ckpt", ".bin", ".md"];
    private static readonly string[] Pickled = [".pth", ".pt", ".ckpt", ".bin"];

    private readonly HubPullOptions _options;
    private readonly HttpClient _http;
    private readonly Lock _gate = new();
    private long _done, _total;

    public HubPull(HubPullOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = options.Parallel, ConnectTimeout = TimeSpan.FromSeconds(30) }) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("kinora/1");
        // The handler drops this header when it follows a redirect, so the token never leaves the hub.
        _http.DefaultRequestHeaders.Authorization = options.Token is { Length: > 0 } token ? new AuthenticationHeaderValue("Bearer", token) : null;
    }

    /// <summary>Pulls what is missing. A pull that was interrupted goes on where it stopped.</summary>
    /// <returns>The manifest, which is in the folder as well.</returns>
    /// <exception cref="HubException">The hub cannot be reached, refuses, or sends something else than it announced.</exception>
    /// <exception cref="ConfigException">The disk is too small, or offline work finds files missing.</exception>
    public async Task<HubManifest> RunAsync(IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        if (_options.IsOffline)
        {
            HubManifest present = HubManifest.Read(_options.Folder) ?? throw new ConfigException($"{_options.Folder}: offline, and {_options.Repository} was never pulled into it.");
            return HubManifest.Check(_options.Folder).FirstOrDefault(c => !c.IsRight) is { } wrong
                ? throw new ConfigException($"{_options.Folder}: offline, and {wrong.File} is missing or damaged; pull again online.")
                : present;
        }
        var (commit, files) = await ListAsync(cancellationToken).ConfigureAwait(false);
        _total = files.Sum(f => f.Size);
        CheckSpace(files);
        var records = new List<HubFileRecord>();
        foreach (HubFile file in files)
        {
            records.Add(await PullAsync(commit, file, progress, cancellationToken).ConfigureAwait(false));
        }
        var manifest = new HubManifest(_options.Repository, commit, records);
        manifest.Write(_options.Folder);
        return manifest;
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<(string Commit, List<HubFile> Files)> ListAsync(CancellationToken cancellationToken)
    {
        var address = new Uri(_options.Endpoint, $"/api/models/{_options.Repository}/revision/{Uri.EscapeDataString(_options.Revision)}?blobs=true");
        byte[] json = await RetryAsync($"the list of files of {_options.Repository}", async () =>
        {
            using HttpResponseMessage response = await _http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            ThrowUnlessFound(response, _options.Repository);
            using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            return await ReadAtMostAsync(body, MaxListBytes, cancellationToken).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false);
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            string commit = document.RootElement.GetProperty("sha").GetString() ?? "";
            if (commit.Length is < 7 or > 64 || !commit.All(char.IsAsciiHexDigit))
            {
                throw new HubException($"{_options.Repository}: the hub calls the revision '{commit}', which is no commit.");
            }
            var all = document.RootElement.GetProperty("siblings").EnumerateArray().Select(ReadFile).ToList();
            if (all.Count > MaxFiles)
            {
                throw new HubException($"{_options.Repository}: {all.Count} files; at most {MaxFiles} are pulled.");
            }
            var chosen = Choose(all);
            return chosen.Count > 0 ? (commit, chosen) : throw new HubException($"{_options.Repository}: none of its {all.Count} files is one to pull{(_options.Include.Count > 0 ? $" ({string.Join(", ", _options.Include)})" : "")}.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new HubException($"{_options.Repository}: the hub's list of files is not one: {e.Message}", e);
        }
    }

    private HubFile ReadFile(JsonElement sibling)
    {
        string path = sibling.GetProperty("rfilename").GetString() ?? "";
        bool isSafe = path.Length is > 0 and < 512 && !Path.IsPathRooted(path) && !path.Contains('\\', StringComparison.Ordinal) && !path.Contains(':', StringComparison.Ordinal)
            && path.Split('/').All(s => s.Length > 0 && s is not ("." or "..") && !s.Any(char.IsControl));
        if (!isSafe)
        {
            throw new HubException($"{_options.Repository}: the hub lists the file '{path}', which could lead out of the folder.");
        }
        long size = sibling.TryGetProperty("size", out JsonElement s) && s.ValueKind == JsonValueKind.Number ? s.GetInt64() : throw new HubException($"{_options.Repository}: the hub does not say how large {path} is.");
        string? sha256 = sibling.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object ? lfs.GetProperty("sha256").GetString() : null;
        string? blob = sibling.TryGetProperty("blobId", out JsonElement id) ? id.GetString() : null;
        return size >= 0 ? new HubFile(path, size, sha256, blob) : throw new HubException($"{_options.Repository}: {path} has {size} bytes according to the hub.");
    }

    private List<HubFile> Choose(List<HubFile> all)
    {
        if (_options.Include.Count > 0)
        {
            return [.. all.Where(f => _options.Include.Any(i => f.Path.Contains(i, StringComparison.Ordinal)))];
        }
        // Pickles only where the same folder has no safetensors.
        var safe = all.Where(f => f.Path.EndsWith(".safetensors", StringComparison.Ordinal)).Select(f => Path.GetDirectoryName(f.Path)).ToHashSet();
        return [.. all.Where(f => Wanted.Contains(Path.GetExtension(f.Path), StringComparer.Ordinal)
            && !(Pickled.Contains(Path.GetExtension(f.Path), StringComparer.Ordinal) && safe.Contains(Path.GetDirectoryName(f.Path))))];
    }

    private void CheckSpace(List<HubFile> files)
    {
        Directory.CreateDirectory(_options.Folder);
        long needed = files.Where(f => !File.Exists(Target(f))).Sum(f => f.Size - PartialBytes(f));
        long free = new DriveInfo(Path.GetFullPath(_options.Folder)).AvailableFreeSpace;
        if (needed > free)
        {
            throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{_options.Folder}: {needed} bytes are needed, {free} are free. Free some space or give another folder with -o; what was pulled so far is kept."));
        }
    }

    private long PartialBytes(HubFile file) => Math.Min(file.Size, ReadDone(Target(file) + Partial + Done, file).Count * _options.RangeBytes);

    private string Target(HubFile file) => Path.Combine(_options.Folder, file.Path);

    private async Task<HubFileRecord> PullAsync(string commit, HubFile file, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        string target = Target(file);
        if (File.Exists(target) && new FileInfo(target).Length == file.Size && await HashAsync(target, file, cancellationToken).ConfigureAwait(false) is { } present)
        {
            Report(progress, file, file.Size);
            return new HubFileRecord(file.Path, file.Size, present);
        }
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(target))!);
        string partial = target + Partial, doneList = partial + Done;
        var address = new Uri(_options.Endpoint, $"/{_options.Repository}/resolve/{commit}/{string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString))}");
        HashSet<long> done = File.Exists(partial) && new FileInfo(partial).Length == file.Size ? ReadDone(doneList, file) : [];
        long ranges = (file.Size + _options.RangeBytes - 1) / _options.RangeBytes;
        using (var output = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous))
        {
            output.SetLength(file.Size);
            Report(progress, file, Math.Min(file.Size, done.Count * _options.RangeBytes));
            long[] open = [.. Enumerable.Range(0, (int)ranges).Select(i => (long)i).Where(i => !done.Contains(i))];
            await System.Threading.Tasks.Parallel.ForEachAsync(open, new ParallelOptions { MaxDegreeOfParallelism = _options.Parallel, CancellationToken = cancellationToken }, async (range, token) =>
            {
                long from = range * _options.RangeBytes;
                long length = Math.Min(_options.RangeBytes, file.Size - from);
                byte[] bytes = await RetryAsync(file.Path, () => FetchAsync(address, file, from, length, token), token).ConfigureAwait(false);
                await RandomAccess.WriteAsync(output.SafeFileHandle, bytes, from, token).ConfigureAwait(false);
                lock (_gate)
                {
                    File.AppendAllText(doneList, string.Create(CultureInfo.InvariantCulture, $"{file.Identity} {_options.RangeBytes} {range}\n"));
                }
                Report(progress, file, length);
            }).ConfigureAwait(false);
            output.Flush(flushToDisk: true);
        }
        File.Delete(doneList);
        string? sha256 = await HashAsync(partial, file, cancellationToken).ConfigureAwait(false);
        if (sha256 is null)
        {
            File.Delete(partial);
            throw new HubException($"{file.Path}: what arrived does not have the hash that the hub published ({file.Identity}); it was deleted. Pull again, or check the endpoint.");
        }
        File.Move(partial, target, overwrite: true);
        return new HubFileRecord(file.Path, file.Size, sha256);
    }

    private async Task<byte[]> FetchAsync(Uri address, HubFile file, long from, long length, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Range = new RangeHeaderValue(from, from + length - 1);
        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        ThrowUnlessFound(response, file.Path);
        bool isWhole = response.StatusCode == HttpStatusCode.OK;
        if (isWhole && (from != 0 || length != file.Size))
        {
            throw new HubException($"{file.Path}: the hub ignores ranges; it cannot serve files of more than {_options.RangeBytes} bytes to this client.");
        }
        if (!isWhole && response.Content.Headers.ContentRange is { } range && (range.Length is { } total && total != file.Size || range.From is { } start && start != from))
        {
            throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{file.Path}: the hub announced {file.Size} bytes and sends {range}."));
        }
        if (response.Content.Headers.ContentLength is { } stated && stated != length)
        {
            throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{file.Path}: {length} bytes were asked for, the hub sends {stated}."));
        }
        using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var bytes = new byte[length];
        int got = await body.ReadAtLeastAsync(bytes, (int)length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (got < length)
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"the connection ended after {got} of {length} bytes"));
        }
        if (await body.ReadAsync(new byte[1], cancellationToken).ConfigureAwait(false) != 0)
        {
            throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{file.Path}: more than the {length} bytes that were asked for."));
        }
        return bytes;
    }

    private async Task<T> RetryAsync<T>(string what, Func<Task<T>> attempt, CancellationToken cancellationToken)
    {
        for (int i = 1; ; i++)
        {
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (Exception e) when (e is HttpRequestException or IOException && !cancellationToken.IsCancellationRequested)
            {
                if (i >= _options.Attempts)
                {
                    throw new HubException($"{what}: {e.Message} ({_options.Endpoint}, after {i} attempts). What was pulled so far is kept; the same command goes on from there.", e);
                }
                await Task.Delay(_options.Patience * Math.Pow(2, i - 1), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static void ThrowUnlessFound(HttpResponseMessage response, string what)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK or HttpStatusCode.PartialContent:
                return;
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                throw new HubException($"{what}: the hub refuses ({(int)response.StatusCode}). Accept the model's licence on its page, and set HF_TOKEN to a token of yours.");
            case HttpStatusCode.NotFound:
                throw new HubException($"{what}: the hub has no such repository, revision or file (404).");
            case HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError:
                throw new HttpRequestException($"the hub answers {(int)response.StatusCode}");
            default:
                throw new HubException($"{what}: the hub answers {(int)response.StatusCode}.");
        }
    }

    /// <summary>The SHA-256 of a file when its content is what the hub published; null otherwise.</summary>
    private static async Task<string?> HashAsync(string path, HubFile file, CancellationToken cancellationToken)
    {
        using FileStream stream = File.OpenRead(path);
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        // A git blob's name: SHA-1 over its type, its length and its content.
        git.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Size}\0")));
        var buffer = new byte[1 << 20];
        int n;
        while ((n = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            sha256.AppendData(buffer, 0, n);
            git.AppendData(buffer, 0, n);
        }
        string hash = Convert.ToHexStringLower(sha256.GetHashAndReset());
        bool isRight = file.Sha256 is { } expected ? hash.Equals(expected, StringComparison.OrdinalIgnoreCase)
            : file.BlobId is null || Convert.ToHexStringLower(git.GetHashAndReset()).Equals(file.BlobId, StringComparison.OrdinalIgnoreCase);
        return isRight ? hash : null;
    }

    private HashSet<long> ReadDone(string path, HubFile file)
    {
        var done = new HashSet<long>();
        if (!File.Exists(path))
        {
            return done;
        }
        foreach (string line in File.ReadLines(path))
        {
            // Of another version of the file, or of another size of range: worth nothing.
            if (line.Split(' ') is [var identity, var bytes, var range] && identity == file.Identity && bytes == _options.RangeBytes.ToString(CultureInfo.InvariantCulture)
                && long.TryParse(range, NumberStyles.None, CultureInfo.InvariantCulture, out long index))
            {
                done.Add(index);
            }
        }
        return done;
    }

    private void Report(IProgress<HubProgress>? progress, HubFile file, long bytes) => progress?.Report(new HubProgress(file.Path, Interlocked.Add(ref _done, bytes), _total));

    private static async Task<byte[]> ReadAtMostAsync(Stream body, long most, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[1 << 16];
        int n;
        while ((n = await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            if (bytes.Length + n > most)
            {
                throw new HubException($"the hub's list of files has more than {most} bytes.");
            }
            bytes.Write(buffer, 0, n);
        }
        return bytes.ToArray();
    }

    /// <summary>A file of the repository, with the SHA-256 of its content or the name of its git blob.</summary>
    private sealed record HubFile(string Path, long Size, string? Sha256, string? BlobId)
    {
        public string Identity => Sha256 ?? BlobId ?? "unknown";
    }
}
