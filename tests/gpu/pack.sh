#!/usr/bin/env bash
# Collects what tests/gpu/run.sh needs on a machine with a card, which then needs no compiler, no cargo and no network.
#
#     tests/gpu/pack.sh [FOLDER]        release, into target/gpu-pack; needs nvcc (NVCC, CUDA_HOME or on the path)
#     CUDA_SIMULATOR=1 PROFILE=dev tests/gpu/pack.sh      for a dry run: the simulated driver comes along, nvcc is not needed
#
# In the folder: uvid, the test binaries of the kernels and of the models, run.sh, peer.py with what it imports, COMMIT;
# beside it the same as .tar.gz.
set -euo pipefail
cd "$(dirname "$0")/../.."
pack="${1:-target/gpu-pack}" profile="${PROFILE:-release}"
nvcc="${NVCC:-${CUDA_HOME:+$CUDA_HOME/bin/}nvcc}"
if [ -z "${CUDA_SIMULATOR:-}" ] && ! command -v "$nvcc" >/dev/null; then
    echo "there is no $nvcc: without it the binaries have no kernels for a card (CUDA_HOME says where it is)" >&2
    exit 1
fi
rm -rf "$pack" && mkdir -p "$pack/bin"
built="$(mktemp)" && trap 'rm -f "$built"' EXIT
cargo build --locked --workspace --bins --profile "$profile" --message-format json >"$built"
cargo test --locked --workspace --lib --test fixtures --no-run --profile "${TEST_PROFILE:-$profile}" --message-format json >>"$built"
python3 - "$built" "$pack/bin" "${CUDA_SIMULATOR:-}" <<'PYTHON'
import json, pathlib, shutil, sys

messages, place, simulated = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
wanted = {("uvid_kernels", True): "kernels", ("uvid_model", True): "model", ("fixtures", True): "fixtures", ("uvid", False): "uvid"}
for message in map(json.loads, open(messages)):
    if message["reason"] == "compiler-artifact" and message.get("executable"):
        name = wanted.pop((message["target"]["name"], message["profile"]["test"]), None)
        if name:
            shutil.copy2(message["executable"], place / name)
    if simulated and message["reason"] == "build-script-executed" and "cuda-simulator" in message["package_id"]:
        shutil.copytree(pathlib.Path(message["out_dir"]) / "simulated", place.parent / "simulated", dirs_exist_ok=True)
sys.exit(f"not built: {wanted}" if wanted else 0)
PYTHON
strip "$pack"/bin/*
cp tests/gpu/run.sh tests/gpu/peer.py model/benches/networks/peers.py "$pack/"
git describe --always --dirty >"$pack/COMMIT"
tar -C "$(dirname "$pack")" -czf "$pack.tar.gz" "$(basename "$pack")"
ls -l "$pack/bin" && du -h "$pack.tar.gz"
