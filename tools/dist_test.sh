#!/usr/bin/env bash
# Evaluate with several processes: tools/dist_test.sh CONFIG CKPT GPUS [arguments of tools/test.py]
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
launch_torchrun "$0" tools/test.py 2 "$@"
