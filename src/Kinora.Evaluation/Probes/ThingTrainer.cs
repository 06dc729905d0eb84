// Trains a finder on freshly rendered clips of the training split, whose truth knows every center; no clip is seen twice.

using System.Globalization;
using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Optimization;
using Kinora.Engine.Random;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.World;

namespace Kinora.Evaluation.Probes;

/// <summary>Makes finders.</summary>
public static class ThingTrainer
{
    private const ulong ScenePurpose = 3, DisturbancePurpose = 4;
    private const int Window = 5, Seen = 3;
    private const double Labeled = 0.4;
    private const string StepKey = "kinora.step", OptionsKey = "kinora.options";

    /// <summary>Trains from nothing, or from a checkpoint of the same options. The caller frees the finder's parameter store.</summary>
    /// <param name="config">The network.</param>
    /// <param name="options">The training.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="columns">Weights of a probe whose column of appearance the first five layers begin with; null trains from nothing.</param>
    /// <param name="checkpoint">Where a checkpoint is kept until the end; null keeps none.</param>
    /// <param name="progress">Told after every step; accuracies are those of nouns and colors.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public static ThingFinder Train(ThingFinderConfig config, ThingTrainingOptions options, Device device, string? columns = null, string? checkpoint = null, Action<ProbeTrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(options);
        var root = ParameterPath.Root(new InitializedParameters(options.Seed), DType.Float32, device);
        try
        {
            var finder = new ThingFinder(root, config);
            if (columns is not null)
                ReadColumns(finder, columns, options.FixedLayers);
            Optimize(finder, options, device, checkpoint, progress, cancellationToken);
            foreach (var (_, value) in finder.Parameters())
                value.RequiresGradInPlace(false);
            return finder;
        }
        catch
        {
            root.Store.Dispose();
            throw;
        }
    }

    // Both networks look at single frames with the same convolutions; the probe's have learned nouns and colors already.
    private static void ReadColumns(ThingFinder finder, string path, int fixedLayers)
    {
        using var file = SafetensorsFile.Open(path);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var (name, value) in finder.Parameters())
        {
            const string mine = "layers.", probes = "appearance.";
            string stored = name.StartsWith(mine, StringComparison.Ordinal) ? probes + name[mine.Length..] : "";
            if (!file.Tensors.TryGetValue(stored, out var entry))
                continue;
            if (!entry.Shape.SequenceEqual(value.Shape))
                throw new CheckpointException($"{path}: `{stored}` has shape [{string.Join(", ", entry.Shape)}], the finder expects [{string.Join(", ", value.Shape)}]; both must have the same channels.");
            value.CopyInPlace(file.Read(stored, DType.Float32));
            if (int.Parse(name[mine.Length..].Split('.')[0], CultureInfo.InvariantCulture) < fixedLayers)
                value.RequiresGradInPlace(false);
        }
    }

    private static void Optimize(ThingFinder finder, ThingTrainingOptions options, Device device, string? checkpoint, Action<ProbeTrainingProgress>? progress, CancellationToken cancellationToken)
    {
        var parameters = finder.Parameters().Where(p => p.Value.RequiresGrad).ToList();
        Tensor[] values = [.. parameters.Select(p => p.Value)];
        using var optimizer = new AdamW(parameters, new AdamWOptions { WeightDecay = options.WeightDecay, Beta2 = 0.98 });
        var schedule = new LearningRateSchedule { Shape = LearningRateShape.Cosine, Peak = options.LearningRate, WarmupSteps = options.WarmupSteps, TotalSteps = options.Steps };
        string hash = JsonSerializer.Serialize(options, ThingFinderJson.Default.ThingTrainingOptions);
        int first = checkpoint is null ? 0 : Resume(checkpoint, hash, parameters, optimizer);
        Task<Batch> Prepare(int step) => Task.Run(() => Draw(finder.Config, options, step), cancellationToken);
        Task<Batch> next = Prepare(first);
        for (int step = first; step < options.Steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Batch batch = next.GetAwaiter().GetResult();
            if (step + 1 < options.Steps)
                next = Prepare(step + 1);
            using var scope = TensorScope.Enter();
            var (loss, accuracies) = Loss(finder, options, batch, new Generator(options.Seed, DisturbancePurpose + ((ulong)step << 8)), device);
            loss.Backward();
            GradientClipping.ClipInPlace(values, options.MaxGradientNorm);
            optimizer.Step(schedule.At(step + 1));
            optimizer.ZeroGrad();
            progress?.Invoke(new ProbeTrainingProgress(step + 1, options.Steps, loss.Item(), accuracies));
            if (checkpoint is not null && (step + 1) % options.CheckpointEvery == 0 && step + 1 < options.Steps)
                Save(checkpoint, hash, step + 1, parameters, optimizer);
        }
        if (checkpoint is not null)
            File.Delete(checkpoint);
    }

    private static void Save(string path, string options, int step, List<(string Name, Tensor Value)> parameters, AdamW optimizer) => SafetensorsWriter.Write(path,
        parameters.Select(p => KeyValuePair.Create("model." + p.Name, p.Value)).Concat(optimizer.State().Select(s => KeyValuePair.Create("adamw." + s.Name, s.Value))),
        new Dictionary<string, string>(StringComparer.Ordinal) { [StepKey] = step.ToString(CultureInfo.InvariantCulture), [OptionsKey] = options });

    // The step to go on with: 0 without a checkpoint of these options.
    private static int Resume(string path, string options, List<(string Name, Tensor Value)> parameters, AdamW optimizer)
    {
        if (!File.Exists(path))
            return 0;
        using var file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue(OptionsKey, out string? saved) || saved != options)
            return 0;
        int step = int.Parse(file.Metadata[StepKey], CultureInfo.InvariantCulture);
        using var noGrad = GradMode.NoGrad();
        using var scope = TensorScope.Enter();
        foreach (var (name, value) in parameters)
            value.CopyInPlace(file.Read("model." + name));
        optimizer.LoadState(name => file.Read("adamw." + name), step);
        return step;
    }

    /// <summary>Clips [B, window, H, W, 3] of consecutive frames, and the things in them: the frame's number in the batch and its pose.</summary>
    private sealed record Batch(int Clips, int Size, byte[] Rgb, List<(int Frame, Actor Actor, ActorPose Pose)> Things);

    private static Batch Draw(ThingFinderConfig config, ThingTrainingOptions options, int step)
    {
        var random = new Generator(options.Seed, ScenePurpose + ((ulong)step << 8));
        int frameBytes = config.Size * config.Size * 3, window = Math.Min(Window, config.Frames);
        var rgb = new byte[options.BatchSize * window * frameBytes];
        var clip = new byte[config.Frames * frameBytes];
        var things = new List<(int, Actor, ActorPose)>();
        for (int i = 0; i < options.BatchSize; i++)
        {
            double kind = random.NextDouble();
            Scene scene = kind < options.Anywhere ? Anywhere(random)
                : SceneSampler.Sample(random.NextUInt64(), options: new WorldOptions(TwoActors: kind < options.Anywhere + options.Single ? 0 : 1));
            int first = random.NextInt(config.Frames - window + 1);
            Renderer.Render(scene, config.Size, config.Size, config.Frames, clip);
            clip.AsSpan(first * frameBytes, window * frameBytes).CopyTo(rgb.AsSpan(i * window * frameBytes));
            foreach (var (f, n) in SeenOf(window).Select((f, n) => (f, n)))
                things.AddRange(scene.Actors.Select(a => (i * Seen + n, a, a.PoseAt(Renderer.TimeOf(first + f, config.Frames)))));
        }
        return new Batch(options.BatchSize, config.Size, rgb, things);
    }

    private static IEnumerable<int> SeenOf(int window) => Enumerable.Range(0, Seen).Select(i => i * (window - 1) / (Seen - 1));

    /// <summary>None to four things that do not hide each other, wherever they find room: what the training split's layouts never show.</summary>
    internal static Scene Anywhere(Generator random)
    {
        const double smallest = 0.2, largest = 0.45, edge = 0.12, gap = 0.55, nearest = 0.27;
        const int most = 4, tries = 20;
        while (true)
        {
            Setting setting = Vocabulary.Settings[random.NextInt(Vocabulary.Settings.Count)];
            int count = random.NextInt(most + 1);
            var actors = new List<Actor>();
            for (int i = 0; i < tries && actors.Count < count; i++)
            {
                double size = smallest + (largest - smallest) * random.NextDouble(), x = edge + (1 - 2 * edge) * random.NextDouble(), y = edge + (1 - 2 * edge) * random.NextDouble();
                Noun noun = Vocabulary.Nouns[random.NextInt(Vocabulary.Nouns.Count)];
                ActorColor color = Vocabulary.Colors[random.NextInt(Vocabulary.Colors.Count)];
                Motion motion = random.NextBool(0.3) && Vocabulary.CanSpin(noun) ? Motion.Spin : Motion.Still;
                if (actors.TrueForAll(a => Math.Sqrt((a.X - x) * (a.X - x) + (a.Y - y) * (a.Y - y)) > Math.Max(nearest, gap * (a.Size + size))))
                    actors.Add(new Actor(noun, color, motion, size, x, y, 0, random.NextBool(0.5) ? 1 : -1));
            }
            var scene = new Scene(0, actors, null, setting, Vocabulary.CameraMoves[random.NextBool(0.8) ? 0 : random.NextInt(Vocabulary.CameraMoves.Count)], random.NextUInt64());
            if (!HeldOut.Contains(scene))
                return scene;
        }
    }

    private static (Tensor Loss, double[] Accuracies) Loss(ThingFinder finder, ThingTrainingOptions options, Batch batch, Generator random, Device device)
    {
        using var scope = TensorScope.Enter();
        int cells = finder.Cells, nouns = finder.Config.Nouns.Count, window = batch.Rgb.Length / (batch.Clips * batch.Size * batch.Size * 3), frames = batch.Clips * Seen;
        Tensor x;
        using (GradMode.NoGrad())
        {
            var disturbed = ClipDisturbance.Apply(ClipTensor.FromBytes(batch.Rgb, batch.Clips, window, batch.Size, batch.Size, device), random);          // [B, 3, window, H, W]
            x = Tensor.Stack([.. SeenOf(window).Select(f => disturbed.Select(2, f))], 1).Reshape(frames, 3, batch.Size, batch.Size);
        }
        Tensor maps;
        using (Autocast.Enter(DType.BFloat16))
            maps = finder.Forward(x);
        var (heat, where, noun, color) = Targets(batch, frames, cells, options.Spread);
        var rows = maps.Permute(0, 2, 3, 1).Reshape(frames * cells * cells, maps.Size(1));                                                                // [N·h·w, K]
        var loss = F.BinaryCrossEntropyWithLogits(rows.Select(1, 0), Tensor.FromArray<float>(heat, heat.Length).To(device)) * options.HeatWeight;
        double[] accuracies = [double.NaN, double.NaN];
        if (where.Length > 0)
        {
            var seen = rows.IndexSelect(0, Tensor.FromArray<long>(where, where.Length).To(device));
            foreach (var (k, start, length, labels) in new[] { (0, 1, nouns, noun), (1, 1 + nouns, finder.Config.Colors.Count, color) })
            {
                var answers = seen.Narrow(1, start, length);
                var targets = Tensor.FromArray<long>(labels, labels.Length).To(device);
                loss = loss + F.CrossEntropy(answers, targets);
                accuracies[k] = answers.Detach().Argmax(1).Eq(targets).To(DType.Float32).Mean().Item();
            }
        }
        return (scope.Keep(loss), accuracies);
    }

    // Heat exp(−d²/2σ²) of the nearest center at distance d, and the classes of every cell that is hot enough to become a peak.
    private static (float[] Heat, long[] Where, long[] Nouns, long[] Colors) Targets(Batch batch, int frames, int cells, double spread)
    {
        var heat = new float[frames * cells * cells];
        var owner = new Actor?[heat.Length];
        foreach (var (frame, actor, pose) in batch.Things)
        {
            for (int c = 0; c < cells * cells; c++)
            {
                double dx = pose.X * cells - (c % cells + 0.5), dy = pose.Y * cells - (c / cells + 0.5);
                float hot = (float)Math.Exp(-(dx * dx + dy * dy) / (2 * spread * spread));
                int at = frame * cells * cells + c;
                if (hot <= heat[at])
                    continue;
                heat[at] = hot;
                owner[at] = hot >= Labeled ? actor : null;
            }
        }
        long[] where = [.. Enumerable.Range(0, heat.Length).Where(i => owner[i] is not null).Select(i => (long)i)];
        return (heat, where, [.. where.Select(i => (long)owner[i]!.Noun)], [.. where.Select(i => (long)owner[i]!.Color)]);
    }
}
