"""Images per second in training: ours, and the ways in which others train the same networks.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.compare                                   # all, five rounds: about two hours on 2 cores
    python -m benchmarks.compare --workloads mlp conv --rounds 3

Every measurement is a process of its own, and the contestants take turns, A B C A B C ..., so that changes in the
machine's speed meet all of them. All train the same network on the same random images with the same batch size,
binarisation and Adam; that their numbers of parameters are equal is checked. A package that is not installed is left
out by name.
"""

import argparse
import importlib
import json
import resource
import subprocess
import sys
import time
from statistics import median

STARTED = time.perf_counter()
ROOMS = ("benchmarks.in_tensorflow", "benchmarks.in_torch", "benchmarks.in_jax")
OURS = "ours"
WIDE = {"avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16"}
CEILING_SIDE = 2_048  # of the matrices whose product is the machine's ceiling


def contestants():
    """Name -> the module that has it, and the modules that cannot be imported with the reason."""
    script = "import importlib, json, sys; print(json.dumps(list(importlib.import_module(sys.argv[1]).CONTESTANTS)))"
    found, missing = {}, {}
    for room in ROOMS:  # each in a process, because two of these libraries in one share their threads badly
        answer = subprocess.run([sys.executable, "-c", script, room], capture_output=True, text=True)
        if answer.returncode:
            missing[room] = answer.stderr.strip().splitlines()[-1]
        else:
            found |= dict.fromkeys(json.loads(answer.stdout.splitlines()[-1]), room)
    return found, missing


def measure(room, name, workload, seconds):
    """Train for some seconds in this process, and print what it gave as JSON."""
    contestant = importlib.import_module(room).CONTESTANTS[name]
    from benchmarks.workloads import WORKLOADS

    train, num_parameters = contestant(WORKLOADS[workload])
    train()
    first = time.perf_counter() - STARTED
    for _ in range(2):
        train()  # first touch of memory
    began, num_images = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        num_images += train()
    result = {
        "speed": num_images / (time.perf_counter() - began),
        "first_step_seconds": first,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "num_parameters": num_parameters,
    }
    if name == OURS:
        from benchmarks.in_tensorflow import flops_per_image

        result["flops"] = flops_per_image(WORKLOADS[workload])
    print(json.dumps(result))


def measured(room, name, workload, seconds):
    """The result of `measure` in a process of its own, or None with the reason printed."""
    command = [sys.executable, "-m", "benchmarks.compare", "--one", room, name, workload, "--seconds", str(seconds)]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"{workload}, {name}: left out ({reason[:200]})", file=sys.stderr)
        return None
    return json.loads(answer.stdout.splitlines()[-1])


def ceiling():
    """Products of large float32 matrices: GFLOP/s of this machine, the best of ten."""
    import numpy as np

    matrix = np.random.default_rng(0).normal(size=(CEILING_SIDE, CEILING_SIDE)).astype(np.float32)
    best = 0.0
    for _ in range(10):
        began = time.perf_counter()
        matrix @ matrix
        best = max(best, 2 * CEILING_SIDE**3 / (time.perf_counter() - began) / 1e9)
    return best


def rows_of(results, gflops):
    """The rows of the table, texts; gflops, the ceiling of this machine."""
    ours = results[OURS]
    if not all(ours):
        raise SystemExit("ours could not be measured; nothing can be compared with it")
    for name, runs in results.items():
        if not all(runs):
            continue
        if {run["num_parameters"] for run in runs} != {run["num_parameters"] for run in ours}:
            raise SystemExit(f"{name}: {runs[0]['num_parameters']:,} parameters, ours {ours[0]['num_parameters']:,}")
        speeds = [run["speed"] for run in runs]
        ratio = median(mine["speed"] / run["speed"] for mine, run in zip(ours, runs, strict=True))
        yield [
            name,
            f"{median(speeds):,.0f}",
            f"{min(speeds):,.0f} to {max(speeds):,.0f}",
            "" if name == OURS else f"{ratio:.2f}",
            f"{median(speeds) * ours[0]['flops'] / gflops / 1e9:.0%}",
            f"{median(run['first_step_seconds'] for run in runs):.1f}",
            f"{median(run['peak_gb'] for run in runs):.1f}",
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--workloads", nargs="+", metavar="NAME", help="of benchmarks/workloads.py; all if none is given"
    )
    parser.add_argument("--contestants", nargs="+", metavar="NAME", help="some of them; ours is always there")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measure(*arguments.one, arguments.seconds)
        return
    found, missing = contestants()
    for room, reason in missing.items():
        print(f"{room}: left out ({reason})", file=sys.stderr)
    wanted = found if arguments.contestants is None else {OURS, *arguments.contestants} & found.keys()
    from benchmarks.workloads import WORKLOADS
    from experiment.files.environment import cpu_flags, environment

    machine = environment()
    print(f"{machine['cpu']}, {machine['cpus']} cores; versions {machine['versions']}")
    print(f"instructions: {' '.join(sorted(cpu_flags() & WIDE)) or 'no wide ones'}")
    gflops = ceiling()
    print(f"products of float32 matrices, the ceiling: {gflops:,.0f} GFLOP/s")
    for workload in arguments.workloads or WORKLOADS:
        names = [name for name in found if name in wanted and not is_unfit(name, workload)]
        results = {name: [] for name in names}
        for _ in range(arguments.rounds):
            for name in names:
                results[name].append(measured(found[name], name, workload, arguments.seconds))
        print(f"\n{WORKLOADS[workload].words}\n")
        print("| | images/s, median | spread | ours / this | of the ceiling | s to the first step | peak memory, GB |")
        print("|---|---:|---|---:|---:|---:|---:|")
        for row in rows_of(results, gflops):
            print(f"| {' | '.join(row)} |", flush=True)


def is_unfit(name, workload):
    """JAX's convolutions on a CPU are no contest without a rewrite of their gradients; its dense networks are."""
    return name == "JAX scan" and workload not in ("mlp", "iwae")


if __name__ == "__main__":
    main()
