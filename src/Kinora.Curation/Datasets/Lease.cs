// Who works on what, among processes and machines that share a folder.
using System.Globalization;
using System.Text;

namespace Kinora.Curation.Datasets;

/// <summary>
/// A claim on one piece of work: a file that only one process can create, kept young by its owner. A process that dies leaves a
/// file that grows old (on the same machine it is known at once); then another takes over. Work done twice is harmless, because
/// results are files that appear by rename with the same bytes.
/// </summary>
internal sealed class Lease : IDisposable
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);

    private readonly string _path;
    private readonly Timer _timer;

    private Lease(string path)
    {
        _path = path;
        _timer = new Timer(_ => Touch(), null, Heartbeat, Heartbeat);
    }

    /// <summary>Claims a piece of work; null when another process has it.</summary>
    /// <param name="folder">The folder of leases.</param>
    /// <param name="work">A name that fits in a file name.</param>
    /// <param name="timeout">Age at which a claim is void.</param>
    public static Lease? TryTake(string folder, string work, TimeSpan timeout)
    {
        string path = Path.Combine(folder, work + ".lease");
        if (File.Exists(path) && !TryBreak(path, timeout)) { return null; }
        try
        {
            using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
            file.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}\n{Environment.ProcessId}\n")));
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
        return new Lease(path);
    }

    public void Dispose()
    {
        _timer.Dispose();
        File.Delete(_path);
    }

    // Only the process whose rename succeeds may claim the work anew.
    private static bool TryBreak(string path, TimeSpan timeout)
    {
        try
        {
            bool old = DateTime.UtcNow - File.GetLastWriteTimeUtc(path) > timeout;
            string[] owner = File.ReadAllLines(path);
            bool dead = owner.Length >= 2 && owner[0] == Environment.MachineName && int.TryParse(owner[1], NumberStyles.None, CultureInfo.InvariantCulture, out int process) && !Directory.Exists($"/proc/{process}");
            if (!old && !dead) { return false; }
            string broken = $"{path}.{Path.GetRandomFileName()}";
            File.Move(path, broken);
            File.Delete(broken);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void Touch()
    {
        try
        {
            File.SetLastWriteTimeUtc(_path, DateTime.UtcNow);
        }
        catch (IOException)
        {
            // Another process judged this one dead; both write the same bytes.
        }
    }
}
