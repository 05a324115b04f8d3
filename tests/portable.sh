#!/usr/bin/env bash
# Runs what depends on arithmetic, on the locale or on time under other instruction sets, kernels, locales and loads:
# `make test-portable`, or some of them: tests/portable.sh sse one-core. A line per variant at the end.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON=${PYTHON:-python} JOBS=${JOBS:-2}
# Numbers: whole training steps, and published or brute-force values.
ARITHMETIC=(tests/golden tests/parity tests/models tests/engine/test_engine_resume.py tests/engine/test_engine_two_processes.py)
# Logged durations, processes that wait for each other, signals, data workers.
TIME=(tests/engine/test_log_processor.py tests/engine/test_stop_signal.py tests/engine/test_engine_two_processes.py
    tests/evaluation/test_evaluation_over_processes.py tests/reproduce/test_command.py tests/commands/test_commands_process_counts.py)
# Files and output with letters beyond ASCII.
TEXT=(tests/datasets/test_text_files.py tests/datasets/test_image_folder.py tests/test_docs.py tests/test_metafiles.py
    tests/test_packaging.py tests/reproduce tests/visualization/test_curves.py
    tests/commands/test_avgdist.py tests/engine/test_log_processor.py)

export OMP_NUM_THREADS=1
unset ATEN_CPU_CAPABILITY ONEDNN_MAX_CPU_ISA MKL_CBWR

check() { # the quick ones of these tests
    "$PYTHON" -m pytest -q -p no:cacheprovider -n "$JOBS" --dist worksteal "$@"
}

sse() { # no AVX anywhere
    ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 check "${ARITHMETIC[@]}"
}

mkl() { # the kernels that MKL has for every processor
    MKL_CBWR=COMPATIBLE check "${ARITHMETIC[@]}"
}

best() { # whatever the machine has
    check "${ARITHMETIC[@]}"
}

one_core() {
    local core
    core=$("$PYTHON" -c 'import os; print(min(os.sched_getaffinity(0)))')
    taskset -c "$core" "$PYTHON" -m pytest -q -p no:cacheprovider "${TIME[@]}"
}

ascii() { # open() without an encoding reads and writes ASCII
    LANG=C LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 check "${TEXT[@]}"
}

busy() { # beside two processes per core that never pause
    local pids=() status=0
    for _ in $(seq $((2 * $(nproc)))); do
        bash -c 'while :; do :; done' &
        pids+=($!)
    done
    check "${TIME[@]}" || status=$?
    kill "${pids[@]}"
    wait "${pids[@]}" 2>/dev/null
    return "$status"
}

variants=("$@")
[ $# -gt 0 ] || variants=(sse mkl best one-core ascii busy)
summary=() failed=0
for variant in "${variants[@]}"; do
    name=${variant//-/_}
    case $name in
    sse | mkl | best | one_core | ascii | busy) ;;
    *) echo "no variant '$variant'; there are sse mkl best one-core ascii busy" && exit 2 ;;
    esac
    echo "== $variant"
    begun=$SECONDS
    log=$(mktemp)
    "$name" 2>&1 | tee "$log" && said=passed || { said=FAILED && failed=1; }
    summary+=("$(printf '%-9s %-7s %4d s  %s' "$variant" "$said" $((SECONDS - begun)) "$(tail -n 1 "$log")")")
    rm -f "$log"
done
printf '%s\n' "== in short" "${summary[@]}"
exit "$failed"
