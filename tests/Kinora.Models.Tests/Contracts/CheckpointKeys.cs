// The published names and shapes of a checkpoint's tensors, in Fixtures/CheckpointKeys/NAME.tsv.gz: key, shape (AxBxC), param or buffer.

using System.Globalization;
using System.IO.Compression;
using Kinora.Engine;

namespace Kinora.Models.Tests.Contracts;

/// <summary>Holds the parameters of a network against the manifest of a published checkpoint.</summary>
internal static class CheckpointKeys
{
    /// <summary>Builds the network without values and requires exactly the manifest's names and shapes.</summary>
    /// <param name="manifest">Name of the fixture.</param>
    /// <param name="build">Makes the network.</param>
    /// <param name="buffers">Whether the network reads the checkpoint's buffers as well.</param>
    public static void ShouldBeThoseOf(string manifest, Func<ParameterPath, Module> build, bool buffers = false)
    {
        SortedDictionary<string, string> published = Read(manifest, buffers);
        ParameterPath root = ParameterPath.Root(new ShapeOnlyParameters());
        build(root);
        var ours = new SortedDictionary<string, string>(root.Store.All.ToDictionary(p => p.Name, p => string.Join('x', p.Value.Shape)), StringComparer.Ordinal);
        root.Store.Dispose();
        ours.Keys.Except(published.Keys).ShouldBeEmpty("not in the published checkpoint");
        published.Keys.Except(ours.Keys).ShouldBeEmpty("missing from the network");
        ours.Where(p => published[p.Key] != p.Value).Select(p => $"{p.Key}: {p.Value}, published {published[p.Key]}").ShouldBeEmpty();
    }

    /// <summary>Number of elements of all parameters in a manifest.</summary>
    public static long Count(string manifest) => Read(manifest, buffers: false).Values.Sum(shape => shape.Split('x').Aggregate(1L, (n, s) => n * long.Parse(s, CultureInfo.InvariantCulture)));

    /// <summary>Names of all parameters in a manifest.</summary>
    public static IReadOnlyCollection<string> Names(string manifest) => Read(manifest, buffers: false).Keys;

    /// <summary>Names and shapes of all parameters in a manifest.</summary>
    public static Dictionary<string, long[]> Shapes(string manifest, bool buffers = false) =>
        Read(manifest, buffers).ToDictionary(p => p.Key, p => p.Value.Length == 0 ? [] : p.Value.Split('x').Select(s => long.Parse(s, CultureInfo.InvariantCulture)).ToArray());

    private static SortedDictionary<string, string> Read(string manifest, bool buffers)
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Fixtures", "CheckpointKeys", manifest + ".tsv.gz"));
        using var text = new StreamReader(new GZipStream(file, CompressionMode.Decompress));
        var keys = new SortedDictionary<string, string>(StringComparer.Ordinal);
        while (text.ReadLine() is { } line)
        {
            string[] fields = line.Split('\t');
            if (!line.StartsWith('#') && (buffers || fields[2] == "param"))
            {
                keys.Add(fields[0], fields[1]);
            }
        }
        return keys;
    }
}
