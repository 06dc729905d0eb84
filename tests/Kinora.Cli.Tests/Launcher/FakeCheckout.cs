// A checkout of two source files and a tool folder whose cmake, dotnet and dpkg-query only write down that they were called:
// the launcher itself is the real one, what it would install or compile is not.

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Kinora.Cli.Tests.Launcher;

internal sealed class FakeCheckout : IDisposable
{
    private const UnixFileMode Executable = (UnixFileMode)0b111_101_101;
    private static readonly string[] Tools = ["bash", "cat", "cut", "cp", "dirname", "find", "flock", "grep", "mkdir", "mv", "nproc", "readlink", "rm", "sed", "sha256sum", "sort", "tail", "timeout", "xargs"];
    private readonly string _tools;

    public FakeCheckout()
    {
        Base = Directory.CreateTempSubdirectory("kinora launcher ").FullName;
        Root = Path.Combine(Base, "check out");
        _tools = Path.Combine(Base, "tools");
        Directory.CreateDirectory(_tools);
        Directory.CreateDirectory(Path.Combine(Root, "src", "Kinora.Cli"));
        Directory.CreateDirectory(Path.Combine(Root, "native", "torch"));
        Directory.CreateDirectory(Path.Combine(Root, "tests"));
        File.Copy(Path.Combine(Checkout.Root, "kinora"), Launcher);
        File.WriteAllText(AppSource, "app");
        File.WriteAllText(NativeSource, "native");
        foreach (string file in new[] { "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props" }) { File.WriteAllText(Path.Combine(Root, file), ""); }
        foreach (string tool in Tools) { File.CreateSymbolicLink(Path.Combine(_tools, tool), Find(tool)); }
        foreach (string tool in new[] { "g++", "make", "pkg-config" }) { AddTool(tool, ""); }
        AddTool("cmake", "echo \"cmake $*\" >>\"$KINORA_TEST_CALLS\"");
        AddTool("apt-get", "echo \"apt-get $*\" >>\"$KINORA_TEST_CALLS\"");
        AddTool("dpkg-query", "printf installed");
        AddTool("dotnet", """
            echo "dotnet $*" >>"$KINORA_TEST_CALLS"
            [[ $1 != --list-sdks ]] || { echo "10.0.100 [/somewhere]"; exit 0; }
            while (($#)); do [[ $1 != -o ]] || out=$2; shift; done
            mkdir -p "$out"
            printf '#!/usr/bin/env bash\necho "home=$KINORA_HOME native=${KINORA_NATIVE:-} folder=$PWD"; for a; do echo "[$a]"; done; [[ ${1:-} != fail ]] || exit 4\n' >"$out/kinora-cli"
            chmod +x "$out/kinora-cli"
            """);
        File.CreateSymbolicLink(Path.Combine(_tools, "chmod"), Find("chmod"));
    }

    public string Base { get; }

    public string Root { get; }

    public string Launcher => Path.Combine(Root, "kinora");

    public string AppSource => Path.Combine(Root, "src", "Kinora.Cli", "Kinora.Cli.csproj");

    public string NativeSource => Path.Combine(Root, "native", "torch", "CMakeLists.txt");

    /// <summary>Every tool call so far, oldest first.</summary>
    public string[] Calls => File.Exists(CallLog) ? File.ReadAllLines(CallLog) : [];

    private string CallLog => Path.Combine(Base, "calls.log");

    public void AddTool(string name, string body)
    {
        string path = Path.Combine(_tools, name);
        File.Delete(path);
        File.WriteAllText(path, $"#!{Find("bash")}\n{body}\n");
        File.SetUnixFileMode(path, Executable);
    }

    public void RemoveTool(string name) => File.Delete(Path.Combine(_tools, name));

    public void ForgetCalls() => File.Delete(CallLog);

    /// <summary>Gives a file a time after the last set-up, as an editor would.</summary>
    public static void Touch(string path) => File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(5));

    public Outcome Run(params string[] args) => Run(Launcher, Base, environment: null, args);

    public Outcome Run(string launcher, string folder, (string Name, string Value)? environment, params string[] args)
    {
        using var process = Start(launcher, folder, environment, unprivileged: false, args);
        return Finish(process);
    }

    public Outcome RunUnprivileged(params string[] args)
    {
        using var process = Start(Launcher, Base, null, unprivileged: true, args);
        return Finish(process);
    }

    public Process Start(string launcher, string folder, (string Name, string Value)? environment, bool unprivileged, params string[] args)
    {
        var start = new ProcessStartInfo { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = folder };
        if (unprivileged && geteuid() == 0)
        {
            // "nobody" on every Linux.
            start.FileName = Find("setpriv");
            foreach (string a in new[] { "--reuid=65534", "--regid=65534", "--clear-groups", Find("bash"), launcher }) { start.ArgumentList.Add(a); }
            foreach (string f in Directory.EnumerateDirectories(Base, "*", SearchOption.AllDirectories).Append(Base)) { File.SetUnixFileMode(f, (UnixFileMode)0b111_111_111); }
        }
        else
        {
            start.FileName = Find("bash");
            start.ArgumentList.Add(launcher);
        }

        foreach (string argument in args) { start.ArgumentList.Add(argument); }
        start.Environment.Clear();
        start.Environment["PATH"] = _tools;
        start.Environment["HOME"] = Base;
        start.Environment["KINORA_TEST_CALLS"] = CallLog;
        if (environment is { } e) { start.Environment[e.Name] = e.Value; }
        return Process.Start(start)!;
    }

    public static Outcome Finish(Process process)
    {
        process.StandardInput.Close();
        var error = new StringBuilder();
        process.ErrorDataReceived += (_, line) => error.AppendLine(line.Data);
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new Outcome(process.ExitCode, output, error.ToString());
    }

    public void Dispose() => Directory.Delete(Base, recursive: true);

    private static string Find(string tool) =>
        new[] { "/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin" }.Select(f => Path.Combine(f, tool)).First(File.Exists);

    [DllImport("libc")]
    private static extern uint geteuid();
}
