// LTX-Video 0.9.x as `generate` runs it: what a request comes to, and one clip of it.
// Defaults: Lightricks/LTX-Video's published examples; huggingface/diffusers d035dcd7, pipelines/ltx.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Media;
using Kinora.Models.Generation;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.Ltx;

/// <summary>The system of LTX-Video's text-to-video and image-to-video models.</summary>
public sealed class LtxSystem : IGenerationSystem
{
    private const string Sampler = "euler", DefaultNegativePrompt = "worst quality, inconsistent motion, blurry, jittery, distorted";
    private const int Width = 704, Height = 512, Frames = 121, EarlyTextTokens = 128, TextTokens = 256;
    private const double FrameRate = 25, Guidance = 3;

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => [LtxPipelineIndex.TextToVideo, LtxPipelineIndex.ImageToVideo, LtxPipelineIndex.Condition];

    /// <inheritdoc/>
    public StoryMethod Stories => StoryMethod.Continuation;

    /// <inheritdoc/>
    public IReadOnlyList<string> RequiredComponents(ModelFolder folder) => ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"];

    /// <inheritdoc/>
    public IGenerationPipeline Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        return new Clips(LtxPipeline.Open(networks), TextTokenizer.Load(networks.Folder.Component("tokenizer")));
    }

    /// <inheritdoc/>
    public GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        using var networks = new NetworkLoader(folder, new LoadOptions());
        using var pipeline = LtxPipeline.Open(networks);
        LtxAutoencoderConfig vae = pipeline.AutoencoderConfig;
        RequestChecks.WordsForTransformer("LTX-Video", folder, request, options, TokensOf(pipeline.Index), Sampler);

        int s = vae.SpatialCompression;
        int width = options.Width ?? Width, height = options.Height ?? Height, frames = options.Frames ?? Frames;
        RequestChecks.Side("width", width, s);
        RequestChecks.Side("height", height, s);
        RequestChecks.Frames(frames, vae.TemporalCompression);
        var (keyframes, keyframeInputs) = RequestChecks.Keyframes(request, width, height, frames);
        const int EarlySteps = 50, LaterSteps = 40;
        int steps = RequestChecks.Steps(options, pipeline.Index.IsCondition ? LaterSteps : EarlySteps);
        double guidance = RequestChecks.Guidance(options, Guidance);
        int calls = steps * (guidance == 1 ? 1 : 2);
        long tokens = vae.LatentFrames(frames) * (height / s) * (width / s);
        var (given, held, input) = RequestChecks.Given(request, width, height, frames, most: 1 + vae.TemporalCompression, vae.TemporalCompression);
        return new GenerationPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt.Length > 0 ? request.NegativePrompt : DefaultNegativePrompt, Seed = RequestChecks.Seed(options), Count = RequestChecks.Count(options),
            Width = width, Height = height, Frames = frames, FrameRate = RequestChecks.FrameRate(options.FrameRate ?? request.Continue?.Fps ?? FrameRate), Steps = steps, Guidance = guidance, GuidanceRescale = 0,
            Sampler = Sampler, NetworkCalls = calls, MadeFor = new ClipSize(Width, Height, Frames),
            FrameStep = vae.TemporalCompression, HeldFrames = held, GivenFrames = given, Input = input,
            PreviewEverySteps = options.PreviewEverySteps, Tiling = options.Tiling, Cache = RequestChecks.Cache(options, steps), Keyframes = keyframes, KeyframeInputs = keyframeInputs,
            Flops = calls * (double)LtxTransformer.Flops(pipeline.TransformerConfig, tokens, TextTokens), Memory = Memory(folder, pipeline.TransformerConfig, vae, tokens, frames, height, width, options.Tiling),
        };
    }

    private static int TokensOf(LtxPipelineIndex index) => index.IsCondition ? TextTokens : EarlyTextTokens;

    // Phases free each other's weights: text encoder; transformer; decoder beside the transformer.
    private static MemoryPlan Memory(ModelFolder folder, LtxTransformerConfig transformer, LtxAutoencoderConfig vae, long tokens, long frames, long height, long width, VaeTiling tiling)
    {
        const int StreamCopies = 20;                            // tensors of the stream's size alive at once
        return new MemoryPlan(folder,
        [
            new("text_encoder", [], _ => 0),
            new("transformer", [], _ => tokens * transformer.HiddenSize * StreamCopies * sizeof(float)),
            new("vae", ["transformer"], type => LtxAutoencoder.DecodePeakBytes(vae, vae.LatentFrames((int)frames), height / vae.SpatialCompression, width / vae.SpatialCompression, tiling, type)),
        ], frames * height * width * 3 * 2);
    }

    private sealed class Clips(LtxPipeline pipeline, TextTokenizer tokenizer) : IGenerationPipeline
    {
        private const ulong NoiseOfKnown = 1, NoiseOfDecoder = 2; // purposes that draw from streams of their own
        private LatentProjection? _projection;
        private readonly PromptMemory _texts = new(prompt => Encode(pipeline, tokenizer, prompt) is var text ? [text.Embeddings, text.Mask] : [], pipeline.ReleaseTextEncoder);

        public void Generate(ClipRun run)
        {
            GenerationPlan plan = run.Plan;
            using var scope = TensorScope.Enter();
            var guided = plan.Guidance != 1;
            _texts.Need([plan.Prompt, .. plan.StoryPrompts, .. guided ? [plan.NegativePrompt] : (string[])[]]);
            LtxText text = Embedded(plan.Prompt);
            var negative = guided ? Embedded(plan.NegativePrompt) : null;
            var vae = pipeline.AutoencoderConfig;
            long f = vae.LatentFrames(plan.Frames), h = plan.Height / vae.SpatialCompression, w = plan.Width / vae.SpatialCompression;
            var random = new Generator(run.Seed);
            var noise = random.Normal(1, vae.LatentChannels, f, h, w);
            LtxKnownFrames[] known = 
            [
                .. plan.HeldFrames > 0 ? [new LtxKnownFrames(FramePixels.ToModel([.. plan.GivenFrames.TakeLast(plan.HeldFrames)]), 0)] : (LtxKnownFrames[])[],
                .. plan.Keyframes.Select(keyframe => new LtxKnownFrames(FramePixels.ToModel([keyframe.Picture]), keyframe.Frame)),
            ];
            using var sampler = pipeline.CreateSampler(plan.Steps, f * h * w);
            var latents = pipeline.Sample(text, negative, known, noise, plan.FrameRate, sampler, plan.Guidance, random.Derive(NoiseOfKnown), (call, result) => run.Step(call + 1, () => Preview(result.Denoised ?? result.Next, f, h, w)), run.Cache, run.Cancellation);
            run.Decoding();
            pipeline.DecodeInParts(latents, random.Derive(NoiseOfDecoder), plan.Tiling, part =>
            {
                foreach (VideoFrame frame in FramePixels.FromModel(part, 0)) run.Frame(frame);
            });
        }

        public void Dispose()
        {
            pipeline.Dispose();
            _texts.Dispose();
        }

        private LtxText Embedded(string prompt) => _texts[prompt] is [var embeddings, var mask] ? new LtxText(embeddings, mask) : throw new InvalidOperationException("a prompt has embeddings and a mask.");

        private VideoFrame Preview(Tensor tokens, long f, long h, long w)
        {
            LtxAutoencoderConfig vae = pipeline.AutoencoderConfig;
            _projection ??= LatentProjection.Fit(pipeline.EncodeFrames, vae.SpatialCompression, 1 + vae.TemporalCompression);
            return _projection.Picture(LtxTokens.Unpack(tokens.Narrow(1, tokens.Size(1) - f * h * w, f * h * w), f, h, w));
        }

        private static LtxText Encode(LtxPipeline pipeline, TextTokenizer tokenizer, string prompt)
        {
            using var scope = TensorScope.Enter();
            int length = TokensOf(pipeline.Index);
            PaddedTokens tokens = tokenizer.EncodePadded(PromptText.Clean(prompt), length);
            float[] mask = [.. Enumerable.Range(0, length).Select(i => i < tokens.Count ? 1f : 0f)];
            var text = pipeline.EncodeText(Tensor.FromArray<long>([.. tokens.Ids], 1, length), Tensor.FromArray(mask, 1, length));
            scope.Keep(text.Embeddings);
            scope.Keep(text.Mask);
            return text;
        }
    }
}
