using System.Text.Json.Serialization;

namespace Kinora.Models.Systems.Wan;

/// <summary>The <c>vae/config.json</c> of Wan 2.1 and 2.2 in diffusers' words.</summary>
public sealed record WanAutoencoderConfig
{
    /// <summary>The value of <c>_class_name</c> that this network answers to.</summary>
    public const string Name = "AutoencoderKLWan";

    /// <summary>Values of keys that published files leave out (huggingface/diffusers d035dcd7, autoencoder_kl_wan.py).</summary>
    public const string Defaults = """
        {"base_dim": 96, "decoder_base_dim": null, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_scales": [],
         "temperal_downsample": [false, true, true], "dropout": 0.0, "is_residual": false, "in_channels": 3, "out_channels": 3, "patch_size": null,
         "scale_factor_temporal": 4, "scale_factor_spatial": 8,
         "latents_mean": [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921],
         "latents_std": [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160]}
        """;

    [JsonPropertyName("_class_name")] public required string ClassName { get; init; }
    [JsonPropertyName("_diffusers_version")] public string? DiffusersVersion { get; init; }
    [JsonPropertyName("_name_or_path")] public string? NameOrPath { get; init; }
    /// <summary>Width of the encoder's first stage, and of the decoder's last unless it has its own.</summary>
    public required int BaseDim { get; init; }
    /// <summary>Width of the decoder's last stage; null for <see cref="BaseDim"/>.</summary>
    public required int? DecoderBaseDim { get; init; }
    /// <summary>Channels of a latent.</summary>
    public required int ZDim { get; init; }
    /// <summary>Width of each encoder stage over the base.</summary>
    public required IReadOnlyList<int> DimMult { get; init; }
    /// <summary>Residual blocks of an encoder stage; the decoder has one more.</summary>
    public required int NumResBlocks { get; init; }
    /// <summary>Scales with attention between the stages; no published model has any.</summary>
    public required IReadOnlyList<double> AttnScales { get; init; }
    /// <summary>Whether each of the encoder's reductions halves the frames too (the publisher's spelling).</summary>
    public required IReadOnlyList<bool> TemperalDownsample { get; init; }
    /// <summary>Of training; not used here.</summary>
    public required double Dropout { get; init; }
    /// <summary>Mean of every latent channel.</summary>
    public required IReadOnlyList<double> LatentsMean { get; init; }
    /// <summary>Standard deviation of every latent channel.</summary>
    public required IReadOnlyList<double> LatentsStd { get; init; }
    /// <summary>Whether stages have parameter-free shortcuts (Wan 2.2).</summary>
    public required bool IsResidual { get; init; }
    /// <summary>Channels that enter, after patches were folded into them.</summary>
    public required int InChannels { get; init; }
    /// <summary>Channels that leave, before patches are unfolded.</summary>
    public required int OutChannels { get; init; }
    /// <summary>Side of the pixel patches that are folded into channels; null for none.</summary>
    public required int? PatchSize { get; init; }
    /// <summary>Frames of one latent frame, except the first.</summary>
    public required int ScaleFactorTemporal { get; init; }
    /// <summary>Pixels of one latent's side.</summary>
    public required int ScaleFactorSpatial { get; init; }

    /// <summary>Wan 2.1.</summary>
    public static WanAutoencoderConfig Wan21 { get; } = new()
    {
        ClassName = Name, BaseDim = 96, DecoderBaseDim = null, ZDim = 16, DimMult = [1, 2, 4, 4], NumResBlocks = 2, AttnScales = [],
        TemperalDownsample = [false, true, true], Dropout = 0, IsResidual = false, InChannels = 3, OutChannels = 3, PatchSize = null,
        ScaleFactorTemporal = 4, ScaleFactorSpatial = 8,
        LatentsMean = [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921],
        LatentsStd = [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160],
    };

    /// <summary>Wan 2.2 TI2V-5B (huggingface/diffusers, scripts/convert_wan_to_diffusers.py; Wan-Video/Wan2.2, wan/modules/vae2_2.py).</summary>
    public static WanAutoencoderConfig Wan22 { get; } = Wan21 with
    {
        BaseDim = 160, DecoderBaseDim = 256, ZDim = 48, IsResidual = true, InChannels = 12, OutChannels = 12, PatchSize = 2, ScaleFactorSpatial = 16,
        LatentsMean =
        [
            -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891, 0.1570, -0.0098, 0.0375, -0.1825,
            -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502, -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230,
            -0.0313, -0.1649, 0.0117, 0.0723, -0.2839, -0.2083, -0.0520, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667,
        ],
        LatentsStd =
        [
            0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901, 0.6885, 0.6165, 0.8454, 0.4978,
            0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659, 0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093,
            0.5709, 0.6065, 0.6415, 0.4944, 0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
        ],
    };

    /// <summary>Width of the decoder's last stage.</summary>
    [JsonIgnore] public int DecoderDim => DecoderBaseDim ?? BaseDim;
    /// <summary>Side of the pixel patches that are folded into channels.</summary>
    [JsonIgnore] public int Patch => PatchSize ?? 1;
    /// <summary>Color channels of a picture.</summary>
    [JsonIgnore] public int PictureChannels => InChannels / (Patch * Patch);

    /// <summary>Latent frames of 1 + 4k frames: 1 + k.</summary>
    public int LatentFrames(int frames) => 1 + (frames - 1) / ScaleFactorTemporal;

    /// <summary>Throws <see cref="Kinora.Engine.ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new ConfigViolations("Wan VAE config");
        violations.Require(ClassName == Name, $"`_class_name` must be \"{Name}\", got \"{ClassName}\"");
        violations.RequirePositive("base_dim", BaseDim);
        violations.Require(DecoderBaseDim is null or > 0, $"`decoder_base_dim` must be positive or null, got {DecoderBaseDim}");
        violations.RequirePositive("z_dim", ZDim);
        violations.Require(DimMult.Count > 0 && DimMult.All(m => m > 0), "`dim_mult` must hold positive numbers");
        violations.RequirePositive("num_res_blocks", NumResBlocks);
        violations.Require(AttnScales.Count == 0, "`attn_scales` must be empty: no published Wan VAE has attention between its stages");
        violations.Require(TemperalDownsample.Count == DimMult.Count - 1, $"`temperal_downsample` must have one entry fewer than `dim_mult` ({DimMult.Count - 1}), got {TemperalDownsample.Count}");
        violations.Require(LatentsMean.Count == ZDim && LatentsStd.Count == ZDim, $"`latents_mean` and `latents_std` must have `z_dim` entries ({ZDim}), got {LatentsMean.Count} and {LatentsStd.Count}");
        violations.Require(LatentsStd.All(s => s > 0), "`latents_std` must be positive");
        violations.Require(PatchSize is null or > 0, $"`patch_size` must be positive or null, got {PatchSize}");
        violations.RequirePositive("in_channels", InChannels);
        violations.RequirePositive("out_channels", OutChannels);
        violations.Require(InChannels % (Patch * Patch) == 0 && OutChannels % (Patch * Patch) == 0, $"`in_channels` and `out_channels` must be multiples of `patch_size`² ({Patch * Patch})");
        violations.Require(ScaleFactorTemporal == 1 << TemperalDownsample.Count(t => t), $"`scale_factor_temporal` must be {1 << TemperalDownsample.Count(t => t)} (from `temperal_downsample`), got {ScaleFactorTemporal}");
        violations.Require(ScaleFactorSpatial == Patch << TemperalDownsample.Count, $"`scale_factor_spatial` must be {Patch << TemperalDownsample.Count} (from `temperal_downsample` and `patch_size`), got {ScaleFactorSpatial}");
        violations.ThrowIfAny();
    }
}
