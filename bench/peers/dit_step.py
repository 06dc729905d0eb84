#!/usr/bin/env python3
"""The reference training step in PyTorch, to compare Kinora with on the same machine.

6 adaLN DiT layers, d = 256, 4 heads, 256 tokens, batch 16, AdamW: the case "DiT training step" of `kinora bench ops`.
Prints one JSON line per type: {"case", "best_ms", "median_ms", "gflops"}. No part of the product.

    python3 bench/peers/dit_step.py            then: kinora bench ops --only "training step"
"""
import json
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as fn
except ImportError:
    print("skipped: this python3 has no torch", file=sys.stderr)
    sys.exit(0)

LAYERS, BATCH, TOKENS, DIM, HEADS, STEPS = 6, 16, 256, 256, 4, 10
FLOPS = 3 * LAYERS * BATCH * (8 * TOKENS * DIM**2 + 4 * TOKENS**2 * DIM + 16 * TOKENS * DIM**2 + 12 * DIM**2)


def attention(q, k, v):
    if hasattr(fn, "scaled_dot_product_attention"):
        return fn.scaled_dot_product_attention(q, k, v)
    return torch.softmax(q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5, -1) @ v


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.modulation = nn.Linear(DIM, 6 * DIM)
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.fc1, self.fc2 = nn.Linear(DIM, 4 * DIM), nn.Linear(4 * DIM, DIM)

    def forward(self, x, c):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(fn.silu(c)).unsqueeze(1).chunk(6, -1)
        h = fn.layer_norm(x, (DIM,)) * (1 + scale1) + shift1
        q, k, v = (t.view(BATCH, TOKENS, HEADS, -1).transpose(1, 2) for t in self.qkv(h).chunk(3, -1))
        x = x + gate1 * self.out(attention(q, k, v).transpose(1, 2).reshape(BATCH, TOKENS, DIM))
        h = fn.layer_norm(x, (DIM,)) * (1 + scale2) + shift2
        return x + gate2 * self.fc2(fn.gelu(self.fc1(h)))


def measure(dtype):
    torch.manual_seed(0)
    blocks = nn.ModuleList(Block() for _ in range(LAYERS))
    optimizer = torch.optim.AdamW(blocks.parameters(), lr=1e-4)
    x, c, target = torch.randn(BATCH, TOKENS, DIM), torch.randn(BATCH, DIM), torch.randn(BATCH, TOKENS, DIM)
    times = []
    for step in range(STEPS + 2):
        begin = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            y = x
            for block in blocks:
                y = block(y, c)
        loss = fn.mse_loss(y.float(), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step >= 2:
            times.append(time.perf_counter() - begin)
    best = min(times)
    return {"case": f"DiT training step, 6 layers {dtype}", "best_ms": round(1e3 * best, 1), "median_ms": round(1e3 * statistics.median(times), 1), "gflops": round(FLOPS / best / 1e9)}


if __name__ == "__main__":
    for kind in ("fp32", "bf16"):
        print(json.dumps({**measure(kind), "torch": torch.__version__, "threads": torch.get_num_threads()}))
