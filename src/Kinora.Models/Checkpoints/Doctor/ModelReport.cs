using System.Globalization;

namespace Kinora.Models.Checkpoints.Doctor;

/// <summary>What is known about one network of a model.</summary>
/// <param name="Name">Its folder, or the part of the file that it is.</param>
/// <param name="System">The system it belongs to; null when unknown.</param>
/// <param name="ClassName">The class of its configuration; null when unknown.</param>
/// <param name="Dialect">The layout of its names.</param>
/// <param name="Source">The file or index with its weights.</param>
/// <param name="Types">How elements are stored, with the share of each: "F16 100 %".</param>
/// <param name="Parameters">Number of elements.</param>
/// <param name="Bytes">Bytes on disk.</param>
/// <param name="Missing">Parameters that the network needs and the weights lack, grouped.</param>
/// <param name="Unexpected">Tensors that the network does not know, grouped.</param>
/// <param name="WrongShape">Parameters of another shape, grouped.</param>
/// <param name="NotFinite">Tensors with elements that are no finite numbers; null when values were not read.</param>
/// <param name="State">whole, broken, or unchecked with the reason.</param>
public sealed record ComponentReport(
    string Name, string? System, string? ClassName, string Dialect, string Source, string Types, long Parameters, long Bytes,
    IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected, IReadOnlyList<string> WrongShape, IReadOnlyList<string>? NotFinite, string State)
{
    /// <summary>Whether the network can be built from these weights.</summary>
    public bool IsBroken => Missing.Count > 0 || Unexpected.Count > 0 || WrongShape.Count > 0 || NotFinite is { Count: > 0 };
}

/// <summary>What the weight doctor says about a file or folder.</summary>
/// <param name="Path">What was looked at.</param>
/// <param name="System">The system; null when unknown.</param>
/// <param name="Layout">folder, single file, LoRA.</param>
/// <param name="Components">Its networks.</param>
/// <param name="Strays">Tensors that belong to none of them, grouped.</param>
/// <param name="Hashes">Files whose hash was compared, and whether it was right.</param>
/// <param name="Advice">What to do, one sentence each.</param>
public sealed record ModelReport(
    string Path, string? System, string Layout, IReadOnlyList<ComponentReport> Components, IReadOnlyList<string> Strays, IReadOnlyList<HashCheck> Hashes, IReadOnlyList<string> Advice)
{
    /// <summary>Whether something is wrong with the weights.</summary>
    public bool IsBroken => Components.Any(c => c.IsBroken) || Hashes.Any(h => !h.IsRight);

    /// <summary>Parameters of all components.</summary>
    public long Parameters => Components.Sum(c => c.Parameters);

    /// <summary>The report for people.</summary>
    public override string ToString()
    {
        var lines = new List<string> { $"{Path}: {System ?? "unknown system"}, {Layout}" };
        foreach (ComponentReport c in Components)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"  {c.Name}: {c.ClassName ?? "unknown network"}, {c.Dialect}, {Count(c.Parameters)} parameters, {c.Types}, {Size(c.Bytes)} on disk: {c.State}"));
            Group("missing", c.Missing);
            Group("unexpected", c.Unexpected);
            Group("wrong shape", c.WrongShape);
            Group("not finite", c.NotFinite ?? []);
        }
        if (Strays.Count > 0)
        {
            lines.Add("  tensors that belong to no known network:");
            Group("", Strays);
        }
        lines.AddRange(Hashes.Select(h => $"  {h.File}: SHA-256 {(h.IsRight ? "as published" : "differs from what was published; download the file again")}"));
        if (Parameters > 0)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"  memory for the weights: {Size(Parameters * 4)} in float32, {Size(Parameters * 2)} in bfloat16; a network of P parameters takes about 2·P operations for each token or latent position it reads"));
        }
        lines.AddRange(Advice.Select(a => $"  {a}"));
        return string.Join('\n', lines);

        void Group(string what, IReadOnlyList<string> items)
        {
            const int Shown = 12;
            lines.AddRange(items.Take(Shown).Select(i => $"    {what}{(what.Length > 0 ? " " : "")}{i}"));
            if (items.Count > Shown)
            {
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"    {what}{(what.Length > 0 ? " " : "")}and {items.Count - Shown} groups more"));
            }
        }
    }

    private static string Count(long n) => n switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{n / 1e9:0.00} billion"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{n / 1e6:0.0} million"),
        _ => n.ToString("N0", CultureInfo.InvariantCulture),
    };

    private static string Size(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.0} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
    };
}

/// <summary>A file whose published hash is known.</summary>
/// <param name="File">The file.</param>
/// <param name="IsRight">Whether its content has that hash.</param>
public sealed record HashCheck(string File, bool IsRight);
