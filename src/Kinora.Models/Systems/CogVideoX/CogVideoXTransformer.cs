using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Diffusion;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.CogVideoX;

// CogVideoX's denoiser: one transformer over text and video tokens together; timestep modulation is separate for the two (expert adaptive norm).
// Paper: Yang et al., "CogVideoX: Text-to-Video Diffusion Models with An Expert Transformer", arXiv:2408.06072, section 2.2 and figure 3.
// Parameter names follow huggingface/diffusers d035dcd7, models/transformers/cogvideox_transformer_3d.py.
//
// Shapes    B batch  F latent frames  C latent channels  H,W latent height, width  T text tokens  E text width
//           V video tokens  L = T + V  D width  N heads  M width of the time embedding
// Numerics  residual stream, norms, modulation and rotation are float32; linears and attention run in the autocast type.
public sealed class CogVideoXTransformer : Module
{
    private readonly PatchEmbed _patchEmbed;
    private readonly TimestepEmbedding _timeEmbedding;
    private readonly TimestepEmbedding? _ofsEmbedding;
    private readonly Block[] _blocks;
    private readonly LayerNorm _normFinal;
    private readonly AdaptiveNorm _normOut;
    private readonly Linear _projOut;

    public CogVideoXTransformer(ParameterPath path, CogVideoXTransformerConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        int d = config.Dim, patch = config.PatchSize * config.PatchSize * config.PatchFrames;
        _patchEmbed = new PatchEmbed(path["patch_embed"], config);
        _timeEmbedding = new TimestepEmbedding(path["time_embedding"], d, config.TimeEmbedDim);
        _ofsEmbedding = config.OfsEmbedDim is { } width ? new TimestepEmbedding(path["ofs_embedding"], width, width) : null;
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(i => new Block(path["transformer_blocks"][i], config))];
        _normFinal = new LayerNorm(path["norm_final"], d, config.NormEps, config.NormElementwiseAffine);
        _normOut = new AdaptiveNorm(path["norm_out"], config, parts: 2);
        _projOut = new Linear(path["proj_out"], d, patch * config.OutChannels);
    }

    public CogVideoXTransformerConfig Config { get; }

    /// <summary>The prediction (v for every published model) for noisy latents, [B, F, C', H, W] in float32.</summary>
    /// <param name="x">Noisy latents, with the image's latents behind them in the channels for image to video, [B, F, C, H, W]; H and W multiples of the patch, F of its frames.</param>
    /// <param name="timestep">Training timestep of each sample, [B].</param>
    /// <param name="text">Text embeddings, [B, T, E].</param>
    /// <param name="offset">For networks with an offset embedding (version 1.5, image to video), [B]; else null.</param>
    /// <param name="cache">Step caching; null computes every call.</param>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, Tensor? offset = null, StepCache.Branch? cache = null)
    {
        using var scope = TensorScope.Enter();
        Check(x, timestep, text, offset);
        var (_, frames, _, height, width) = x.Dims5();
        int f = (int)frames / Config.PatchFrames, rows = (int)height / Config.PatchSize, columns = (int)width / Config.PatchSize;
        var time = ForwardTrace.Report(_timeEmbedding, _timeEmbedding.Forward(TimestepPhases.Forward(timestep, Config.Dim, Config.FlipSinToCos, Config.FreqShift)));
        if (_ofsEmbedding is not null)
            time += _ofsEmbedding.Forward(TimestepPhases.Forward(offset!, Config.OfsEmbedDim!.Value, Config.FlipSinToCos, Config.FreqShift));
        time = F.Silu(time.To(DType.Float32));                                                   // [B, M]
        var tokens = (int)text.Size(1);
        var h = _patchEmbed.Forward(text, x);                                                    // [B, L, D]
        var rotary = Config.UseRotaryPositionalEmbeddings ? Rotary(tokens, f, rows, columns, x.Device) : null;
        Tensor Through(Tensor stream, Block block) => block.Forward(stream, tokens, time, rotary);
        if (cache is not null) h = cache.Forward(h, _blocks, Through);
        else
            foreach (var block in _blocks)
            {
                var next = Through(h, block);
                if (!h.RequiresGrad) h.Dispose();
                h = next;
            }
        var video = ForwardTrace.Report(_normFinal, _normFinal.Forward(h.Narrow(1, tokens, h.Size(1) - tokens))); // [B, V, D]
        var (shift, scale) = _normOut.Modulation(time).Chunk2(1);
        return scope.Keep(Unpatch(_projOut.Forward(_normOut.Forward(video, shift, scale)).To(DType.Float32), f, rows, columns));
    }

    /// <summary>Loads the transformer of a model.</summary>
    public static CogVideoXTransformer Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = ModelConfigJson.Read(networks.Folder.Config("transformer"), CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults);
        return networks.Load("transformer", p => new CogVideoXTransformer(p, config));
    }

    /// <summary>Floating point operations for one sample (a multiply-add counts as two).</summary>
    public static long Flops(CogVideoXTransformerConfig config, int latentFrames, int height, int width, int textTokens)
    {
        long d = config.Dim, p = config.PatchSize, video = (long)(latentFrames / config.PatchFrames) * (height / p) * (width / p), l = video + textTokens;
        long patch = p * p * config.PatchFrames, modulation = 2 * 2 * 6 * d * config.TimeEmbedDim;
        long ends = 2 * video * d * patch * (config.InChannels + config.OutChannels) + 2 * textTokens * d * config.TextEmbedDim;
        return config.NumLayers * (SelfAttention.Flops(l, d) + FeedForward.Flops(l, d, 4 * d) + modulation) + ends;
    }

    // Text tokens are not turned: their cosine is 1 and their sine 0.
    private (Tensor Cos, Tensor Sin)? Rotary(int tokens, int frames, int rows, int columns, Device device)
    {
        var half = Config.AttentionHeadDim / 2;
        var (cos, sin) = CogVideoXPositions.Rotary(Config, frames, rows, columns);
        return (Tensor.Cat([Tensor.Ones([tokens, half]), cos], 0).To(device), Tensor.Cat([Tensor.Zeros([tokens, half]), sin], 0).To(device)); // [L, head/2]
    }

    private Tensor Unpatch(Tensor x, int frames, int rows, int columns)                          // [B, V, patch · C']
    {
        using var scope = TensorScope.Enter();
        int p = Config.PatchSize, t = Config.PatchFrames;
        long b = x.Size(0), c = Config.OutChannels;
        var blocks = x.Reshape(b, frames, rows, columns, c, t, p, p).Permute(0, 1, 5, 4, 2, 6, 3, 7);
        return scope.Keep(blocks.Reshape(b, frames * t, c, rows * p, columns * p));              // [B, F, C', H, W]
    }

    private void Check(Tensor x, Tensor timestep, Tensor text, Tensor? offset)
    {
        int p = Config.PatchSize, t = Config.PatchFrames;
        if (x.Dim != 5 || x.Size(2) != Config.InChannels || x.Size(1) % t != 0 || x.Size(3) % p != 0 || x.Size(4) % p != 0)
            throw new ShapeException($"CogVideoXTransformer: expected latents [B, {t}k, {Config.InChannels}, {p}m, {p}n], got {x}.");
        if (text.Dim != 3 || text.Size(0) != x.Size(0) || text.Size(2) != Config.TextEmbedDim)
            throw new ShapeException($"CogVideoXTransformer: expected text [{x.Size(0)}, T, {Config.TextEmbedDim}], got {text}.");
        if (text.Size(1) > Config.MaxTextSeqLength && !(Config.UseRotaryPositionalEmbeddings && !Config.UseLearnedPositionalEmbeddings))
            throw new ShapeException($"CogVideoXTransformer: expected at most {Config.MaxTextSeqLength} text tokens (`max_text_seq_length`), got {text.Size(1)}. Cut the prompt.");
        if (timestep.Dim != 1 || timestep.Size(0) != x.Size(0))
            throw new ShapeException($"CogVideoXTransformer: expected timesteps [{x.Size(0)}], got {timestep}.");
        if (offset is null != _ofsEmbedding is null)
            throw new ShapeException($"CogVideoXTransformer: {(offset is null ? "this network needs an offset [B]" : "an offset was given, this network has no embedding for it (`ofs_embed_dim` is null)")}.");
    }

    private sealed class PatchEmbed : Module
    {
        private readonly CogVideoXTransformerConfig _config;
        private readonly Conv2d? _framePatches;
        private readonly Linear? _patches;
        private readonly Linear _textProj;
        private readonly Tensor? _posEmbedding;

        public PatchEmbed(ParameterPath path, CogVideoXTransformerConfig config) : base(path)
        {
            _config = config;
            int d = config.Dim, p = config.PatchSize;
            if (config.UseLearnedPositionalEmbeddings)
            {
                long tokens = config.MaxTextSeqLength + (long)((config.SampleFrames - 1) / config.TemporalCompressionRatio + 1) * (config.SampleHeight / p) * (config.SampleWidth / p);
                _posEmbedding = path.Create("pos_embedding", [1, tokens, d], Init.Zeros);
            }
            if (config.PatchSizeT is { } t)
                _patches = new Linear(path["proj"], config.InChannels * p * p * t, d, init: Init.TorchLinear);
            else
                _framePatches = new Conv2d(path["proj"], config.InChannels, d, p, p, bias: config.PatchBias);
            _textProj = new Linear(path["text_proj"], config.TextEmbedDim, d, init: Init.TorchLinear);
        }

        public Tensor Forward(Tensor text, Tensor x)                                             // [B, T, E], [B, F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            var video = _framePatches is null ? Blocks(x) : Frames(x);                           // [B, V, D]
            var tokens = Tensor.Cat([_textProj.Forward(text), video.To(Autocast.Target ?? _textProj.Weight.DType)], 1).To(DType.Float32);
            return scope.Keep(ForwardTrace.Report(this, Positions(x) is { } positions ? tokens + positions.Narrow(1, _config.MaxTextSeqLength - text.Size(1), tokens.Size(1)) : tokens));
        }

        private Tensor Frames(Tensor x)
        {
            var (b, f, c, height, width) = x.Dims5();
            var patches = _framePatches!.Forward(x.Reshape(b * f, c, height, width));            // [B · F, D, H/p, W/p]
            return patches.Flatten(2).Transpose(1, 2).Reshape(b, -1, _config.Dim);
        }

        private Tensor Blocks(Tensor x)
        {
            var (b, f, c, height, width) = x.Dims5();
            int p = _config.PatchSize, t = _config.PatchFrames;
            var blocks = x.Reshape(b, f / t, t, c, height / p, p, width / p, p).Permute(0, 1, 4, 6, 3, 2, 5, 7);
            return _patches!.Forward(blocks.Reshape(b, f / t * (height / p) * (width / p), c * t * p * p));
        }

        // What is added to the tokens, [1, max text + V, D]; null for a network that only rotates. Stored positions fit clips of the training
        // length; clips of another length get computed ones, as in the reference.
        private Tensor? Positions(Tensor x)
        {
            if (_config.UseRotaryPositionalEmbeddings && _posEmbedding is null) return null;
            var (_, f, _, height, width) = x.Dims5();
            if (_posEmbedding is not null && (height != _config.SampleHeight || width != _config.SampleWidth))
                throw new ShapeException($"CogVideoXTransformer: positions of this network are learned for {_config.SampleHeight} × {_config.SampleWidth} latents, got {height} × {width}. Use the size it was trained for.");
            if (_posEmbedding is not null && (f - 1) * _config.TemporalCompressionRatio + 1 == _config.SampleFrames) return _posEmbedding.To(DType.Float32);
            return CogVideoXPositions.SinCos(_config.Dim, _config.MaxTextSeqLength, (int)f / _config.PatchFrames, (int)height / _config.PatchSize, (int)width / _config.PatchSize,
                _config.SpatialInterpolationScale, _config.TemporalInterpolationScale).To(x.Device);
        }
    }

    private sealed class Block : Module
    {
        private readonly AdaptiveNorm _norm1, _norm2;
        private readonly Attention _attn1;
        private readonly Linear _ffIn, _ffOut;
        private readonly Func<Tensor, Tensor> _activation;

        public Block(ParameterPath path, CogVideoXTransformerConfig config) : base(path)
        {
            int d = config.Dim;
            _activation = Activation.Find(config.ActivationFn)!;
            _norm1 = new AdaptiveNorm(path["norm1"], config, parts: 6);
            _attn1 = new Attention(path["attn1"], config);
            _norm2 = new AdaptiveNorm(path["norm2"], config, parts: 6);
            _ffIn = new Linear(path["ff"]["net"][0]["proj"], d, 4 * d);
            _ffOut = new Linear(path["ff"]["net"][2], 4 * d, d);
        }

        public Tensor Forward(Tensor x, int tokens, Tensor time, (Tensor Cos, Tensor Sin)? rotary) // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var text = x.Narrow(1, 0, tokens);
            var video = x.Narrow(1, tokens, x.Size(1) - tokens);

            var (shift, scale, gate, textShift, textScale, textGate) = _norm1.Modulation(time).Chunk6(1); // 6 × [B, D]
            var h = _attn1.Forward(Tensor.Cat([_norm1.Forward(text, textShift, textScale), _norm1.Forward(video, shift, scale)], 1), rotary);
            (text, video) = Add(text, video, textGate, gate, h);

            (shift, scale, gate, textShift, textScale, textGate) = _norm2.Modulation(time).Chunk6(1);
            h = Tensor.Cat([_norm2.Forward(text, textShift, textScale), _norm2.Forward(video, shift, scale)], 1);
            (text, video) = Add(text, video, textGate, gate, _ffOut.Forward(_activation(_ffIn.Forward(h))));
            ForwardTrace.Report(this, video);
            return scope.Keep(Tensor.Cat([text, video], 1));                                     // [B, L, D]
        }

        private static (Tensor Text, Tensor Video) Add(Tensor text, Tensor video, Tensor textGate, Tensor gate, Tensor h)
        {
            var tokens = text.Size(1);
            return (F.GatedResidual(text, textGate, h.Narrow(1, 0, tokens)), F.GatedResidual(video, gate, h.Narrow(1, tokens, video.Size(1))));
        }
    }

    /// <summary>A layer norm whose shift and scale, beside learned ones, come from the time.</summary>
    private sealed class AdaptiveNorm : Module
    {
        private readonly Linear _linear;
        private readonly Tensor? _weight, _bias;
        private readonly double _eps;

        public AdaptiveNorm(ParameterPath path, CogVideoXTransformerConfig config, int parts) : base(path)
        {
            _linear = new Linear(path["linear"], config.TimeEmbedDim, parts * config.Dim, init: Init.TorchLinear);
            var norm = path["norm"];
            _weight = config.NormElementwiseAffine ? norm.Create("weight", [config.Dim], Init.Ones) : null;
            _bias = config.NormElementwiseAffine ? norm.Create("bias", [config.Dim], Init.Zeros) : null;
            _eps = config.NormEps;
        }

        public Tensor Modulation(Tensor time) => _linear.Forward(time).To(DType.Float32);        // [B, M] → [B, parts · D]

        // (LN(x) w + b)(1 + scale) + shift = LN(x)(1 + scale') + shift': one fused pass over the tokens.
        public Tensor Forward(Tensor x, Tensor shift, Tensor scale)                              // [B, R, D], [B, D] × 2
        {
            using var scope = TensorScope.Enter();
            if (_weight is not null)
            {
                var gain = scale + 1;
                (shift, scale) = (gain * _bias! + shift, gain * _weight - 1);
            }
            return scope.Keep(F.LayerNormModulate(x, shift, scale, _eps));
        }
    }

    private sealed class Attention : Module
    {
        private const double NormEps = 1e-6;
        private readonly int _numHeads;
        private readonly LayerNorm _normQ, _normK;
        private readonly Linear _toQ, _toK, _toV, _toOut;

        public Attention(ParameterPath path, CogVideoXTransformerConfig config) : base(path)
        {
            int d = config.Dim;
            _numHeads = config.NumAttentionHeads;
            _normQ = new LayerNorm(path["norm_q"], config.AttentionHeadDim, NormEps);
            _normK = new LayerNorm(path["norm_k"], config.AttentionHeadDim, NormEps);
            _toQ = new Linear(path["to_q"], d, d, config.AttentionBias);
            _toK = new Linear(path["to_k"], d, d, config.AttentionBias);
            _toV = new Linear(path["to_v"], d, d, config.AttentionBias);
            _toOut = new Linear(path["to_out"][0], d, d);
        }

        public Tensor Forward(Tensor x, (Tensor Cos, Tensor Sin)? rotary)                        // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            var q = Turned(_normQ.Forward(_toQ.Forward(x).View(b, l, _numHeads, -1)), rotary);   // [B, L, N, D/N]
            var k = Turned(_normK.Forward(_toK.Forward(x).View(b, l, _numHeads, -1)), rotary);
            var v = _toV.Forward(x).View(b, l, _numHeads, -1);
            var h = F.ScaledDotProductAttention(q.Transpose(1, 2), k.Transpose(1, 2), v.Transpose(1, 2));
            return scope.Keep(_toOut.Forward(h.Transpose(1, 2).Reshape(b, l, d)));               // [B, L, D]
        }

        private static Tensor Turned(Tensor x, (Tensor Cos, Tensor Sin)? rotary) => rotary is (var cos, var sin) ? F.ApplyRope(x, cos, sin) : x;
    }
}
