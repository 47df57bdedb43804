#!/usr/bin/env bash
# All that has to be seen on a card, in under eight minutes, from what tests/gpu/pack.sh has collected:
#
#     gpu-pack/run.sh [--quick]
#     CUDA_SIMULATOR=1 gpu-pack/run.sh --quick          a dry run, without a card: its times mean nothing
#
# OUT is where results go (./gpu-results), SHARED the folder with fixtures (../shared, as seen from here), PACK where the
# binaries are (this script's folder, or target/gpu-pack beside the repository's own copy of it). Every part has a time
# limit; what it said is in OUT/NAME.log, how it ended in OUT/summary.md. Exit code 0: no part failed. A part that lacks
# what it needs is skipped, and the summary says why; a part for which no time is left counts as failed.
set -uo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
PACK="${PACK:-$here}"
[ -d "$PACK/bin" ] || PACK="$here/../../target/gpu-pack"
[ -d "$PACK/bin" ] || { echo "there are no binaries in $PACK: run tests/gpu/pack.sh" >&2; exit 1; }
SHARED="$(realpath -m "${SHARED:-../shared}")"
OUT="${OUT:-gpu-results}"
mkdir -p "$OUT" && OUT="$(realpath "$OUT")"
quick=no
[ "${1:-}" = --quick ] && quick=yes
export SHARED TEST_GPU=real RUST_BACKTRACE=1
if [ -n "${CUDA_SIMULATOR:-}" ]; then
    export LD_LIBRARY_PATH="$PACK/simulated${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
uvid="$PACK/bin/uvid"

# Seconds that everything may take.
budget="${BUDGET_S:-470}"
# A simulated card takes seconds for what a card does in a millisecond.
slow=1
[ -n "${CUDA_SIMULATOR:-}" ] && slow=5 && budget="${BUDGET_S:-3600}"
SECONDS=0
failed=0
table="$OUT/parts.md"
: >"$table"

# part NAME LIMIT_S COMMAND...: runs it with what time is left, keeps what it says and how it ended.
part() {
    local name="$1" limit=$(($2 * slow)) begun=$SECONDS left=$((budget - SECONDS)) code
    shift 2
    [ "$left" -lt "$limit" ] && limit="$left"
    printf '%-28s' "$name"
    if [ "$limit" -lt 5 ]; then
        code="no time left"
        failed=$((failed + 1))
    else
        timeout -k 5 "$limit" "$@" >"$OUT/$name.log" 2>&1
        code=$?
        [ "$code" -eq 0 ] || failed=$((failed + 1))
        [ "$code" -eq 124 ] && code="124 (longer than $limit s)"
    fi
    echo "exit $code, $((SECONDS - begun)) s"
    echo "| $name | $code | $((SECONDS - begun)) |" >>"$table"
}
skip() {
    printf '%-28sskipped: %s\n' "$1" "$2"
    echo "| $1 | skipped: $2 | 0 |" >>"$table"
}

# What the networks' f32, bf16 and f16 are measured with.
networks="gmic nyu-bcc mirai density" precisions="f32,bf16,f16" batches="1,2,4,8,16,32" seconds=0.2
cases=8
if [ "$quick" = yes ]; then networks="density" precisions="bf16" batches="4" seconds=0.01 cases=1; fi

# The card.
if command -v nvidia-smi >/dev/null; then
    part machine 20 sh -c "nvidia-smi && nvidia-smi -q -d CLOCK,POWER,MEMORY,ECC"
    part topology 10 nvidia-smi topo -m
else
    skip machine "there is no nvidia-smi"
fi

# Scores: golden values of the bundled model, and a phantom's exam on the card beside the processor.
part golden 60 "$uvid" model verify --device cuda
exam_beside() {
    "$uvid" phantom "$OUT/exam" --rows 1147 --columns 957 --spacing-mm 0.2 &&
        "$uvid" score "$OUT/exam" --device cuda --format csv >"$OUT/score-cuda.csv" &&
        "$uvid" score "$OUT/exam" --device cuda --format csv >"$OUT/score-cuda-again.csv" &&
        "$uvid" score "$OUT/exam" --device cpu --format csv >"$OUT/score-cpu.csv" || return 1
    cmp "$OUT/score-cuda.csv" "$OUT/score-cuda-again.csv" || { echo "two processes, two results"; return 1; }
    # Level, item, output, value: names alike, numbers within 1e-4.
    paste -d, <(cut -d, -f3-5,7 "$OUT/score-cuda.csv") <(cut -d, -f3-5,7 "$OUT/score-cpu.csv") | awk -F, '
        function off(a, b) { return a > b ? a - b : b - a }
        NR == 1 { next }
        $1 != $5 || $2 != $6 || $3 != $7 { print "other rows: " $0; bad = 1; next }
        $4 ~ /^[-+0-9.eE]+$/ && $8 ~ /^[-+0-9.eE]+$/ {
            if (!(off($4, $8) <= 1e-4 * (1 + ($8 < 0 ? -$8 : $8)))) { print "too far: " $0; bad = 1 }
            if (off($4, $8) > most) most = off($4, $8)
            numbers++; next }
        $4 != $8 { print "other words: " $0; bad = 1 }
        END { print numbers + 0 " numbers, the furthest apart by " most + 0; exit bad || !numbers }'
}
export -f exam_beside
export uvid OUT
part score 90 bash -c exam_beside

# Speed: each network, and others with the same weights and inputs right after it.
python="${PYTHON:-python3}"
torch=no
"$python" -c 'import sys, safetensors, torch; sys.exit(not torch.cuda.is_available())' >/dev/null 2>&1 && torch=yes
: >"$OUT/peer.jsonl"
for network in $networks; do
    part "bench-$network" 60 "$uvid" bench --device cuda --network "$network" --precision "$precisions" --batch "$batches" \
        --seconds "$seconds" --format markdown --json "$OUT/bench-$network.json" --export "$OUT/networks"
    if [ "$torch" = yes ]; then
        # One that is cut off has said what it had measured.
        part "peer-$network" 60 bash -c "set -o pipefail; timeout 55 '$python' '$PACK/peer.py' '$OUT/networks' \
            --network '$network' --seconds '$seconds' --batch 1,8,32 --limit 30 | tee -a '$OUT/peer.jsonl'; \
            code=\$?; [ \$code -eq 124 ] && exit 0; exit \$code"
    fi
done
[ "$torch" = yes ] || skip peer "no Python here has safetensors and a PyTorch that sees a card"
part bench-model 30 "$uvid" bench --device cuda --batch 1,2 --seconds "$seconds" --format markdown --json "$OUT/bench-model.json"
if [ "$quick" = no ]; then
    part bench-layers 40 "$uvid" bench --device cuda --network gmic --network mirai --precision bf16 --batch 1 --seconds \
        "$seconds" --layers --json "$OUT/bench-layers.json"
    part bench-in-flight 40 "$uvid" bench --device cuda --network gmic --network density --precision bf16 --batch 8 \
        --in-flight 2 --seconds 1 --format markdown --json "$OUT/bench-in-flight.json"
fi

# Determinism: other batches, another process, the same bits of the first item. digests.txt of two cards can be compared.
digests() { awk -F'"' '/"backend": "/ { b = $4 } /"digest": "/ { d = $4 } /"network": "/ { if (d) print $4, b, d; d = "" }' "$@"; }
deterministic() {
    local batches=1,3,5,7,9
    [ "$quick" = yes ] && batches=8
    "$uvid" bench --device cuda $(printf -- '--network %s ' $networks) --precision "$precisions" --batch $batches --seconds 0.001 \
        --json "$OUT/again.json" >/dev/null || return 1
    digests "$OUT"/bench-*.json "$OUT/again.json" | sort -u >"$OUT/digests.txt"
    cat "$OUT/digests.txt"
    [ -s "$OUT/digests.txt" ] && [ -z "$(sed 's/ [^ ]*$//' "$OUT/digests.txt" | sort | uniq -d)" ]
}
export -f digests deterministic
export networks precisions quick
part determinism 60 bash -c deterministic

# Correctness: kernels by themselves, every architecture, the authors' numbers.
if [ "$quick" = yes ]; then
    TEST_GPU_CASES=1 part kernels 300 "$PACK/bin/kernels" gpu::ceiling gpu::tests::what_is_no_number
    skip parity "--quick"
    skip fixtures "--quick"
else
    TEST_GPU_CASES=$cases part kernels 60 "$PACK/bin/kernels" gpu::
    part parity 90 "$PACK/bin/model" every_architecture
    if [ -d "$SHARED/models/fixtures" ]; then
        TEST_SHARED=expected part fixtures 75 "$PACK/bin/fixtures"
    else
        skip fixtures "there are none in $SHARED/models/fixtures"
    fi
fi

# The kernels' own mistakes: memory and races, over fewer cases, for every access is watched.
if command -v compute-sanitizer >/dev/null && [ -z "${CUDA_SIMULATOR:-}" ]; then
    for tool in memcheck racecheck; do
        TEST_GPU_CASES=1 part "$tool" 45 compute-sanitizer --tool "$tool" --error-exitcode 9 --require-cuda-init no \
            "$PACK/bin/kernels" gpu::steps_tests --test-threads 1
    done
else
    skip memcheck "there is no compute-sanitizer, or no card"
    skip racecheck "there is no compute-sanitizer, or no card"
fi

{
    echo "## $(sed -n 's/^cuda:[0-9]* //p' "$OUT/bench-${networks%% *}.log" | head -1), commit $(cat "$PACK/COMMIT"), $(date -u +%F)"
    [ -n "${CUDA_SIMULATOR:-}" ] && printf '\nA simulated card: these times mean nothing.\n'
    printf '\n| part | exit code | s |\n|---|---|--:|\n'
    cat "$table"
    for network in $networks model in-flight; do
        [ -f "$OUT/bench-$network.log" ] && { echo; cat "$OUT/bench-$network.log"; }
    done
    if [ -s "$OUT/peer.jsonl" ]; then
        printf '\nOthers, the same weights and inputs, a line each:\n\n'
        sed 's/^/    /' "$OUT/peer.jsonl"
    fi
} >"$OUT/summary.md"
rm -rf "$OUT/networks"
echo "$failed failed, $SECONDS s; $OUT/summary.md"
[ "$failed" -eq 0 ]
