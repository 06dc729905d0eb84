using System.Runtime.InteropServices;

namespace Kinora.Engine.Checkpoints;

/// <summary>Advice to the system about pages of mapped files. Where the system does not take it, pages merely stay longer. Source: Linux, madvise(2).</summary>
internal static unsafe partial class MappedPages
{
    private const int WillNeed = 3, DontNeed = 4, PageOut = 21, PopulateRead = 22;               // PAGEOUT is of Linux 5.4, POPULATE_READ of 5.14
    private const long WorthReturning = 1 << 20;

    /// <summary>
    /// Gives pages that were copied from back to the system, so that loading holds the weights once, not once as stored and once as
    /// converted. Nothing is lost: the pages come back from the file, or from swap where somebody wrote to them.
    /// </summary>
    public static void GiveBack(nint address, long length)
    {
        if (length >= WorthReturning)
        {
            Advise(address, length, PageOut, covers: false);
        }
    }

    /// <summary>Takes pages that nobody writes to out of the process; the system may keep them for the next use.</summary>
    public static void Drop(nint address, long length) => Advise(address, length, DontNeed, covers: false);

    /// <summary>Reads pages in and returns when they are there, or where that is not known merely asks for them.</summary>
    public static void ReadIn(nint address, long length)
    {
        if (!Advise(address, length, PopulateRead, covers: true))
        {
            _ = Advise(address, length, WillNeed, covers: true);
        }
    }

    /// <param name="address">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="advice">One of the numbers above.</param>
    /// <param name="covers">Whether pages that belong to it in part count.</param>
    private static bool Advise(nint address, long length, int advice, bool covers)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }
        nuint page = (nuint)Environment.SystemPageSize;
        nuint start = ((nuint)address + (covers ? 0 : page - 1)) / page * page;
        nuint end = ((nuint)address + (nuint)length + (covers ? page - 1 : 0)) / page * page;
        return end <= start || MemoryAdvice((void*)start, end - start, advice) == 0;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvice(void* address, nuint length, int advice);
}
