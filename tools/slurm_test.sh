#!/usr/bin/env bash
# Evaluate under Slurm: tools/slurm_test.sh PARTITION JOB CONFIG CKPT GPUS [arguments of tools/test.py]
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
launch_srun "$0" tools/test.py 2 "$@"
