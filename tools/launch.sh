#!/usr/bin/env bash
# Functions of dist_*.sh and slurm_*.sh that check the number of processes and start them.
#
# Environment: PYTHON; NNODES, NODE_RANK, MASTER_ADDR, PORT (dist_*.sh); LOCAL_GPUS (GPUs of this node, found otherwise);
# GPUS_PER_NODE, CPUS_PER_TASK, SRUN_ARGS (Slurm); DRY=1 prints the command instead of running it.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ -z ${PYTHON:-} ]]; then
    PYTHON=$([[ -x $ROOT/.venv/bin/python ]] && echo "$ROOT/.venv/bin/python" || echo python)
fi

fail() {
    echo "error: $*" >&2
    exit 2
}

warn() {
    echo "warning: $*" >&2
}

run() {
    if [[ ${DRY:-0} == 1 ]]; then
        printf '%q ' "$@"
        echo
    else
        exec "$@"
    fi
}

require_count() { # name value
    [[ $2 =~ ^[1-9][0-9]*$ ]] || fail "$1 is '$2': expected a whole number of at least 1"
}

has_option() { # option arguments...
    local option=$1 argument
    shift
    for argument in "$@"; do
        [[ $argument == "$option" ]] && return 0
    done
    return 1
}

# A dry run, or a config that does not exist, needs only one process. This function does not return in these cases.
run_alone_if_nothing_to_start() { # tool config gpus arguments...
    local tool=$1 config=$2 gpus=$3
    shift 3
    if has_option --dry-run "$@"; then
        has_option --world-size "$@" || set -- "$@" --world-size "$gpus"
        run "$PYTHON" "$ROOT/$tool" "$config" "$@"
        exit
    fi
    if [[ ! -f $config ]] && ! "$PYTHON" -m mmmim.config.find "$config"; then
        run "$PYTHON" "$ROOT/$tool" "$config" "$@" # names the nearest config
        exit 2
    fi
}

local_gpus() {
    if [[ -n ${LOCAL_GPUS:-} ]]; then
        echo "$LOCAL_GPUS"
    elif [[ -n ${CUDA_VISIBLE_DEVICES+set} ]]; then
        if [[ -z $CUDA_VISIBLE_DEVICES || $CUDA_VISIBLE_DEVICES == -1 ]]; then
            echo 0
        else
            tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep -c .
        fi
    elif command -v nvidia-smi >/dev/null; then
        nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU' || true
    else
        echo 0
    fi
}

check_node() { # processes on this node
    local processes=$1 gpus cores
    gpus=$(local_gpus)
    cores=$(getconf _NPROCESSORS_ONLN)
    if ((gpus > 0)); then
        ((processes <= gpus)) || fail "$processes processes on this node, which has $gpus GPU(s):" \
            "ask for GPUS=$((gpus * ${NNODES:-1})), or for more nodes with NNODES"
        return
    fi
    ((processes <= 4 * cores)) || fail "$processes processes on this node, which has no GPU and $cores CPU core(s):" \
        "ask for at most $((4 * cores)), or add --dry-run to plan the run without starting it"
    ((processes <= cores)) || warn "$processes CPU processes share $cores core(s): good for trying out only"
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores > processes ? cores / processes : 1))}
}

launch_torchrun() { # script tool positionals arguments...
    local script=$1 tool=$2 count=$3
    shift 3
    (($# > count)) || fail "usage: $script CONFIG $( ((count == 2)) && echo 'CKPT ')GPUS [arguments of $tool]"
    local positionals=("${@:1:count}") gpus=${*:count+1:1}
    shift $((count + 1))
    require_count GPUS "$gpus"
    run_alone_if_nothing_to_start "$tool" "${positionals[0]}" "$gpus" "${positionals[@]:1}" "$@"

    local nodes=${NNODES:-1} node=${NODE_RANK:-0}
    require_count NNODES "$nodes"
    [[ $node =~ ^[0-9]+$ ]] && ((node < nodes)) || fail "NODE_RANK is '$node': expected 0 to $((nodes - 1)) for NNODES=$nodes"
    ((gpus % nodes == 0)) || fail "GPUS is the total number of processes: $gpus cannot be divided over NNODES=$nodes nodes"
    ((nodes == 1)) || [[ -n ${MASTER_ADDR:-} ]] || fail "NNODES=$nodes needs MASTER_ADDR, the address of the node with NODE_RANK=0"
    check_node $((gpus / nodes))

    local port=()
    if [[ -n ${PORT:-} ]]; then
        require_count PORT "$PORT"
        port=(--port "$PORT")
    fi
    run "$PYTHON" "$ROOT/tools/launch.py" --nodes "$nodes" --node-rank "$node" --processes $((gpus / nodes)) \
        --master-addr "${MASTER_ADDR:-127.0.0.1}" "${port[@]}" \
        "$ROOT/$tool" "${positionals[@]}" --launcher pytorch "$@"
}

launch_srun() { # script tool positionals arguments...
    local script=$1 tool=$2 count=$3
    shift 3
    (($# > count + 2)) || fail "usage: $script PARTITION JOB CONFIG $( ((count == 2)) && echo 'CKPT ')GPUS [arguments of $tool]"
    local partition=$1 job=$2 positionals=("${@:3:count}") gpus=${*:count+3:1}
    shift $((count + 3))
    require_count GPUS "$gpus"
    run_alone_if_nothing_to_start "$tool" "${positionals[0]}" "$gpus" "${positionals[@]:1}" "$@"

    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    require_count GPUS_PER_NODE "$per_node"
    ((gpus % per_node == 0)) || fail "GPUS is the total number of processes: $gpus is no multiple of GPUS_PER_NODE=$per_node"
    local srun_args=()
    read -ra srun_args <<<"${SRUN_ARGS:-}"
    run srun --partition="$partition" --job-name="$job" --gres="gpu:$per_node" --ntasks="$gpus" \
        --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-8}" --kill-on-bad-exit=1 "${srun_args[@]}" \
        "$PYTHON" -u "$ROOT/$tool" "${positionals[@]}" --launcher slurm "$@"
}
