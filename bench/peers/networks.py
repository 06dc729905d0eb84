#!/usr/bin/env python3
"""Published networks in plain PyTorch, to compare Kinora with on the same machine: same weights, same inputs, outputs compared.

    kinora bench networks --only "SD 1.5 U-Net" --write FOLDER
    python3 bench/peers/networks.py FOLDER/sd15-unet          prints one JSON line: {"case", "seconds", "error", "threads"}

bench/peers/networks.sh does both for every case. Written from the papers' equations and the parameter names of the published
checkpoints; Kinora's own files of these networks name the sources. The arithmetic is float32 and what a PyTorch user gets without
further work: contiguous tensors, softmax attention of matrix products (frame by frame where the scores would pass 2 GB).
"error" is the largest difference from Kinora's float32 result over its largest magnitude. No part of the product.
"""
import json
import math
import os
import sys
import time

try:
    import numpy as np
    import torch
    from torch.nn import functional as fn
except ImportError:
    print("skipped: this python3 has no torch", file=sys.stderr)
    sys.exit(0)

SCORE_BYTES = 2 << 30
# Of the published networks; what else there is to know, the shapes of the weights say.
GROUPS, HEADS, MOTION_HEADS, SVD_HEADS, WAN_HEADS, ADDED_DIM = 32, 8, 8, (5, 10, 20, 20), 12, 256


def read_safetensors(path):
    """Format: 8 bytes little-endian length, a JSON header of that length, then the data that its offsets point into."""
    with open(path, "rb") as f:
        length = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(length))
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: {name} is {entry['dtype']}; expected F32")
        begin, end = entry["data_offsets"]
        tensors[name] = torch.from_numpy(np.array(data[begin:end]).view(np.float32).reshape(entry["shape"]))
    return tensors


class Weights:
    """A place in the tree of parameter names: w["conv_in"].weight."""

    def __init__(self, tensors, prefix=""):
        self.tensors, self.prefix = tensors, prefix

    def __getitem__(self, part):
        return Weights(self.tensors, f"{self.prefix}{part}.")

    def get(self, name):
        return self.tensors.get(self.prefix + name)

    @property
    def weight(self):
        return self.tensors[self.prefix + "weight"]

    @property
    def bias(self):
        return self.get("bias")

    def has(self, part):
        return any(name.startswith(f"{self.prefix}{part}.") for name in self.tensors)

    def count(self, part):
        n = 0
        while self.has(f"{part}.{n}"):
            n += 1
        return n


def linear(w, x):
    return fn.linear(x, w.weight, w.bias)


def conv(w, x, stride=1, padding=1):
    return fn.conv2d(x, w.weight, w.bias, stride, padding)


def group_norm(w, x, eps):
    return fn.group_norm(x, GROUPS, w.weight, w.bias, eps)


def layer_norm(w, x):
    return fn.layer_norm(x, (x.shape[-1],), w.weight, w.bias, 1e-5)


def sdpa(q, k, v):
    """[B, H, L, D] each."""
    b, h, l, d = q.shape
    part = max(1, SCORE_BYTES // (4 * h * l * k.shape[2]))
    out = [torch.softmax(q[i:i + part] @ k[i:i + part].transpose(-2, -1) * d ** -0.5, -1) @ v[i:i + part] for i in range(0, b, part)]
    return out[0] if len(out) == 1 else torch.cat(out)


def attention(w, x, context, heads):
    context = x if context is None else context
    q, k, v = (linear(w[n], s).unflatten(-1, (heads, -1)).transpose(1, 2) for n, s in (("to_q", x), ("to_k", context), ("to_v", context)))
    return linear(w["to_out"]["0"], sdpa(q, k, v).transpose(1, 2).flatten(2))


def geglu(w, x):
    value, gate = linear(w["net"]["0"]["proj"], x).chunk(2, -1)
    return linear(w["net"]["2"], value * fn.gelu(gate))


def phases(t, dim):
    frequencies = torch.exp(-math.log(10_000) * torch.arange(dim // 2, dtype=torch.float32) / (dim // 2))
    angle = t.float()[:, None] * frequencies[None]
    return torch.cat([angle.cos(), angle.sin()], -1)


def embed(w, x):
    return linear(w["linear_2"], fn.silu(linear(w["linear_1"], x)))


def resnet(w, x, temb=None, eps=1e-5):
    h = conv(w["conv1"], fn.silu(group_norm(w["norm1"], x, eps)))
    if temb is not None:
        h = h + linear(w["time_emb_proj"], fn.silu(temb))[:, :, None, None]
    h = conv(w["conv2"], fn.silu(group_norm(w["norm2"], h, eps)))
    return (conv(w["conv_shortcut"], x, padding=0) if w.has("conv_shortcut") else x) + h


def transformer_block(w, x, context, heads):
    x = x + attention(w["attn1"], layer_norm(w["norm1"], x), None, heads)
    x = x + attention(w["attn2"], layer_norm(w["norm2"], x), context, heads)
    return x + geglu(w["ff"], layer_norm(w["norm3"], x))


def transformer_2d(w, x, context, heads):
    b, c, height, width = x.shape
    h = group_norm(w["norm"], x, 1e-6)
    h = conv(w["proj_in"], h, padding=0).permute(0, 2, 3, 1).flatten(1, 2)
    for i in range(w.count("transformer_blocks")):
        h = transformer_block(w["transformer_blocks"][i], h, context, heads)
    return x + conv(w["proj_out"], h.view(b, height, width, c).permute(0, 3, 1, 2), padding=0)


def unet(w, x, temb, resnet_at, attend_at, behind=lambda w, x: x):
    """The way down with its skips, the middle, the way up. resnet_at(w, x, level kind), attend_at(w, x, level)."""
    x = conv(w["conv_in"], x)
    skips, levels = [x], w.count("down_blocks")
    for level in range(levels):
        block = w["down_blocks"][level]
        for i in range(block.count("resnets")):
            x = resnet_at(block["resnets"][i], x, "down" if block.has("attentions") else "plain")
            if block.has("attentions"):
                x = attend_at(block["attentions"][i], x, level)
            x = behind(block["motion_modules"][i], x)
            skips.append(x)
        if block.has("downsamplers"):
            x = conv(block["downsamplers"]["0"]["conv"], x, stride=2)
            skips.append(x)
    mid = w["mid_block"]
    x = resnet_at(mid["resnets"]["0"], x, "plain")
    x = attend_at(mid["attentions"]["0"], x, levels - 1)
    x = behind(mid["motion_modules"]["0"], x)
    x = resnet_at(mid["resnets"]["1"], x, "plain")
    for index in range(levels):
        block = w["up_blocks"][index]
        for i in range(block.count("resnets")):
            x = resnet_at(block["resnets"][i], torch.cat([x, skips.pop()], 1), "up")
            if block.has("attentions"):
                x = attend_at(block["attentions"][i], x, levels - 1 - index)
            x = behind(block["motion_modules"][i], x)
        if block.has("upsamplers"):
            x = conv(block["upsamplers"]["0"]["conv"], fn.interpolate(x, scale_factor=2.0, mode="nearest"))
    return conv(w["conv_out"], fn.silu(group_norm(w["conv_norm_out"], x, 1e-5)))


def sd_unet(w, latents, timestep, text):
    temb = embed(w["time_embedding"], phases(timestep.expand(latents.shape[0]), w["conv_in"].weight.shape[0]))
    return unet(w, latents, temb, lambda v, x, kind: resnet(v, x, temb), lambda v, x, level: transformer_2d(v, x, text, HEADS))


def motion_module(w, x, frames):
    n, c, height, width = x.shape
    clip = x.view(n // frames, frames, c, height, width).transpose(1, 2)
    h = group_norm(w["norm"], clip, 1e-6).permute(0, 3, 4, 2, 1).reshape(-1, frames, c)
    h = linear(w["proj_in"], h)
    for i in range(w.count("transformer_blocks")):
        v = w["transformer_blocks"][i]
        pe = v["pos_embed"].get("pe")[:, :frames]
        h = h + attention(v["attn1"], layer_norm(v["norm1"], h) + pe, None, MOTION_HEADS)
        h = h + attention(v["attn2"], layer_norm(v["norm2"], h) + pe, None, MOTION_HEADS)
        h = h + geglu(v["ff"], layer_norm(v["norm3"], h))
    h = linear(w["proj_out"], h).view(n // frames, height, width, frames, c).permute(0, 3, 4, 1, 2)
    return x + h.reshape(n, c, height, width)


def animatediff(w, latents, timestep, text):
    b, c, f, height, width = latents.shape
    pictures = latents.transpose(1, 2).reshape(b * f, c, height, width)
    temb = embed(w["time_embedding"], phases(timestep.expand(b * f), w["conv_in"].weight.shape[0]))
    context = text.repeat_interleave(f, 0)
    y = unet(w, pictures, temb, lambda v, x, kind: resnet(v, x, temb), lambda v, x, level: transformer_2d(v, x, context, HEADS),
             lambda v, x: motion_module(v, x, f))
    return y.view(b, f, -1, height, width).transpose(1, 2)


def mix(w, spatial, temporal):
    share = torch.sigmoid(w.get("mix_factor"))
    return share * spatial + (1 - share) * temporal


def svd_unet(w, latents, timestep, context, added):
    b, f, c, height, width = latents.shape
    temb = embed(w["time_embedding"], phases(timestep.expand(b), w["conv_in"].weight.shape[0])) + embed(w["add_embedding"], phases(added.flatten(), ADDED_DIM).view(b, -1))
    temb = temb.repeat_interleave(f, 0)
    frame_context = context.repeat_interleave(f, 0)

    def clip(x):
        return x.view(b, f, *x.shape[1:]).transpose(1, 2)

    def resnet_at(v, x, kind):
        eps = 1e-5 if kind == "plain" else 1e-6
        x = resnet(v["spatial_res_block"], x, temb, eps)
        spatial, t = clip(x), v["temporal_res_block"]
        h = fn.conv3d(fn.silu(group_norm(t["norm1"], spatial, eps)), t["conv1"].weight, t["conv1"].bias, 1, (1, 0, 0))
        h = h + linear(t["time_emb_proj"], fn.silu(temb)).view(b, f, -1).transpose(1, 2)[..., None, None]
        h = spatial + fn.conv3d(fn.silu(group_norm(t["norm2"], h, eps)), t["conv2"].weight, t["conv2"].bias, 1, (1, 0, 0))
        return mix(v["time_mixer"], spatial, h).transpose(1, 2).flatten(0, 1)

    def attend_at(v, x, level):
        heads = SVD_HEADS[level]
        n, c, height, width = x.shape
        s = height * width
        position = embed(v["time_pos_embed"], phases(torch.arange(f), c))[None]
        h = linear(v["proj_in"], group_norm(v["norm"], x, 1e-6).permute(0, 2, 3, 1).reshape(n, s, c))
        for i in range(v.count("transformer_blocks")):
            h = transformer_block(v["transformer_blocks"][i], h, frame_context, heads)
            spatial = h.view(b, f, s, c).transpose(1, 2)
            t, u = v["temporal_transformer_blocks"][i], spatial.reshape(b * s, f, c) + position
            u = u + geglu(t["ff_in"], layer_norm(t["norm_in"], u))
            u = u + attention(t["attn1"], layer_norm(t["norm1"], u), None, heads)
            u = u + attention(t["attn2"], layer_norm(t["norm2"], u), context.repeat_interleave(s, 0), heads)
            u = u + geglu(t["ff"], layer_norm(t["norm3"], u))
            h = mix(v["time_mixer"], spatial, u.view(b, s, f, c)).transpose(1, 2).reshape(n, s, c)
        return x + linear(v["proj_out"], h).view(n, height, width, c).permute(0, 3, 1, 2)

    return unet(w, latents.flatten(0, 1), temb, resnet_at, attend_at).view(b, f, -1, height, width)


def sd_decoder(w, latents):
    d, eps = w["decoder"], 1e-6
    x = conv(d["conv_in"], conv(w["post_quant_conv"], latents, padding=0))
    mid = d["mid_block"]
    x = resnet(mid["resnets"]["0"], x, eps=eps)
    b, c, height, width = x.shape
    a = mid["attentions"]["0"]
    h = attention(a, group_norm(a["group_norm"], x, eps).flatten(2).transpose(1, 2), None, 1)
    x = resnet(mid["resnets"]["1"], x + h.transpose(1, 2).reshape(x.shape), eps=eps)
    for level in range(d.count("up_blocks")):
        block = d["up_blocks"][level]
        for i in range(block.count("resnets")):
            x = resnet(block["resnets"][i], x, eps=eps)
        if block.has("upsamplers"):
            x = conv(block["upsamplers"]["0"]["conv"], fn.interpolate(x, scale_factor=2.0, mode="nearest"))
    return conv(d["conv_out"], fn.silu(group_norm(d["conv_norm_out"], x, eps)))


def rms_norm(w, x, eps=1e-6):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * w.weight


def rotate(x, cos, sin):
    """Neighboring pairs of [B, L, D] by angles [L, D/2]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


def wan_block(w, x, modulation, text, cos, sin):
    heads, d, w = WAN_HEADS, x.shape[-1], w["blocks"]["0"]
    shift1, scale1, gate1, shift2, scale2, gate2 = (modulation + w.get("scale_shift_table")).chunk(6, 1)

    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(1, 2)

    a, h = w["attn1"], fn.layer_norm(x, (d,), eps=1e-6) * (1 + scale1) + shift1
    q, k = (rotate(rms_norm(a[f"norm_{n}"], linear(a[f"to_{n}"], h)), cos, sin) for n in "qk")
    h = sdpa(split(q), split(k), split(linear(a["to_v"], h))).transpose(1, 2).flatten(2)
    x = x + gate1 * linear(a["to_out"]["0"], h)
    a, h = w["attn2"], fn.layer_norm(x, (d,), w["norm2"].weight, w["norm2"].bias, 1e-6)
    q, k = rms_norm(a["norm_q"], linear(a["to_q"], h)), rms_norm(a["norm_k"], linear(a["to_k"], text))
    h = sdpa(split(q), split(k), split(linear(a["to_v"], text))).transpose(1, 2).flatten(2)
    x = x + linear(a["to_out"]["0"], h)
    h = fn.layer_norm(x, (d,), eps=1e-6) * (1 + scale2) + shift2
    h = linear(w["ffn"]["net"]["2"], fn.gelu(linear(w["ffn"]["net"]["0"]["proj"], h), approximate="tanh"))
    return x + gate2 * h


def causal_conv(w, x):
    t, padding = w.weight.shape[2], w.weight.shape[3] // 2
    return fn.conv3d(fn.pad(x, (padding,) * 4 + (t - 1, 0)), w.weight, w.bias)


def wan_norm(w, x):
    gamma = w.get("gamma")
    return fn.normalize(x, dim=1) * x.shape[1] ** 0.5 * gamma.view(1, -1, *([1] * (x.dim() - 2)))


def wan_resnet(w, x):
    h = causal_conv(w["conv1"], fn.silu(wan_norm(w["norm1"], x)))
    h = causal_conv(w["conv2"], fn.silu(wan_norm(w["norm2"], h)))
    return (causal_conv(w["conv_shortcut"], x) if w.has("conv_shortcut") else x) + h


def wan_decoder(w, latents):
    """The whole clip at once; the first frame stays one frame, every later one becomes two at each doubling of time."""
    d = w["decoder"]
    x = causal_conv(d["conv_in"], causal_conv(w["post_quant_conv"], latents))
    mid = d["mid_block"]
    x = wan_resnet(mid["resnets"]["0"], x)
    b, c, f, height, width = x.shape
    frames, a = x.transpose(1, 2).flatten(0, 1), mid["attentions"]["0"]
    q, k, v = conv(a["to_qkv"], wan_norm(a["norm"], frames), padding=0).flatten(2).transpose(1, 2)[:, None].chunk(3, -1)
    h = sdpa(q, k, v)[:, 0].transpose(1, 2).reshape(frames.shape)
    x = x + conv(a["proj"], h, padding=0).view(b, f, c, height, width).transpose(1, 2)
    x = wan_resnet(mid["resnets"]["1"], x)
    for level in range(d.count("up_blocks")):
        block = d["up_blocks"][level]
        for i in range(block.count("resnets")):
            x = wan_resnet(block["resnets"][i], x)
        if block.has("upsamplers"):
            up = block["upsamplers"]["0"]
            if up.has("time_conv") and x.shape[2] > 1:
                later = causal_conv(up["time_conv"], x[:, :, 1:])
                b, c2, f, height, width = later.shape
                later = later.view(b, 2, c2 // 2, f, height, width).permute(0, 2, 3, 1, 4, 5).reshape(b, c2 // 2, 2 * f, height, width)
                x = torch.cat([x[:, :, :1], later], 2)
            b, c, f, height, width = x.shape
            frames = fn.interpolate(x.transpose(1, 2).flatten(0, 1), scale_factor=2.0, mode="nearest")
            x = conv(up["resample"]["1"], frames).view(b, f, -1, 2 * height, 2 * width).transpose(1, 2)
    return causal_conv(d["conv_out"], fn.silu(wan_norm(d["norm_out"], x))).clamp(-1, 1)


NETWORKS = {
    "sd15-unet": (sd_unet, ["latents", "timestep", "text"]),
    "sd-vae-decode": (sd_decoder, ["latents"]),
    "svd-unet": (svd_unet, ["latents", "timestep", "context", "added"]),
    "animatediff-unet": (animatediff, ["latents", "timestep", "text"]),
    "wan-block-1560": (wan_block, ["x", "modulation", "text", "cos", "sin"]),
    "wan-block-4096": (wan_block, ["x", "modulation", "text", "cos", "sin"]),
    "wan-vae-decode": (wan_decoder, ["latents"]),
}


def main(folder, runs):
    case = os.path.basename(os.path.normpath(folder))
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network, names = NETWORKS[case]
    weights = Weights(read_safetensors(os.path.join(folder, "weights.safetensors")))
    given = read_safetensors(os.path.join(folder, "inputs.safetensors"))
    expected = read_safetensors(os.path.join(folder, "result.safetensors"))["result"]
    times = []
    with torch.inference_mode():
        for _ in range(runs):
            begin = time.perf_counter()
            result = network(weights, *(given[n] for n in names))
            times.append(time.perf_counter() - begin)
    error = ((result - expected).abs().max() / expected.abs().max()).item()
    print(json.dumps({"case": case, "seconds": min(times), "error": error, "threads": torch.get_num_threads()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2)
