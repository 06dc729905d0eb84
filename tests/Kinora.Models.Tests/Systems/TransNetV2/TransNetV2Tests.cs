// Logits of the reference with a fill that both sides compute: an LCG seeded by the CRC-32 of each name.
using System.Text;
using Kinora.Engine;
using Kinora.Models.Systems.TransNetV2;

namespace Kinora.Models.Tests.Systems.TransNetV2;

public sealed class TransNetV2Tests
{
    private const double Tolerance = 2e-3;

    [Fact]
    public void Logits_WithTheAgreedFill_AreThoseOfTheReference()
    {
        using var scope = TensorScope.Enter();
        ParameterPath root = ParameterPath.Root(new LcgParameters());
        var network = new TransNetV2Network(root);
        using var store = root.Store;
        // With the batch norms' running statistics, without their six counters.
        store.Count.ShouldBe(84);
        store.All.Sum(p => p.Value.NumElements).ShouldBe(7_616_258 + 1_792);
        const int frame = TransNetV2Network.Width * TransNetV2Network.Height * 3;
        uint state = 11;
        byte[] input = new byte[TransNetV2Network.Window * frame];
        for (int i = 0; i < input.Length; i++)
        {
            input[i] = (byte)Math.Floor(256 * Next(ref state));
            if (i / frame >= 50) { input[i] /= 4; }
        }
        float[] logits = network.Logits(input).Ends;
        logits.Average().ShouldBe(30.88078f, (float)Tolerance);
        (int Frame, float Logit)[] expected = [(0, 19.79821f), (1, 20.58509f), (25, 48.83165f), (48, 42.34475f), (49, 44.05453f), (50, 40.82164f), (51, 41.13089f), (74, 14.70336f), (99, 6.40447f)];
        foreach (var (at, logit) in expected) { logits[at].ShouldBe(logit, (float)Tolerance, $"frame {at}"); }
    }

    private static double Next(ref uint state)
    {
        state = (1664525 * state) + 1013904223;
        return state / 4294967296.0;
    }

    private sealed class LcgParameters : IParameterSource
    {
        public bool Trainable => false;

        public Tensor Get(string fullName, ReadOnlySpan<long> shape, Init init, DType dtype, Device device)
        {
            uint state = Crc32(Encoding.UTF8.GetBytes(fullName));
            long count = 1;
            foreach (long side in shape) { count *= side; }
            double scale = shape.Length >= 2 ? Math.Sqrt(24.0 / (count / shape[0])) : 0;
            float[] values = new float[count];
            for (int i = 0; i < values.Length; i++)
            {
                double u = Next(ref state);
                values[i] = (float)(shape.Length >= 2 ? (u - 0.5) * scale
                    : fullName.EndsWith("running_var", StringComparison.Ordinal) ? 0.5 + u
                    : fullName.EndsWith(".weight", StringComparison.Ordinal) ? 0.75 + (0.5 * u)
                    : 0.2 * (u - 0.5));
            }
            return Tensor.FromArray(values, shape);
        }

        private static uint Crc32(byte[] bytes)
        {
            uint crc = uint.MaxValue;
            foreach (byte b in bytes)
            {
                crc ^= b;
                for (int k = 0; k < 8; k++) { crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1; }
            }
            return ~crc;
        }
    }
}
