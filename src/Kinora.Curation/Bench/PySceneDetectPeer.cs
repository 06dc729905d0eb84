// PySceneDetect's own program on the films of the benchmark, where it is installed.
// Source of the call and of the list: Breakthrough/PySceneDetect 044e2d9, scenedetect/_cli/__init__.py (options before commands; -m counts frames; list-scenes -s
// leaves out the row of cuts, -f names the file below -o) and 0b7ff06, scenedetect/output/__init__.py, write_scene_list (Start Frame counts from 1).
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Kinora.Curation.Bench;

/// <summary>Runs <c>scenedetect</c> (PySceneDetect 0.6.4 and later, which have all five detectors) on a film with its default settings; a configuration file of the user's counts.</summary>
internal static class PySceneDetectPeer
{
    private const string Program = "scenedetect", MinLength = "15";

    // Our names of its detectors.
    private static readonly (string Name, string Command)[] Detectors = [("content", "detect-content"), ("adaptive", "detect-adaptive"), ("histogram", "detect-hist"), ("hash", "detect-hash"), ("threshold", "detect-threshold")];

    /// <summary>Whether it can be started.</summary>
    public static bool IsInstalled()
    {
        try
        {
            return Run(["version"]).Code == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    /// <summary>The cuts that each of its detectors finds in a film of constant rate.</summary>
    /// <exception cref="InvalidDataException">It failed, or wrote something else than a list of scenes.</exception>
    public static IEnumerable<(string Name, long[] Cuts)> Cuts(string film, string folder)
    {
        foreach (var (name, command) in Detectors)
        {
            string csv = $"{name}.csv";
            var (code, output) = Run(["-i", film, "-o", folder, "-q", "-m", MinLength, command, "list-scenes", "-s", "-f", csv]);
            string path = Path.Combine(folder, csv);
            if (code != 0 || !File.Exists(path)) { throw new InvalidDataException($"{Program} {command} ended with code {code}: {output.Trim()}"); }
            yield return (name, Parse(File.ReadLines(path)));
        }
    }

    /// <summary>First frames of all scenes but the first, from 0, out of its list: Scene Number, Start Frame (from 1), …</summary>
    internal static long[] Parse(IEnumerable<string> lines) =>
    [
        .. lines.Select(line => line.Split(',')).Where(fields => fields.Length > 2 && long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out long scene) && scene > 1)
            .Select(fields => long.Parse(fields[1], CultureInfo.InvariantCulture) - 1),
    ];

    private static (int Code, string Output) Run(string[] arguments)
    {
        var start = new ProcessStartInfo(Program) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in arguments) { start.ArgumentList.Add(argument); }
        using var process = new Process { StartInfo = start };
        var errors = new StringBuilder();
        process.ErrorDataReceived += (_, line) => errors.AppendLine(line.Data);
        process.Start();
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors);
    }
}
