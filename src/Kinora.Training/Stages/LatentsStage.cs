// Stage 3: clips encoded once with the trained autoencoder. The generator then trains on latents and never sees a pixel.

using System.Diagnostics;
using System.Globalization;
using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training.Stages;

/// <summary>Fills the latent cache; continues where it stopped.</summary>
internal static class LatentsStage
{
    public const string StageName = "latents";

    public static LatentIndex Run(Recipe recipe, IClipSource source, VideoAutoencoder autoencoder, Device device, string folder, IProgress<TrainingProgress> progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        if (LatentCache.FindIndex(folder) is { } complete)
            return complete;
        var config = autoencoder.Config;
        int width = recipe.World.Width, height = recipe.World.Height, frames = recipe.World.Frames;
        int[] shape = [config.LatentChannels, config.LatentFrames(frames), height / config.SpatialCompression, width / config.SpatialCompression];
        int clipSize = shape.Aggregate(1, (a, b) => a * b), pixelBytes = frames * height * width * 3;

        int clips = Math.Min(recipe.Latents.Clips, source.Clips ?? int.MaxValue);

        using var file = new FileStream(LatentCache.DataPath(folder), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        int done = (int)Math.Min(clips, file.Length / (clipSize * sizeof(ushort)));
        done -= done % recipe.Latents.BatchSize;
        file.SetLength((long)done * clipSize * sizeof(ushort));
        file.Seek(0, SeekOrigin.End);

        int batch = recipe.Latents.BatchSize;
        using var pixels = new OrderedStream<byte[]>(done / batch, number => Render(source, (int)number * batch, Math.Min(batch, clips - (int)number * batch), pixelBytes));
        long begin = Stopwatch.GetTimestamp();
        while (done < clips)
        {
            int count = Math.Min(batch, clips - done);
            file.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<ushort>(Encode(autoencoder, pixels.Take(), count, recipe, device)));
            done += count;
            double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            progress.Report(new TrainingProgress(StageName, done, clips, string.Create(CultureInfo.InvariantCulture, $"{done / seconds:F1} clips/s")));
            if (cancellationToken.IsCancellationRequested && done < clips)
            {
                file.Flush(flushToDisk: true);
                cancellationToken.ThrowIfCancellationRequested();
            }
            if (recipe.Latents.MaxMinutes > 0 && seconds > recipe.Latents.MaxMinutes * 60)
                break;
        }
        file.Flush(flushToDisk: true);
        file.Dispose();
        var (mean, std) = LatentCache.Statistics(folder, done, shape);
        var index = new LatentIndex(done, shape, mean, std, Stopwatch.GetElapsedTime(begin).TotalSeconds);
        LatentCache.WriteIndex(folder, index);
        return index;
    }

    private static byte[] Render(IClipSource source, int first, int count, int clipBytes)
    {
        if (count <= 0)
            return [];
        var pixels = new byte[count * clipBytes];
        for (int i = 0; i < count; i++)
            source.Render(Purpose.LatentScene, first + i, pixels.AsSpan(i * clipBytes, clipBytes));
        return pixels;
    }

    private static ushort[] Encode(VideoAutoencoder autoencoder, byte[] pixels, int count, Recipe recipe, Device device)
    {
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        var x = PixelTensor.ToModel(pixels, count, recipe.World.Frames, recipe.World.Height, recipe.World.Width, device);
        using var autocast = Autocast.Enter(recipe.Precision == ComputePrecision.Bfloat16 ? DType.BFloat16 : null);
        var mean = autoencoder.Encode(x).Mean.To(Device.Cpu).Contiguous();
        var values = mean.AsSpan<float>();
        var halves = new ushort[values.Length];
        for (int i = 0; i < halves.Length; i++)
            halves[i] = BitConverter.HalfToUInt16Bits((Half)values[i]);
        return halves;
    }
}
