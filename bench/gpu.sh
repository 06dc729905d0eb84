#!/usr/bin/env bash
# Everything that a GPU machine can do for Kinora, on a machine without .NET and without network:
# build native/torch against the PyTorch found there, check the engine on the device, time it, train, generate, judge.
#
#   bench/publish.sh kinora.tar.xz                       here: the package (command line with its runtime, sources, recipes)
#   tar xf kinora.tar.xz && cd kinora-linux-x64          there
#   OUT=results bench/gpu.sh [--minutes 120] [--recipe recipes/kinora-world-base.yaml] [--device cuda]
#   bench/gpu.sh --cpu-dry-run                           the same steps on the CPU at the smallest size
#
# Needs python3 with torch, cmake, a C++ compiler, and for CUDA the toolkit that this PyTorch was built for.
# Leaves in $OUT: steps.tsv (step, exit code, seconds, peak MiB on the GPU), log/, *.json, clips/, report/, model/.
set -euo pipefail

root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$(realpath -m "${OUT:-gpu-results}")
minutes=120
recipe=$root/recipes/kinora-world-base.yaml
device=cuda
dry=0
while (($#)); do
  case $1 in
    --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
    --recipe) recipe=$(realpath "${2:?--recipe needs a file}"); shift 2 ;;
    --device) device=${2:?--device needs a name}; shift 2 ;;
    --cpu-dry-run) dry=1; device=cpu; recipe=$root/recipes/tiny.yaml; minutes=4; shift ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "gpu.sh: unknown argument $1; see --help" >&2; exit 2 ;;
  esac
done
[[ $minutes =~ ^[1-9][0-9]*$ ]] || { echo "gpu.sh: --minutes $minutes is no positive number" >&2; exit 2; }
[[ -f $recipe ]] || { echo "gpu.sh: $recipe does not exist" >&2; exit 3; }

for app in "$root/app" "$root/artifacts/app"; do [[ -x $app/kinora-cli ]] && break; done
[[ -x $app/kinora-cli ]] || { echo "gpu.sh: no kinora-cli in $root/app; unpack the package that bench/publish.sh makes" >&2; exit 3; }

mkdir -p "$out/log"
steps=$out/steps.tsv
printf 'step\texit\tseconds\tpeak_mib\n' >"$steps"
work=$(mktemp -d)
sampler=
cleanup() {
  [[ -z $sampler ]] || kill "$sampler" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# --- One step: its log, exit code, time, and the most GPU memory in use while it ran ----------------------------------

start_sampler() {
  : >"$work/memory"
  sampler=
  [[ $device == cuda* ]] && command -v nvidia-smi >/dev/null || return 0
  nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits --loop-ms=500 >"$work/memory" 2>/dev/null &
  sampler=$!
}

stop_sampler() {
  [[ -n $sampler ]] || return 0
  kill "$sampler" 2>/dev/null || true
  wait "$sampler" 2>/dev/null || true
  sampler=
}

# step NAME SECONDS COMMAND...: the exit code is kept and returned; a step past its time ends with 124. A function must be exported.
step() {
  local name=$1 limit=$2 code=0 start=$SECONDS peak
  shift 2
  [[ $(type -t "$1") != function ]] || set -- bash -euo pipefail -c "$1 \"\$@\"" "$@"
  printf '%-24s ' "$name" >&2
  start_sampler
  timeout --signal=INT --kill-after=60 "$limit" "$@" >"$out/log/$name.log" 2>&1 </dev/null || code=$?
  stop_sampler
  peak=$(sort -n "$work/memory" | tail -n 1)
  printf '%s\t%d\t%d\t%s\n' "$name" "$code" $((SECONDS - start)) "${peak:-}" >>"$steps"
  printf 'exit %d, %d s%s\n' "$code" $((SECONDS - start)) "${peak:+, peak $peak MiB}" >&2
  ((code == 0)) || tail -n 12 "$out/log/$name.log" | sed 's/^/    /' >&2
  return "$code"
}

# --- The native library, against the PyTorch of this machine ----------------------------------------------------------

build_native() {
  local prefix=() source=$1 target=$2
  if python3 -c 'import torch' 2>/dev/null; then
    python3 -c 'import torch; print("torch", torch.__version__, "cuda", torch.version.cuda, "devices", torch.cuda.device_count())'
    prefix=("-DCMAKE_PREFIX_PATH=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')")
    # The wheel's own libraries are found at run time where they stand.
    prefix+=("-DCMAKE_BUILD_RPATH=$(python3 -c 'import os, torch; print(os.path.join(torch.__path__[0], "lib"))')")
  elif ((!dry)); then
    echo "python3 has no torch; install PyTorch with CUDA or run --cpu-dry-run" >&2
    return 3
  fi
  cmake -S "$source" -B "$target.build" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=$target" "${prefix[@]}"
  cmake --build "$target.build" -j "$(nproc)"
}

examine() { "$app/kinora-cli" doctor --device "$1" --json | tee "$2"; }
export -f build_native examine
export app dry

echo "results: $out" >&2
native=$root/artifacts/native
if ((!dry)) || [[ ! -f $native/libkinora_torch.so ]]; then
  native=$work/native
  mkdir -p "$native"
  step build-torch 1200 build_native "$root/native/torch" "$native" || exit 1
  # Reading and writing MP4 needs libav's headers; without them clips are GIFs.
  if pkg-config --exists libavformat libavcodec libswscale 2>/dev/null; then
    if step build-media 600 build_native "$root/native/media" "$native.media"; then cp "$native.media"/*.so "$native/"; fi
  fi
fi
export KINORA_NATIVE=$native
format=gif
[[ ! -f $native/libkinora_media.so ]] || format=mp4

# --- Right, then fast -------------------------------------------------------------------------------------------------

step doctor 300 examine "$device" "$out/doctor.json" || true
step selftest 600 "$app/kinora-cli" bench selftest --device "$device" || { echo "gpu.sh: the engine is not right on $device; nothing is trained with it" >&2; exit 4; }
only=()
((!dry)) || only=(--only operator)
step bench-ops 900 "$app/kinora-cli" bench ops --device "$device" --seconds "$((dry ? 1 : 2))" "${only[@]}" -o "$out/bench-ops.json" || true

# --- Train: the recipe with its limits scaled to the time given -------------------------------------------------------

# Shares of the whole that the recipe gives its stages stay as they are; a recipe without limits is short as it is.
total=$(awk '$1 == "max_minutes:" { sum += $2 } END { print sum + 0 }' "$recipe")
awk -v want="$minutes" -v total="$total" '$1 == "max_minutes:" && total > want { sub(/max_minutes:.*/, sprintf("max_minutes: %.2f", $2 * want / total)) } { print }' "$recipe" >"$out/recipe.yaml"
step train $((minutes * 60 * 3 / 2 + 600)) "$app/kinora-cli" train "$out/recipe.yaml" --run "$work/run" --device "$device" || true
model=
[[ ! -f $work/run/model/model_index.json ]] || { cp -r "$work/run/model" "$out/model"; model=$out/model; }
[[ ! -f $work/run/report.html ]] || cp "$work/run/report.html" "$out/training.html"

# --- What it made -----------------------------------------------------------------------------------------------------

if [[ -n $model ]]; then
  step bench-model 900 "$app/kinora-cli" bench model --model "$model" --device "$device" -o "$out/bench-model.json" || true
  mkdir -p "$out/clips"
  number=0
  for prompt in "a red balloon moves up over a night city" "a blue fish moves left underwater" "a green star spins in space" "a yellow car moves right in a desert"; do
    number=$((number + 1))
    step "generate-$number" 300 "$app/kinora-cli" generate "$prompt" --model "$model" --device "$device" --seed "$number" -o "$out/clips/$number.$format" || true
  done
  # A recipe of another size (the dry run's) cannot be judged by the probe, which reads 64×64.
  if ((!dry)); then
    step quality 1800 env KINORA_MODELS="$root/models" "$app/kinora-cli" bench quality --model "$model" --device "$device" -o "$out/report" --update-card || true
  fi
fi

# --- Parts small enough to carry away ---------------------------------------------------------------------------------

tar -C "$out" --exclude=./model --exclude='./*.tar.xz' -cJf "$work/results.tar.xz" .
mv "$work/results.tar.xz" "$out/results.tar.xz"
if [[ -n $model ]]; then
  mkdir -p "$out/model-parts"
  tar -C "$out" -c model | split --bytes=15M --numeric-suffixes - "$out/model-parts/model.tar."
fi
column -t -s $'\t' "$steps" >&2 || cat "$steps" >&2
failed=$(awk -F '\t' 'NR > 1 && $2 != 0' "$steps" | wc -l)
echo "$failed of $(($(wc -l <"$steps") - 1)) steps failed; everything is in $out" >&2
((failed == 0))
