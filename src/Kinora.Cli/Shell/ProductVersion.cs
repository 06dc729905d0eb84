using System.Reflection;

namespace Kinora.Cli.Shell;

/// <summary>The version of this build.</summary>
internal static class ProductVersion
{
    /// <summary>Version and, where the build knew it, the commit: <c>0.1.0+2a650ad</c>.</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
