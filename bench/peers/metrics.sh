#!/usr/bin/env bash
# Networks behind scores beside PyTorch on this machine, one after the other, both with random weights: how many clips or frames a second.
#
#     bench/peers/metrics.sh [-o table.txt] [case ..]
#
# Cases: i3d, clip-b32 (both when none is named) and clip-l14, which takes minutes. PYTHON, PEER_LIBRARIES and KINORA as in networks.sh;
# RUNS, by default 5, how often PyTorch runs after one run that does not count. PyTorch computes in float32: 1.13 has no 3-D pooling in bfloat16
# on the CPU.
set -euo pipefail
. "$(dirname "$0")/pytorch.sh"
out=/dev/null
if [[ ${1:-} == -o ]]; then out=$2; shift 2; fi
declare -A names=([i3d]="I3D" [clip-b32]="CLIP ViT-B/32" [clip-l14]="CLIP ViT-L/14")
(($#)) || set -- i3d clip-b32
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{
  "$python" -c 'import torch; print(f"PyTorch {torch.__version__.split(chr(97))[0]} in float32; clips (i3d) or frames a second of the best run, and how many times faster")'
  printf '%-12s%10s%10s%8s%10s%8s%14s%14s\n' case torch fp32 "" bf16 "" "GiB fp32" "GiB bf16"
} | tee "$out"
for case; do
  [[ -v names[$case] ]] || { echo "no case $case; there are: ${!names[*]}" >&2; exit 2; }
  peer "$root/bench/peers/metrics.py" "$case" "${RUNS:-5}" >"$folder/peer.json"
  $kinora bench networks --only "${names[$case]}" -o "$folder/ours.json" >/dev/null
  "$python" - "$folder" <<'PY' | tee -a "$out"
import json, sys
ours = json.load(open(sys.argv[1] + "/ours.json"))["results"]
peer = json.load(open(sys.argv[1] + "/peer.json"))
fp32, bf16 = (next(r for r in ours if r["name"].endswith(t)) for t in ("fp32", "bf16"))
s = peer["best_per_s"]
print(f"{peer['case']:<12}{s:>10.3f}{fp32['best']:>10.3f}{fp32['best'] / s:>7.1f}x{bf16['best']:>10.3f}{bf16['best'] / s:>7.1f}x{fp32['peak_bytes'] / 2**30:>14.2f}{bf16['peak_bytes'] / 2**30:>14.2f}")
PY
done
