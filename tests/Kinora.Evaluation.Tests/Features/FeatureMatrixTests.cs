using System.Text;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Tests.Features;

public sealed class FeatureMatrixTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-features-").FullName;

    [Theory]
    [InlineData("<f4", false)]
    [InlineData("<f8", false)]
    [InlineData("<f8", true)]
    [InlineData("|u1", false)]
    public void Read_Npy_GivesRows(string type, bool fortran)
    {
        double[] rows = [1, 2, 3, 4, 5, 6];
        double[] stored = fortran ? [1, 4, 2, 5, 3, 6] : rows;
        string path = Npy($"{{'descr': '{type}', 'fortran_order': {(fortran ? "True" : "False")}, 'shape': (2, 3), }}", [.. stored.SelectMany(v => type switch
        {
            "<f4" => BitConverter.GetBytes((float)v), "<f8" => BitConverter.GetBytes(v), _ => [(byte)v],
        })]);
        FeatureMatrix m = FeatureMatrix.Read(path);
        (m.Count, m.Dimension).ShouldBe((2, 3));
        m.Values.ShouldBe(rows);
    }

    [Fact]
    public void Read_WrittenSafetensors_GivesTheSameRows()
    {
        FeatureMatrix m = Lcg.Matrix(4, 5, 3);
        string path = Path.Combine(_folder, "f.safetensors");
        m.Write(path);
        FeatureMatrix read = FeatureMatrix.Read(path);
        read.Values.ShouldBe(m.Values);
        read.Sha256().ShouldBe(m.Sha256());
    }

    [Fact]
    public void Read_NotANumber_NamesFileRowAndColumn()
    {
        string path = Npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", [.. new[] { 1, 2, double.NaN, 4 }.SelectMany(BitConverter.GetBytes)]);
        Should.Throw<EvaluationException>(() => FeatureMatrix.Read(path)).Message.ShouldBe($"{path}: row 1, column 0 is NaN. Features must be finite: find the clip of that row and leave it out.");
    }

    [Theory]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", 16, "needs 48 bytes")]
    [InlineData("{'descr': '<c16', 'fortran_order': False, 'shape': (1, 1), }", 16, "'<c16' is not supported")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 16, "expected a matrix")]
    [InlineData("nonsense", 16, "not understood")]
    public void Read_DamagedNpy_SaysWhatIsWrong(string header, int bytes, string message) =>
        Should.Throw<EvaluationException>(() => FeatureMatrix.Read(Npy(header, new byte[bytes]))).Message.ShouldContain(message);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Npy(string header, byte[] raw)
    {
        string path = Path.Combine(_folder, "m.npy");
        byte[] text = Encoding.ASCII.GetBytes(header + "\n");
        File.WriteAllBytes(path, [0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)text.Length), .. text, .. raw]);
        return path;
    }
}
