// Stage 4: the diffusion transformer learns to move noise to latents by flow matching.
//   x_σ = (1 − σ) x + σ ε,  target ε − x,  σ = shift(sigmoid(N(m, s²)))                  (specs: rectified flow, logit-normal times)
// Three kinds of samples make one set of weights do everything: whole clips; clips whose first latent frames are given clean (σ = 0,
// no loss there), for image-to-video and continuation; and single frames, for images. Now and then the caption is the empty prompt,
// which is what guidance compares with.

using System.Globalization;
using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Objectives;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;
using Kinora.Training.Data;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training.Stages;

internal sealed class GeneratorStage : ITrainingStage
{
    public const string StageName = "generator";
    private readonly Recipe _recipe;
    private readonly BatchShare _share;
    private readonly Device _device;
    private readonly ByteLevelBpeTokenizer _tokenizer;
    private readonly IClipSource _source;
    private readonly LatentCache _cache;
    private readonly double[] _scales;
    private readonly ParameterPath _root;
    private readonly GeneratorSampler _sampler;
    private readonly FlowMatchingObjective _objective;
    private OrderedStream<Batch>? _batches;
    private (long Epoch, int[] Order) _order = (-1, []);

    public GeneratorStage(Recipe recipe, IClipSource source, ByteLevelBpeTokenizer tokenizer, LatentCache cache, VideoAutoencoder autoencoder, BatchShare share, Device device)
    {
        (_recipe, _source, _share, _device, _tokenizer, _cache) = (recipe, source, share, device, tokenizer, cache);
        _scales = cache.Index.Scales(recipe.Latents.Whitening);
        _objective = new FlowMatchingObjective(recipe.Generator.Flow.LogitMean, recipe.Generator.Flow.LogitStd, recipe.Generator.Flow.Shift);
        _root = ParameterPath.Root(new InitializedParameters(recipe.Seed), DType.Float32, device);
        Encoder = new TextEncoder(_root["text_encoder"], TextStage.EncoderConfig(recipe, tokenizer));
        Transformer = new VideoTransformer(_root["transformer"], TransformerConfig(recipe, cache.Index));
        if (!recipe.Generator.TrainTextEncoder)
        {
            foreach (var (_, value) in Encoder.Parameters())
                value.RequiresGradInPlace(false);
        }
        Parameters = [.. _root.Store.All.Where(p => p.Value.RequiresGrad)];
        _sampler = new GeneratorSampler(recipe, source, tokenizer, autoencoder, Encoder, Transformer, device);
    }

    public TextEncoder Encoder { get; }

    public VideoTransformer Transformer { get; }

    public string Name => StageName;

    public IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    public IReadOnlyList<string> Metrics { get; } = ["loss", "loss_low_noise", "loss_high_noise"];

    public bool IsHiddenMatrix(string name) => name.StartsWith("transformer.blocks.", StringComparison.Ordinal);

    public double GigaflopsPerSample
    {
        get
        {
            var shape = _cache.Index.Shape;
            double text = TextEncoder.Flops(Encoder.Config, _recipe.Text.CaptionTokens) * (_recipe.Generator.TrainTextEncoder ? 3 : 1);
            double clip = VideoTransformer.Flops(Transformer.Config, shape[1], shape[2], shape[3], _recipe.Text.CaptionTokens);
            double image = VideoTransformer.Flops(Transformer.Config, 1, shape[2], shape[3], _recipe.Text.CaptionTokens);
            double images = _recipe.Generator.ImageBatches;
            return 1e-9 * ((1 - images) * (text + 3 * clip) + images * shape[1] * (text + 3 * image));
        }
    }

    public static VideoTransformerConfig TransformerConfig(Recipe recipe, LatentIndex latents)
    {
        double[] scales = latents.Scales(recipe.Latents.Whitening);
        var network = recipe.Generator.Network;
        return VideoTransformerConfig.Small with
        {
            InChannels = recipe.Codec.Network.LatentChannels,
            LatentStd = [.. latents.Std.Select((s, c) => s / scales[c])],
            PatchSize = network.PatchSize,
            NumLayers = network.NumLayers,
            NumAttentionHeads = network.NumAttentionHeads,
            AttentionHeadDim = network.AttentionHeadDim,
            MlpRatio = network.MlpRatio,
            CaptionChannels = recipe.Text.Network.HiddenSize,
            CrossAttentionDim = network.CrossAttentionDim,
        };
    }

    public void Start(long firstStep)
    {
        int parts = _share.Parts;
        _batches?.Dispose();
        _batches = new OrderedStream<Batch>(firstStep * parts, number => Make(number / parts, (int)(number % parts)));
    }

    public (Tensor Loss, Tensor[] Metrics) Loss(long step, int part)
    {
        var batch = _batches!.Take();
        using var scope = TensorScope.Enter();
        long n = batch.Count, frames = batch.Frames;
        var shape = _cache.Index.Shape;
        var x = Tensor.FromArray<float>(batch.Latents, [n, shape[0], frames, shape[2], shape[3]]).To(_device);   // [B, C, f, h, w]
        var noise = Tensor.FromArray<float>(batch.Noise, [n, shape[0], frames, shape[2], shape[3]]).To(_device);
        var sigma = Tensor.FromArray<float>(batch.Sigma, [n, frames]).To(_device);                               // [B, f]
        var weight = Tensor.FromArray<float>(batch.Weight, [n, frames]).To(_device);                             // [B, f], sums to f over each row
        var mask = batch.Tokens.Mask(_device);
        var text = Encode(batch.Tokens.Ids(_device), mask);
        var velocity = Transformer.Forward(FlowMatchingObjective.AddNoise(x, noise, sigma), sigma, text, mask);
        var perSample = FlowMatchingObjective.LossPerSample(velocity, FlowMatchingObjective.Target(x, noise), weight); // [B]
        var loss = perSample.Mean();

        // Loss at low and at high noise, each as a mean over the samples there; without such a sample, the overall loss.
        var high = Tensor.FromArray<float>(batch.HighNoise, [n]).To(_device);
        var detached = perSample.Detach();
        return (scope.Keep(loss), scope.Keep(loss.Detach(), MeanWhere(detached, 1.0 - high), MeanWhere(detached, high)));
    }

    public string? Sample(long step, string folder) => _sampler.Write(step, folder);

    public void Dispose()
    {
        _batches?.Dispose();
        _root.Store.Dispose();
    }

    private static Tensor MeanWhere(Tensor values, Tensor indicator)
    {
        using var scope = TensorScope.Enter();
        var count = indicator.Sum();
        return scope.Keep(Tensor.Where(count.Gt(0), (values * indicator).Sum() / count.Clamp(1), values.Mean()));
    }

    private Tensor Encode(Tensor ids, Tensor mask)
    {
        if (_recipe.Generator.TrainTextEncoder)
            return Encoder.Forward(ids, mask);
        using var noGrad = GradMode.NoGrad();
        return Encoder.Forward(ids, mask);
    }

    private Batch Make(long step, int part)
    {
        var recipe = _recipe.Generator;
        var shape = _cache.Index.Shape;
        int clipFrames = shape[1];
        bool images = SampleSeeds.For(_recipe.Seed, Purpose.GeneratorBatch, step).NextBool(recipe.ImageBatches);
        // An image costs what one latent frame costs; a batch of them has one for each latent frame of its clips.
        int frames = images ? 1 : clipFrames, perSlot = images ? clipFrames : 1, count = _share.PartSize * perSlot;
        var batch = new Batch(frames, count, shape[0] * frames * shape[2] * shape[3], new CaptionTokens(count, _recipe.Text.CaptionTokens));
        for (int slot = 0; slot < _share.PartSize; slot++)
        {
            long sample = _share.First(step, part) + slot;
            var random = SampleSeeds.For(_recipe.Seed, Purpose.GeneratorNoise, sample);
            for (int i = slot * perSlot; i < (slot + 1) * perSlot; i++)
                Fill(batch, i, images ? random.NextInt(_cache.Index.Clips) : ClipOf(sample), random);
        }
        return batch;
    }

    // Sample i of the batch: noise level, known frames, noise, latent and caption of one clip, in the order in which they are drawn.
    private void Fill(Batch batch, int i, int clip, Generator random)
    {
        int frames = batch.Frames;
        double sigma = _objective.SampleSigma(random);
        int known = KnownFrames(random, frames);
        bool withoutCaption = random.NextBool(_recipe.Generator.CaptionDropout);
        ulong captionSeed = random.NextUInt64();
        FlowMatchingObjective.FillFrames(sigma, known, batch.Sigma.AsSpan(i * frames, frames), batch.Weight.AsSpan(i * frames, frames));
        batch.HighNoise[i] = sigma >= 0.5 ? 1f : 0f;
        random.FillNormal(batch.Noise.AsSpan(i * batch.SampleSize, batch.SampleSize));
        CopyLatent(clip, frames, batch.Latents.AsSpan(i * batch.SampleSize, batch.SampleSize));
        if (withoutCaption)
            batch.Tokens.TrySet(i, _tokenizer, "");
        else
            batch.Tokens.Set(i, _tokenizer, _source.Captions(Purpose.LatentScene, clip, captionSeed));
    }

    // Half of the conditioned samples know one latent frame (an image), the others any number that leaves one to make.
    private int KnownFrames(Generator random, int frames)
    {
        bool conditioned = random.NextBool(_recipe.Generator.FrameMasking);
        bool one = random.NextBool(0.5);
        int some = frames > 1 ? 1 + random.NextInt(frames - 1) : 0;
        return !conditioned || frames == 1 ? 0 : one ? 1 : some;
    }

    // Every epoch visits each clip once, in its own order.
    private int ClipOf(long sample)
    {
        int clips = _cache.Index.Clips;
        long epoch = sample / clips;
        if (_order.Epoch != epoch)
        {
            int[] order = [.. Enumerable.Range(0, clips)];
            SampleSeeds.For(_recipe.Seed, Purpose.GeneratorOrder, epoch).Shuffle(order.AsSpan());
            _order = (epoch, order);
        }
        return _order.Order[sample % clips];
    }

    // [C, f, h, w] of the cache, centered and scaled per channel; for images the first latent frame only.
    private void CopyLatent(int clip, int frames, Span<float> destination)
    {
        var shape = _cache.Index.Shape;
        int area = shape[2] * shape[3], perChannel = shape[1] * area;
        var source = _cache.Clip(clip);
        for (int c = 0; c < shape[0]; c++)
        {
            float mean = (float)_cache.Index.Mean[c], scale = (float)(1 / _scales[c]);
            var from = source.Slice(c * perChannel, frames * area);
            var to = destination.Slice(c * frames * area, frames * area);
            for (int i = 0; i < to.Length; i++)
                to[i] = ((float)from[i] - mean) * scale;
        }
    }

    private sealed record Batch(int Frames, int Count, int SampleSize, CaptionTokens Tokens, float[] Latents, float[] Noise, float[] Sigma, float[] Weight, float[] HighNoise)
    {
        public Batch(int frames, int count, int sampleSize, CaptionTokens tokens)
            : this(frames, count, sampleSize, tokens, new float[count * sampleSize], new float[count * sampleSize], new float[count * frames], new float[count * frames], new float[count])
        {
        }
    }
}
