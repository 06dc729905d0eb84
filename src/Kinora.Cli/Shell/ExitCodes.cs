namespace Kinora.Cli.Shell;

/// <summary>What the process returns to the shell. Scripts rely on these numbers; docs/cli.md lists them.</summary>
public static class ExitCodes
{
    /// <summary>Everything asked for was done.</summary>
    public const int Success = 0;

    /// <summary>Our fault: a defect in Kinora or its native libraries.</summary>
    public const int Internal = 1;

    /// <summary>The command line cannot be carried out as typed: unknown flag, impossible size, missing argument.</summary>
    public const int Usage = 2;

    /// <summary>Something the command was given cannot be used: a file, a folder, a recipe, a codec, a font, the disk.</summary>
    public const int Input = 3;

    /// <summary>Data contradicts itself or its manifest: damaged weights, a clip that does not replay.</summary>
    public const int Integrity = 4;

    /// <summary>Stopped by Ctrl-C (128 + SIGINT).</summary>
    public const int Canceled = 130;
}
