// A model that says what a clip shows, outside of this process: any program that speaks lines of JSON.
//
// On its first line the program says who it is: {"model": "name and version"}. For every line {"clip": path, "frames": n, "fps": rate,
// "measured": text, "given": text beside the footage, if any} on its standard input it answers one line: {"caption": "text"}, or {"error": "why not"}. It ends when its input does.
using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Curation.Datasets;

/// <summary>Says in words what a clip shows.</summary>
public interface ICaptioner : IDisposable
{
    /// <summary>What says it: name and version. Captions of different models are kept apart.</summary>
    string Model { get; }

    /// <summary>The caption of a finished clip.</summary>
    /// <exception cref="CaptionException">It cannot say anything about this clip, or nothing at all any more.</exception>
    string Caption(CaptionRequest request, CancellationToken cancellationToken);
}

/// <summary>A clip to be described.</summary>
/// <param name="Clip">Absolute path of its MP4 file.</param>
/// <param name="Frames">Number of frames.</param>
/// <param name="Fps">Frames per second.</param>
/// <param name="Measured">The caption that says what was measured.</param>
/// <param name="Given">The text that came with the footage; null when there is none.</param>
public sealed record CaptionRequest(string Clip, int Frames, double Fps, string Measured, string? Given = null);

/// <summary>A captioning model failed.</summary>
public sealed class CaptionException : Exception
{
    /// <param name="message">Who, what was expected, what came.</param>
    /// <param name="fatal">Whether it cannot go on with other clips.</param>
    /// <param name="inner">What caused it.</param>
    public CaptionException(string message, bool fatal, Exception? inner = null) : base(message, inner) => Fatal = fatal;

    /// <summary>Whether the model cannot go on with other clips.</summary>
    public bool Fatal { get; }
}

/// <summary>A captioning model that runs as a process of its own.</summary>
public sealed class ExternalCaptioner : ICaptioner
{
    private const int ErrorLines = 5;
    private readonly string _command;
    private readonly Process _process;
    private readonly Queue<string> _errors = new();

    private ExternalCaptioner(string command, Process process)
    {
        (_command, _process) = (command, process);
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null) { return; }
            lock (_errors)
            {
                _errors.Enqueue(line.Data);
                if (_errors.Count > ErrorLines) { _errors.Dequeue(); }
            }
        };
        process.BeginErrorReadLine();
        Model = "";
    }

    /// <inheritdoc/>
    public string Model { get; private set; }

    /// <summary>Starts a command and waits until it says who it is.</summary>
    /// <param name="command">A command line for <c>/bin/sh</c>.</param>
    /// <param name="cancellationToken">Ends the process.</param>
    /// <exception cref="CaptionException">It cannot be started, or does not speak the protocol.</exception>
    public static ExternalCaptioner Start(string command, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(command);
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardInputEncoding = new UTF8Encoding(false), StandardOutputEncoding = Encoding.UTF8 };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(command);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new CaptionException($"captioner \"{command}\" cannot be started: {e.Message}", fatal: true, e);
        }
        var captioner = new ExternalCaptioner(command, process);
        try
        {
            var hello = captioner.Answer(cancellationToken);
            captioner.Model = hello.Model is { Length: > 0 } model ? model : throw captioner.Unexpected("its first line to be {\"model\": \"name and version\"}", JsonSerializer.Serialize(hello, CaptionJson.Default.CaptionAnswer));
            return captioner;
        }
        catch
        {
            captioner.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Caption(CaptionRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            _process.StandardInput.WriteLine(JsonSerializer.Serialize(request, CaptionJson.Default.CaptionRequest));
            _process.StandardInput.Flush();
        }
        catch (IOException e)
        {
            throw Ended(e);
        }
        var answer = Answer(cancellationToken);
        if (answer.Error is { } error) { throw new CaptionException($"{Model}: {error}", fatal: false); }
        // A caption is one line of text.
        string caption = string.Join(' ', (answer.Caption ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return caption.Length > 0 ? caption : throw new CaptionException($"{Model}: the caption is empty.", fatal: false);
    }

    /// <summary>Closes the program's input and waits a moment for its end.</summary>
    public void Dispose()
    {
        const int patience = 2000;
        try
        {
            _process.StandardInput.Close();
            if (!_process.WaitForExit(patience)) { _process.Kill(entireProcessTree: true); }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It had ended already.
        }
        _process.Dispose();
    }

    private CaptionAnswer Answer(CancellationToken cancellationToken)
    {
        using var stop = cancellationToken.Register(() => _process.Kill(entireProcessTree: true));
        string? line = _process.StandardOutput.ReadLine();
        cancellationToken.ThrowIfCancellationRequested();
        if (line is null) { throw Ended(null); }
        try
        {
            return JsonSerializer.Deserialize(line, CaptionJson.Default.CaptionAnswer) ?? throw Unexpected("an object", line);
        }
        catch (JsonException)
        {
            throw Unexpected("a line of JSON", line);
        }
    }

    private CaptionException Unexpected(string expected, string got) => new($"captioner \"{_command}\": expected {expected}, got: {got}", fatal: true);

    private CaptionException Ended(Exception? inner)
    {
        _process.WaitForExit(1000);
        string said;
        lock (_errors) { said = _errors.Count > 0 ? $" It said: {string.Join(" | ", _errors)}" : ""; }
        return new CaptionException($"captioner \"{_command}\" ended{(_process.HasExited ? $" with code {_process.ExitCode}" : "")} before it answered.{said}", fatal: true, inner);
    }
}

/// <summary>A line of a captioner.</summary>
internal sealed record CaptionAnswer(string? Model = null, string? Caption = null, string? Error = null);

/// <summary>What a captioner said about a clip, as it is kept in the workspace.</summary>
internal sealed record KeptCaption(string Model, string? Caption, string? Failure);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CaptionRequest))]
[JsonSerializable(typeof(CaptionAnswer))]
[JsonSerializable(typeof(KeptCaption))]
internal sealed partial class CaptionJson : JsonSerializerContext;
