#!/usr/bin/env python3
"""Networks behind scores in PyTorch with random weights in float32: metrics.sh puts them beside Kinora.

I3D on a clip of 16x224x224 (i3d) and the image towers of CLIP ViT-B/32 (clip-b32) and ViT-L/14 (clip-l14) on 16 frames: the cases of
`kinora bench networks --only I3D` and `--only CLIP`. Prints one JSON line. No part of the product.

    python3 bench/peers/metrics.py CASE [runs]
"""
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as fn

PICTURES = 16
MIXED = {
    "3b": (64, 96, 128, 16, 32, 32), "3c": (128, 128, 192, 32, 96, 64), "4b": (192, 96, 208, 16, 48, 64), "4c": (160, 112, 224, 24, 64, 64), "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64), "4f": (256, 160, 320, 32, 128, 128), "5b": (256, 160, 320, 32, 128, 128), "5c": (384, 192, 384, 48, 128, 128),
}


def unit(i, o, kernel, stride=1):
    return nn.Sequential(nn.Conv3d(i, o, kernel, stride, kernel // 2, bias=False), nn.BatchNorm3d(o, eps=1e-3), nn.ReLU(inplace=True))


class Mixed(nn.Module):
    def __init__(self, i, b0, b1a, b1b, b2a, b2b, b3b):
        super().__init__()
        self.b0, self.b1 = unit(i, b0, 1), nn.Sequential(unit(i, b1a, 1), unit(b1a, b1b, 3))
        self.b2, self.b3 = nn.Sequential(unit(i, b2a, 1), unit(b2a, b2b, 3)), nn.Sequential(nn.MaxPool3d(3, 1, 1), unit(i, b3b, 1))

    def forward(self, x):
        return torch.cat([self.b0(x), self.b1(x), self.b2(x), self.b3(x)], 1)


def i3d():
    layers, channels = [unit(3, 64, 7, 2), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), unit(64, 64, 1), unit(64, 192, 3), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))], 192
    for name, o in MIXED.items():
        layers += {"4b": [nn.MaxPool3d(3, 2, 1)], "5b": [nn.MaxPool3d(2, 2)]}.get(name, []) + [Mixed(channels, *o)]
        channels = o[0] + o[2] + o[4] + o[5]
    return nn.Sequential(*layers, nn.AvgPool3d((2, 7, 7), 1), nn.Conv3d(channels, 400, 1))


class Layer(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out, self.fc1, self.fc2 = nn.Linear(d, 3 * d), nn.Linear(d, d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = (t.view(b, n, self.heads, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        attended = fn.scaled_dot_product_attention(q, k, v) if hasattr(fn, "scaled_dot_product_attention") else torch.softmax(q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5, -1) @ v
        x = x + self.out(attended.transpose(1, 2).reshape(b, n, d))
        h = self.fc1(self.norm2(x))
        return x + self.fc2(h * torch.sigmoid(1.702 * h))


class Tower(nn.Module):
    def __init__(self, d, layers, heads, patch, projection):
        super().__init__()
        self.patch, self.cls, self.position = nn.Conv2d(3, d, patch, patch, bias=False), nn.Parameter(torch.zeros(1, 1, d)), nn.Parameter(torch.zeros(1, (224 // patch) ** 2 + 1, d))
        self.pre, self.layers, self.post, self.projection = nn.LayerNorm(d), nn.Sequential(*(Layer(d, heads) for _ in range(layers))), nn.LayerNorm(d), nn.Linear(d, projection, bias=False)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = self.layers(self.pre(torch.cat([self.cls.expand(len(x), -1, -1).to(x.dtype), x], 1) + self.position.to(x.dtype)))
        return self.projection(self.post(x[:, 0]))


CASES = {
    "i3d": (i3d, (1, 3, 16, 224, 224), 1),
    "clip-b32": (lambda: Tower(768, 12, 12, 32, 512), (PICTURES, 3, 224, 224), PICTURES),
    "clip-l14": (lambda: Tower(1024, 24, 16, 14, 768), (PICTURES, 3, 224, 224), PICTURES),
}
case, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
build, shape, items = CASES[case]
network, x, times = build().eval(), torch.rand(shape).mul(2).sub(1), []
with torch.inference_mode():
    for run in range(runs + 1):
        start = time.perf_counter()
        network(x)
        times += [time.perf_counter() - start] if run else []
print(json.dumps({"case": case, "best_per_s": round(items / min(times), 3), "median_per_s": round(items / statistics.median(times), 3)}), flush=True)
