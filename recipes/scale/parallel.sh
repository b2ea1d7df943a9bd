#!/usr/bin/env bash
# One task after the other on each of several machines that share INPUT and OUTPUT, with GNU parallel:
#   HOSTS=:,node1,node2 recipes/scale/parallel.sh /shared/corpus /shared/vectors embed -m static-ja-en
# ":" is this machine. TASKS: shares of the work, a few for each machine. JOBS: tasks at once on each. WORKERS: processes of each.
set -euo pipefail
input=$1 output=$2 tasks=${TASKS:-16}
shift 2

# What fails is tried again elsewhere; what still fails is done below. -q: the words of the command stay as they are.
seq 0 $((tasks - 1)) | parallel -q -j "${JOBS:-1}" -S "${HOSTS:-:}" --workdir . --retries 3 \
    nlptool shards run "$input" --output "$output" ${WORKERS:+-j "$WORKERS"} --task "{}/$tasks" -- "$@" || true
nlptool shards run "$input" --output "$output" -- "$@"
