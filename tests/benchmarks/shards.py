"""The figures of ``nlptool shards run``: ``python tests/benchmarks/shards.py engines|nodes --corpus FILE``.

engines  two workers of the local engine, two actors of a Ray cluster of its own, and two on a cluster that runs, and one process
nodes    a Ray cluster with one node of one processor against one with two
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

from measure import NLPTOOL, about_this_machine, in_turn, ratio, row, seconds, wall

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from ray_cluster import a_cluster


def run(text: Path, output: Path, options: str, command: str) -> float:
    """Seconds of a run over all shards."""
    shutil.rmtree(output, ignore_errors=True)
    return wall(f"{NLPTOOL} shards run {text} --output {output} {options} -- {command}")


def same(folders: list[Path]) -> bool:
    outputs = [b"".join(path.read_bytes() for path in sorted(folder.glob("shard-*"))) for folder in folders]
    return all(output == outputs[0] != b"" for output in outputs)


def engines(arguments: argparse.Namespace, text: Path, folder: Path) -> None:
    size = f"--shard-size {arguments.shard_size}"
    with a_cluster(2) as cluster:
        kinds = {
            "local, 2 workers": f"-j 2 {size}",
            "ray, a cluster of its own": f"--engine ray -j 2 {size}",
            "ray, a cluster that runs": f"--engine ray --address {cluster.address} {size}",
        }
        folders = {name: folder / str(number) for number, name in enumerate(kinds)}
        times = in_turn(
            {
                name: lambda n=name, o=options: run(text, folders[n], o, arguments.command)
                for name, options in kinds.items()
            },
            arguments.rounds,
        )
    row(arguments.command, "median (range)", "time against local")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{ratio(times, name, 'local, 2 workers'):.2f}")
    row(f"same bytes: {same(list(folders.values()))}")


def nodes(arguments: argparse.Namespace, text: Path, folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        clusters = {"one node": stack.enter_context(a_cluster(1)), "two nodes": stack.enter_context(a_cluster(2))}
        times = in_turn(
            {
                name: lambda c=cluster, n=name: run(
                    text, folder / n.replace(" ", "-"),
                    f"--engine ray --address {c.address} --shard-size {arguments.shard_size}", arguments.command,
                )
                for name, cluster in clusters.items()
            },
            arguments.rounds,
        )  # fmt: skip
    row(arguments.command, "median (range)", "throughput against one node")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{ratio(times, 'one node', name):.2f}")
    row(f"same bytes: {same([folder / name.replace(' ', '-') for name in times])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["engines", "nodes"])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--shard-size", default="4M")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--command", default="embed -m static-ja-en")
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "text.txt"
        with arguments.corpus.open(encoding="utf-8") as lines:
            kept = [line for line in lines if line.strip()][: arguments.lines]
        text.write_text("".join(kept), encoding="utf-8")
        print(f"{len(kept)} lines, {text.stat().st_size} bytes", flush=True)
        {"engines": engines, "nodes": nodes}[arguments.what](arguments, text, Path(name))


if __name__ == "__main__":
    main()
