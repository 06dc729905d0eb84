// Reads the arrays of a safetensors file: 8 bytes of header length, a JSON header, the data.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Kinora.Curation.Tests;

internal sealed class GoldenFile
{
    private readonly byte[] _content;
    private readonly JsonElement _header;
    private readonly int _dataStart;

    private GoldenFile(byte[] content)
    {
        _content = content;
        int length = checked((int)BinaryPrimitives.ReadInt64LittleEndian(content));
        _header = JsonDocument.Parse(content.AsMemory(8, length)).RootElement;
        _dataStart = 8 + length;
    }

    public static GoldenFile Open(string name) => new(File.ReadAllBytes(Fixture.Path($"Golden/{name}/io.safetensors")));

    public T[] Array<T>(string name) where T : unmanaged
    {
        var offsets = _header.GetProperty(name).GetProperty("data_offsets");
        return MemoryMarshal.Cast<byte, T>(_content.AsSpan((_dataStart + offsets[0].GetInt32())..(_dataStart + offsets[1].GetInt32()))).ToArray();
    }
}

internal static class Fixture
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Fixtures", name);
}
