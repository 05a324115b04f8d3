#!/usr/bin/env bash
# Train with several processes: tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
launch_torchrun "$0" tools/train.py 1 "$@"
