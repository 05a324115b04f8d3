#!/usr/bin/env bash
# Train under Slurm: tools/slurm_train.sh PARTITION JOB CONFIG GPUS [arguments of tools/train.py]
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
launch_srun "$0" tools/train.py 1 "$@"
