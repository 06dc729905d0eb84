using Kinora.Cli.Shell;
using Kinora.Models;

namespace Kinora.Cli.Generation;

/// <summary>The values of <c>--component</c>: which part of a model stands where.</summary>
internal static class ComponentArguments
{
    /// <summary>Reads NAME=PATH and FOLDER.</summary>
    /// <param name="values">The values.</param>
    /// <param name="motionAdapter">Where a motion adapter stands; null for none.</param>
    /// <exception cref="CommandException">A value has another form, or something is given twice.</exception>
    public static ModelParts Parse(IReadOnlyList<string> values, string? motionAdapter = null)
    {
        var components = new Dictionary<string, string>(StringComparer.Ordinal);
        string? folder = null;
        foreach (string value in motionAdapter is null ? values : [.. values, $"motion_adapter={motionAdapter}"])
        {
            int at = value.IndexOf('=', StringComparison.Ordinal);
            // What stands before the sign in the name of a folder is no name of a component.
            if (at < 0 || Directory.Exists(value))
            {
                folder = folder is null ? value : throw CommandException.Usage($"--component {value}: {folder} gives the missing components already; there can be one such folder.");
                continue;
            }
            if (at == 0 || at == value.Length - 1)
            {
                throw CommandException.Usage($"--component {value}: expected a component and its place, such as vae=vae.safetensors, or a diffusers folder.");
            }
            if (!components.TryAdd(value[..at], value[(at + 1)..]))
            {
                throw CommandException.Usage($"--component {value}: {value[..at]} was given already, as {components[value[..at]]}.");
            }
        }
        return new ModelParts { Components = components, Folder = folder };
    }
}
