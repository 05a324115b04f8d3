"""Start the processes of a run on this node, start them again after a failure, and end with their status.

Each attempt is a torchrun of its own, so that nothing of a failed one is left: a restart is the same for gloo and NCCL,
on one node and on several, and also where the first node was replaced. From the second attempt on, the run goes on from
its newest checkpoint (--resume auto). The statuses are those of one process: 0 finished, 1 failed, 2 wrong usage,
75 stopped by SIGTERM or SIGUSR1 after saving (start it again with --resume), 130 stopped by Ctrl-C.

tools/dist_train.sh and tools/dist_test.sh call this command.

python tools/launch.py --processes 8 tools/train.py configs/ccmim/vit-b_800e.py --launcher pytorch
python tools/launch.py --nodes 4 --node-rank 0 --processes 8 --master-addr node0 --max-restarts 3 tools/train.py CONFIG
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from mmmim.commands.command_line import CommandParser

FINISHED, FAILED, USAGE, STOPPED, INTERRUPTED = 0, 1, 2, os.EX_TEMPFAIL, 128 + signal.SIGINT
FINAL = (FINISHED, USAGE, STOPPED, INTERRUPTED)  # statuses after which nothing is started again
PAUSE = 5.0  # seconds before another attempt, in which the other nodes see that this one failed
GRACE = "300"  # seconds that processes have for saving after SIGTERM; torchrun's default is 30
DEFAULT_PORT = 29500
ALONE = os.EX_UNAVAILABLE  # status of an attempt in which the other nodes were not there
PATIENCE = 900.0  # seconds for which the other nodes are waited for


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line; ``--max-restarts`` may also stand among the arguments of the script."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("--processes", type=int, required=True, metavar="N", help="processes on this node")
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines (default: 1)")
    parser.add_argument(
        "--node-rank", type=int, default=0, metavar="N", help="number of this machine, from 0 (default: 0)"
    )
    parser.add_argument("--master-addr", default="127.0.0.1", metavar="HOST", help="address of the node with rank 0")
    parser.add_argument("--port", type=int, help=f"default: a free one; {DEFAULT_PORT} with several nodes")
    parser.add_argument(
        "--max-restarts", type=int, default=0, metavar="N", help="attempts after the first (default: 0)"
    )
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("script", nargs=argparse.REMAINDER, help="a tool and its arguments")
    args = parser.parse_args(argv)
    if "--max-restarts" in args.script:
        place = args.script.index("--max-restarts")
        number = args.script[place + 1 : place + 2]
        if not number or not number[0].isdigit():
            parser.error(f"--max-restarts: expected a number of restarts, got {number[0] if number else 'nothing'}")
        args.max_restarts = int(number[0])
        del args.script[place : place + 2]
    if not args.script:
        parser.error("which script? give a tool and its arguments at the end")
    return args


def launch(args: argparse.Namespace) -> int:
    """Run attempts until one of them ends with a final status or none is left, and return the last status."""
    child: subprocess.Popen[bytes] | None = None
    received: list[int] = []

    def forward(number: int, frame: Any) -> None:
        received.append(number)
        if child is not None:
            child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, forward)
    environment = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": GRACE, **os.environ}
    attempt, deadline = 0, time.monotonic() + PATIENCE
    while True:
        port = _port(args)
        if port is None:
            return USAGE
        command = [sys.executable, "-m", "mmmim.commands.launch", "--once", f"--port={port}"]
        command += [f"--processes={args.processes}", f"--nodes={args.nodes}", f"--node-rank={args.node_rank}"]
        command += [f"--master-addr={args.master_addr}", *_resuming(args.script, attempt)]
        if not received:
            # in a session of its own, so that Ctrl-C reaches it once, from here
            child = subprocess.Popen(command, env=environment, start_new_session=True)
            status = child.wait()
        if received:
            return INTERRUPTED if received[0] == signal.SIGINT else STOPPED
        if status in FINAL:
            return status
        if status == ALONE and time.monotonic() < deadline:
            continue  # the other nodes may come back; this is no attempt
        attempt += 1
        if attempt > args.max_restarts:
            return FAILED
        print(
            f"attempt {attempt + 1} of {args.max_restarts + 1} in {PAUSE:g} s, from the newest checkpoint", flush=True
        )
        time.sleep(PAUSE)
        deadline = time.monotonic() + PATIENCE


def _resuming(script: Sequence[str], attempt: int) -> list[str]:
    """Return the command of an attempt; one after the first resumes, if the script trains."""
    trains = os.path.basename(script[0]) == "train.py"
    if not attempt or not trains or "--resume" in script:
        return list(script)
    return [*(word for word in script if word != "--overwrite"), "--resume", "auto"]


def _port(args: argparse.Namespace) -> int | None:
    """Return the port of an attempt: on one node a free one if the given one is in use, on several the given one."""
    wanted = args.port or (DEFAULT_PORT if args.nodes > 1 else 0)
    if args.node_rank:
        return wanted
    if (port := _bind(wanted)) is not None:
        return port
    if args.nodes == 1:
        port = _bind(0)
        print(f"warning: port {wanted} is in use on this node; taking {port}", file=sys.stderr, flush=True)
        return port
    print(f"error: port {wanted} is in use on this node; choose another one on all nodes: PORT=N", file=sys.stderr)
    return None


def _bind(port: int) -> int | None:
    """Return the number of a free port, ``port`` itself unless it is 0; None if it is in use."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return None
        return probe.getsockname()[1]


def launch_once(args: argparse.Namespace) -> int:
    """Run torchrun in this process and return the status of the run."""
    from torch.distributed import DistError, run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError

    words = [f"--nnodes={args.nodes}", f"--node_rank={args.node_rank}", f"--nproc_per_node={args.processes}"]
    words += [f"--master_addr={args.master_addr}", f"--master_port={args.port}", *args.script]
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), signal.SIGTERM))  # torchrun passes on SIGTERM only
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        run.run(run.parse_args(words))
    except SignalException as stopped:
        return INTERRUPTED if stopped.sigval == signal.SIGINT else STOPPED
    except ChildFailedError as error:
        return _status_of(error.failures)
    except (DistError, RendezvousError) as error:
        reason = str(error).splitlines()[0][:300]
        print(f"the nodes do not find each other at {args.master_addr}:{args.port}: {reason}", file=sys.stderr)
        return ALONE if args.nodes > 1 else FAILED
    return FINISHED


def _end_with(parent: int) -> None:
    """Stop this attempt when the process that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _status_of(failures: dict[int, Any]) -> int:
    """Return the status of a run from those of its processes, and name the processes that a signal ended."""
    codes = [failure.exitcode for failure in failures.values()]
    for rank, failure in sorted(failures.items()):
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            memory = "; the system does this when memory is short" if name == "SIGKILL" else ""
            print(f"error: process {rank} was ended by {name}{memory}", file=sys.stderr, flush=True)
    return next((code for code in (STOPPED, INTERRUPTED, USAGE) if code in codes), FAILED)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(argv)
    return launch_once(args) if args.once else launch(args)


if __name__ == "__main__":
    sys.exit(main())
