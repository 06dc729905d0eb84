using Kinora.Engine;
using Kinora.Models.Modules;

namespace Kinora.Models.Tests.Modules;

public sealed class Rope3DTests
{
    private const int HeadDim = 64;
    private static readonly Rope3D Rope = new(HeadDim, 10_000);

    [Fact]
    public void AxisDims_OfWansHead_AreThoseOfWan()
    {
        // Wan-Video/Wan2.1 9737cba: a head of 128 has 44 channels for time and 42 for each side.
        new Rope3D(128, 10_000).AxisDims.ShouldBe((44, 42, 42));
        Rope.AxisDims.ShouldBe((24, 20, 20));
    }

    [Fact]
    public void Angles_AtAPosition_AreItsIndexTimesTheFrequencies()
    {
        using var scope = TensorScope.Enter();
        var (cos, sin) = Rope.Angles(3, 4, 5, Device.Cpu);
        cos.Shape.ShouldBe([60, 32]);
        float[] c = cos.ToArray<float>(), s = sin.ToArray<float>();
        const int frame = 2, row = 3, column = 4, token = (frame * 4 + row) * 5 + column;
        AngleAt(token, 0).ShouldBe(Math.IEEERemainder(frame, 2 * Math.PI), 1e-5);
        AngleAt(token, 11).ShouldBe(frame * Math.Pow(10_000, -22.0 / 24), 1e-5);
        AngleAt(token, 12 + 1).ShouldBe(row * Math.Pow(10_000, -2.0 / 20), 1e-5);
        AngleAt(token, 22 + 9).ShouldBe(column * Math.Pow(10_000, -18.0 / 20), 1e-5);

        double AngleAt(int t, int pair) => Math.Atan2(s[t * 32 + pair], c[t * 32 + pair]);
    }

    [Fact]
    public void Rotation_OfQueryAndKey_DependsOnTheirDistanceAlone()
    {
        using var scope = TensorScope.Enter();
        var (cos, sin) = Rope.Angles(6, 1, 1, Device.Cpu);
        var values = new float[2 * HeadDim];
        new Engine.Random.Generator(5).FillNormal(values);
        var q = Tensor.FromArray(values.AsSpan(0, HeadDim), 1, 1, 1, HeadDim).Expand(1, 6, 1, HeadDim);
        var k = Tensor.FromArray(values.AsSpan(HeadDim), 1, 1, 1, HeadDim).Expand(1, 6, 1, HeadDim);
        Tensor rotatedQ = F.ApplyRope(q, cos, sin), rotatedK = F.ApplyRope(k, cos, sin);
        double Product(int i, int j) => (rotatedQ.Select(1, i) * rotatedK.Select(1, j)).Sum().Item();
        Product(5, 3).ShouldBe(Product(2, 0), 1e-4);
        Math.Abs(Product(3, 5) - Product(5, 3)).ShouldBeGreaterThan(1e-2);
    }
}
