// Which exit code and which sentence an exception becomes.

using Kinora.Curation.Datasets;
using Kinora.Engine;
using Kinora.Evaluation;
using Kinora.Media;
using Kinora.Models.Checkpoints.Hub;
using Kinora.Models.Generation;
using Kinora.Vision;

namespace Kinora.Cli.Shell;

/// <summary>The one place that maps exceptions to exit codes.</summary>
internal static class Failures
{
    private const int NoSpaceLeft = 28; // ENOSPC

    /// <summary>The exit code and the one message for stderr.</summary>
    public static (int ExitCode, string Message) Explain(Exception failure, string who, bool canceled)
    {
        var cause = Unwrap(failure);
        return cause switch
        {
            OperationCanceledException when canceled => (ExitCodes.Canceled, $"{who}: stopped"),
            CommandException e => (e.ExitCode, $"{who}: {e.Message}"),
            GenerationRequestException e => (ExitCodes.Usage, $"{who}: {e.Message}"),
            ConfigException e => (ExitCodes.Input, $"{who}: {e.Message}"),
            EvaluationException e => (ExitCodes.Input, $"{who}: {e.Message}"),
            ProtocolException e => (ExitCodes.Integrity, $"{who}: {e.Message}"),
            HubException e => (ExitCodes.Input, $"{who}: {e.Message}"),
            CheckpointException e => (ExitCodes.Integrity, $"{who}: {e.Message}"),
            NumericException e => (ExitCodes.Integrity, $"{who}: {e.Message}"),
            DeviceException e => (ExitCodes.Usage, $"{who}: {e.Message}"),
            KinoraException e => (ExitCodes.Internal, $"{who}: {e.Message}"),
            MediaException e => (ForMedia(e.Kind), $"{who}: {e.Message}"),
            IOException e when IsDiskFull(e) => (ExitCodes.Input, $"{who}: the disk is full: {e.Message} Free some space or write elsewhere; no partial file was kept."),
            VisionException e => (ExitCodes.Input, $"{who}: {e.Message}"),
            CaptionException e => (ExitCodes.Input, $"{who}: {e.Message}"),
            InvalidDataException e => (ExitCodes.Integrity, $"{who}: {e.Message}"),
            FileNotFoundException e => (ExitCodes.Input, $"{who}: {e.Message}"),
            IOException or UnauthorizedAccessException => (ExitCodes.Input, $"{who}: {cause.Message}"),
            _ => (ExitCodes.Internal, $"{who}: internal error: {cause.Message} ({cause.GetType().Name})"),
        };
    }

    private static int ForMedia(MediaErrorKind kind) => kind switch
    {
        MediaErrorKind.InvalidArgument => ExitCodes.Usage,
        MediaErrorKind.Internal or MediaErrorKind.NativeLibrary => ExitCodes.Internal,
        _ => ExitCodes.Input,
    };

    private static bool IsDiskFull(IOException failure) => (failure.HResult & 0xFFFF) == NoSpaceLeft;

    private static Exception Unwrap(Exception failure) =>
        failure is AggregateException { InnerExceptions.Count: 1 } or System.Reflection.TargetInvocationException or TypeInitializationException
        && failure.InnerException is { } inner ? Unwrap(inner) : failure;
}
