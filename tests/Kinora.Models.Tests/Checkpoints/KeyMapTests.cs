// Oracle: the manifests of published checkpoints (names after the publishers' own conversion), and single names of the original files
// as the conversion scripts named in the tables give them.

using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Tests.Contracts;

namespace Kinora.Models.Tests.Checkpoints;

public sealed class KeyMapTests
{
    private static readonly Dictionary<string, Func<KeyMap>> Tables = new(StringComparer.Ordinal)
    {
        ["sd15.unet"] = () => CompVisKeys.UNet(4, 2, level => level < 3),
        ["sd21.unet"] = () => CompVisKeys.UNet(4, 2, level => level < 3),
        ["svd.unet"] = () => VideoDiffusionKeys.UNet(4, 2, level => level < 3),
        ["svd.vae"] = () => VideoDiffusionKeys.Vae(4),
        ["sd.vae"] = () => CompVisKeys.Vae(4),
        ["animatediff-v2.motion_adapter"] = () => MotionModuleKeys.Adapter,
        ["wan2.1-t2v-1.3b.transformer"] = () => WanKeys.Transformer,
        ["wan2.1-i2v-14b.transformer"] = () => WanKeys.Transformer,
        ["wan2.1.vae"] = () => WanKeys.Vae21(4, 2),
        ["wan2.2.vae"] = () => WanKeys.Vae22(4, 2),
        ["ltx-2b.transformer"] = () => LtxKeys.Transformer,
        ["ltx-0.9.0.vae"] = () => LtxKeys.Vae(LtxVaeVersion.V090),
        ["ltx-0.9.1.vae"] = () => LtxKeys.Vae(LtxVaeVersion.V091),
        ["ltx-0.9.5.vae"] = () => LtxKeys.Vae(LtxVaeVersion.V095),
        ["cogvideox-2b.transformer"] = () => CogVideoXKeys.Transformer,
        ["cogvideox.vae"] = () => CogVideoXKeys.Vae(4),
    };

    public static TheoryData<string> Manifests => [.. Tables.Keys];

    [Theory]
    [MemberData(nameof(Manifests))]
    public void ToPublished_ThenToOwn_GivesEveryParameterOfTheManifest(string manifest)
    {
        KeyMap map = Tables[manifest]();
        // One published tensor may hold several of ours; two of ours never come from the same part of one.
        var sources = new Dictionary<(string, KeyStep), string>();
        foreach (string own in CheckpointKeys.Names(manifest))
        {
            var (published, step) = map.ToPublished(own).ShouldNotBeNull($"{own} has no published name");
            map.ToOwn(published).ShouldContain((own, step), $"{own} goes to {published}, which does not come back");
            map.ReasonToOmit(published).ShouldBeNull();
            sources.TryAdd((published, step), own).ShouldBeTrue($"{own} and {sources.GetValueOrDefault((published, step))} both come from {published}");
        }
    }

    [Theory]
    [InlineData("sd15.unet", "input_blocks.0.0.weight", "conv_in.weight")]
    [InlineData("sd15.unet", "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight")]
    [InlineData("sd15.unet", "input_blocks.3.0.op.weight", "down_blocks.0.downsamplers.0.conv.weight")]
    [InlineData("sd15.unet", "output_blocks.2.1.conv.weight", "up_blocks.0.upsamplers.0.conv.weight")]
    [InlineData("sd15.unet", "output_blocks.5.2.conv.weight", "up_blocks.1.upsamplers.0.conv.weight")]
    [InlineData("sd15.unet", "output_blocks.11.0.skip_connection.bias", "up_blocks.3.resnets.2.conv_shortcut.bias")]
    [InlineData("sd.vae", "decoder.up.3.block.0.conv1.weight", "decoder.up_blocks.0.resnets.0.conv1.weight")]
    [InlineData("sd.vae", "encoder.mid.attn_1.proj_out.weight", "encoder.mid_block.attentions.0.to_out.0.weight")]
    [InlineData("wan2.1-i2v-14b.transformer", "blocks.7.norm3.weight", "blocks.7.norm2.weight")]
    [InlineData("wan2.1-i2v-14b.transformer", "blocks.7.cross_attn.k_img.bias", "blocks.7.attn2.add_k_proj.bias")]
    [InlineData("wan2.1-i2v-14b.transformer", "img_emb.proj.3.weight", "condition_embedder.image_embedder.ff.net.2.weight")]
    [InlineData("wan2.1.vae", "decoder.upsamples.3.resample.1.weight", "decoder.up_blocks.0.upsamplers.0.resample.1.weight")]
    [InlineData("wan2.1.vae", "decoder.upsamples.4.shortcut.weight", "decoder.up_blocks.1.resnets.0.conv_shortcut.weight")]
    [InlineData("wan2.1.vae", "encoder.downsamples.2.resample.1.bias", "encoder.down_blocks.2.resample.1.bias")]
    [InlineData("wan2.1.vae", "conv1.weight", "quant_conv.weight")]
    [InlineData("wan2.2.vae", "encoder.downsamples.0.downsamples.2.resample.1.weight", "encoder.down_blocks.0.downsampler.resample.1.weight")]
    [InlineData("ltx-0.9.0.vae", "decoder.up_blocks.4.conv_shortcut.weight", "decoder.up_blocks.2.conv_in.conv_shortcut.conv.weight")]
    [InlineData("ltx-0.9.5.vae", "encoder.down_blocks.8.res_blocks.1.conv2.conv.bias", "encoder.mid_block.resnets.1.conv2.conv.bias")]
    [InlineData("ltx-2b.transformer", "transformer_blocks.3.attn2.q_norm.weight", "transformer_blocks.3.attn2.norm_q.weight")]
    [InlineData("cogvideox-2b.transformer", "mixins.adaln_layer.key_layernorm_list.5.bias", "transformer_blocks.5.attn1.norm_k.bias")]
    [InlineData("cogvideox.vae", "decoder.up.0.block.3.norm1.conv_y.conv.weight", "decoder.up_blocks.3.resnets.3.norm1.conv_y.conv.weight")]
    [InlineData("animatediff-v2.motion_adapter", "mid_block.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.1.to_q.weight", "mid_block.motion_modules.0.transformer_blocks.0.attn2.to_q.weight")]
    public void ToOwn_NameOfTheOriginalFile_IsTheConversionScripts(string table, string published, string own)
    {
        var found = Tables[table]().ToOwn(published);

        found.Select(f => f.Own).ShouldBe([own]);
    }

    [Fact]
    public void ToOwn_JointProjection_GivesItsParts()
    {
        var found = CogVideoXKeys.Transformer.ToOwn("transformer.layers.2.attention.query_key_value.weight");

        found.Select(f => f.Own).ShouldBe(["transformer_blocks.2.attn1.to_q.weight", "transformer_blocks.2.attn1.to_k.weight", "transformer_blocks.2.attn1.to_v.weight"], ignoreOrder: true);
    }
}
