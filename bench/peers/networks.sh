#!/usr/bin/env bash
# Kinora beside PyTorch on this machine: every case with the same weights and inputs, one after the other, outputs compared.
#
#     bench/peers/networks.sh [-o table.txt] [case ..]
#
# Cases: wan-block-1560 wan-block-4096 wan-vae-decode sd-vae-decode sd15-unet svd-unet (all of these when none is named) and
# animatediff-unet, which takes minutes. PyTorch is that of Debian (apt-get install python3-torch libopenblas0-openmp) unless PYTHON
# names another; PEER_LIBRARIES is a folder of libraries for it, such as an OpenBLAS that is not installed. KINORA is the program, by
# default the launcher; RUNS, by default 2, how often PyTorch runs. The weights of one case at a time stand in a temporary folder (up to 7 GB).
set -euo pipefail
. "$(dirname "$0")/pytorch.sh"
out=/dev/null
if [[ ${1:-} == -o ]]; then out=$2; shift 2; fi
declare -A names=(
  [wan-block-1560]="Wan-1.3B block, 1560 tokens" [wan-block-4096]="Wan-1.3B block, 4096 tokens"
  [wan-vae-decode]="Wan 2.1 VAE decode" [sd-vae-decode]="SD VAE decode" [sd15-unet]="SD 1.5 U-Net"
  [svd-unet]="Stable Video Diffusion U-Net" [animatediff-unet]="AnimateDiff U-Net")
(($#)) || set -- wan-block-1560 wan-block-4096 wan-vae-decode sd-vae-decode sd15-unet svd-unet
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{
  "$python" -c 'import torch; print(f"PyTorch {torch.__version__.split(chr(97))[0]} in float32; seconds of the best run, and how many times faster")'
  printf '%-18s%10s%10s%8s%10s%8s%14s%14s%14s\n' case torch fp32 "" bf16 "" difference "GiB fp32" "GiB bf16"
} | tee "$out"
for case; do
  [[ -v names[$case] ]] || { echo "no case $case; there are: ${!names[*]}" >&2; exit 2; }
  $kinora bench networks --only "${names[$case]}" --write "$folder" -o "$folder/ours.json" >/dev/null
  runs=${RUNS:-2}
  [[ $case != animatediff-unet ]] || runs=1
  peer "$root/bench/peers/networks.py" "$folder/$case" $runs >"$folder/peer.json"
  "$python" - "$folder" <<'PY' | tee -a "$out"
import json, sys
ours = json.load(open(sys.argv[1] + "/ours.json"))["results"]
peer = json.load(open(sys.argv[1] + "/peer.json"))
fp32, bf16 = (next(r for r in ours if r["name"].endswith(t)) for t in ("fp32", "bf16"))
s = peer["seconds"]
print(f"{peer['case']:<18}{s:>10.3f}{fp32['best'] / 1e3:>10.3f}{s * 1e3 / fp32['best']:>7.1f}x{bf16['best'] / 1e3:>10.3f}{s * 1e3 / bf16['best']:>7.1f}x"
      f"{peer['error']:>14.1e}{fp32['peak_bytes'] / 2**30:>14.2f}{bf16['peak_bytes'] / 2**30:>14.2f}")
PY
  rm -rf "${folder:?}/$case"
done
