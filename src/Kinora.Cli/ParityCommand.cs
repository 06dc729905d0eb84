// kinora parity: the product's numbers against those of reference implementations.

using System.CommandLine;
using System.Globalization;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Evaluation.Parity;

namespace Kinora.Cli;

/// <summary><c>kinora parity DIR</c>.</summary>
public static class ParityCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "A fixture, or a folder with fixtures at any depth." };
        var filter = new Option<string?>("--filter") { Description = "Only fixtures whose area/name contains this.", HelpName = "text" };
        var json = new Option<bool>("--json") { Description = "Print every comparison as JSON." };
        var command = new Verb("parity", "Hold networks, samplers and metrics against fixtures of their reference implementations.",
            "kinora parity golden",
            "kinora parity golden --filter schedulers/dpmpp",
            "kinora parity golden/dit/wan_transformer_t2v --json")
        {
            folder, filter, json,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            string root = result.GetRequiredValue(folder);
            bool asJson = result.GetValue(json);
            IReadOnlyList<string> fixtures = ParityRun.Find(root, result.GetValue(filter));
            if (fixtures.Count == 0)
            {
                throw CommandException.Input($"{root}: no fixture{(result.GetValue(filter) is { } f ? $" with '{f}' in its name" : "")}. A fixture is a folder with a {Fixture.MetaFile}.");
            }
            var session = CommandSession.Current;
            var results = new List<ParityResult>();
            foreach (string path in fixtures)
            {
                ParityResult outcome = await EngineThread.Shared.RunAsync(() => ParityRun.Run(path), cancellationToken).ConfigureAwait(false);
                results.Add(outcome);
                if (!asJson)
                {
                    session.Result(outcome.ToString());
                }
            }
            var report = new ParityReport(root, results);
            session.Result(asJson ? report.ToJson() : string.Create(CultureInfo.InvariantCulture, $"{report.Passed} passed, {report.Failed} failed, {report.Unsupported} unsupported"));
            return report.Failed == 0 ? ExitCodes.Success : ExitCodes.Integrity;
        });
        return command;
    }
}
