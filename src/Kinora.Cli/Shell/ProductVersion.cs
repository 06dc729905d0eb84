using System.Reflection;

namespace Kinora.Cli.Shell;

/// <summary>The version of this build.</summary>
internal static class ProductVersion
{
    private const int CommitLength = 9;

    /// <summary>Version and, where the build knew it, the commit: <c>0.1.0+2a650ad89</c>.</summary>
    public static string Text { get; } = Shorten(
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown");

    private static string Shorten(string version) =>
        version.IndexOf('+', StringComparison.Ordinal) is >= 0 and var plus && version.Length > plus + 1 + CommitLength ? version[..(plus + 1 + CommitLength)] : version;
}
