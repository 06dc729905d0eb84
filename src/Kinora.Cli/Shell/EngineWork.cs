// The body of a command that calls libtorch: every engine call of a process comes from one thread.

using System.Runtime.ExceptionServices;
using Kinora.Engine;

namespace Kinora.Cli.Shell;

/// <summary>Runs a command's work on the engine thread, inside the command's session.</summary>
internal static class EngineWork
{
    /// <summary>The exit code of <paramref name="work"/>; its exception reaches the caller as it was thrown.</summary>
    public static Task<int> Run(Func<int> work, CancellationToken cancellationToken)
    {
        var session = ExecutionContext.Capture();
        return EngineThread.Shared.RunAsync(() =>
        {
            int code = ExitCodes.Internal;
            if (session is null) { return work(); }
            ExceptionDispatchInfo? failure = null;
            ExecutionContext.Run(session, _ =>
            {
                try { code = work(); }
                catch (Exception e) { failure = ExceptionDispatchInfo.Capture(e); }
            }, null);
            failure?.Throw();
            return code;
        }, cancellationToken);
    }
}
