using Kinora.Engine;

namespace Kinora.Models;

/// <summary>Collects everything that is wrong with a configuration, so that one error reports all of it.</summary>
internal sealed class ConfigViolations(string owner)
{
    private readonly List<string> _violations = [];

    /// <summary>Records <paramref name="violation"/> unless <paramref name="holds"/>.</summary>
    public void Require(bool holds, string violation)
    {
        if (!holds) _violations.Add(violation);
    }

    public void RequirePositive(string key, int value) => Require(value > 0, $"`{key}` must be positive, got {value}");

    /// <summary>Throws <see cref="ConfigException"/> listing every violation, if there is one.</summary>
    public void ThrowIfAny()
    {
        if (_violations.Count > 0) throw new ConfigException($"{owner}: {string.Join("; ", _violations)}.");
    }
}
