# Read by the scripts beside it: root, kinora, and peer, which runs Python with a PyTorch that has a BLAS worth comparing with.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-/usr/bin/python3} libraries=${PEER_LIBRARIES:-} kinora=${KINORA:-$root/kinora}
if ! "$python" -c 'import torch, numpy' 2>/dev/null; then
  echo "skipped: $python has no torch (apt-get install python3-torch python3-numpy)" >&2
  exit 0
fi
# Debian's libblas3, there when nothing else is, multiplies matrices on one core without vectors: no peer for anything.
blas=$(readlink -f "${libraries:-/usr/lib/$(uname -m)-linux-gnu}/libblas.so.3")
if [[ $blas == */blas/libblas.so.3* && $("$python" -c 'import torch; print("BLAS_INFO=mkl" in torch.__config__.show())') == False ]]; then
  echo "PyTorch would use the reference BLAS, $blas, and be far slower than it is: apt-get install libopenblas0-openmp, or PEER_LIBRARIES=folder" >&2
  exit 1
fi
peer() { LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$python" "$@"; }
