namespace Kinora.Cli.Tests;

/// <summary>The repository that these tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Kinora.slnx"))) { return folder.FullName; }
        }

        throw new DirectoryNotFoundException("These tests run inside a checkout; Kinora.slnx was not found above them.");
    }
}
