#!/usr/bin/env bash
# A folder that runs Kinora on a machine without .NET: bench/publish.sh [OUTPUT.tar.xz]
# It holds the command line with its own runtime, the native sources to build against that machine's libtorch or PyTorch,
# and the recipes (weights travel apart). Linux x64, glibc 2.36 or later.
set -euo pipefail
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=$(realpath -m "${1:-$root/artifacts/kinora-linux-x64.tar.xz}")
limit=$((40 * 1000 * 1000))
work=$root/artifacts/build/publish
folder=$work/kinora-linux-x64

rm -rf "$folder"
mkdir -p "$folder" "$(dirname "$output")"
dotnet publish "$root/src/Kinora.Cli/Kinora.Cli.csproj" -c Release -r linux-x64 --self-contained true --nologo -v quiet -nodeReuse:false \
  -p:RunAnalyzers=false -p:DebugType=none -p:UseArtifactsOutput=true -p:ArtifactsPath="$work/dotnet" -o "$folder/app"
cp -r "$root/native" "$root/LICENSE" "$folder/"
for part in recipes bench; do [[ ! -d $root/$part ]] || cp -r "$root/$part" "$folder/"; done
find "$folder" \( -name bin -o -name obj \) -type d -prune -exec rm -rf {} +

tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -c kinora-linux-x64 | xz -6 -T0 >"$output"
size=$(stat -c %s "$output")
printf '%s: %d.%d MB packed, %d MB unpacked\n' "$output" $((size / 1000000)) $((size / 100000 % 10)) "$(du -s --block-size=1000000 "$folder" | cut -f1)"
((size <= limit)) || { echo "larger than $((limit / 1000000)) MB" >&2; exit 1; }
