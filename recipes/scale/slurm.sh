#!/bin/bash
#SBATCH --job-name=nlptool
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --requeue
# job=$(sbatch --parsable --array=0-15 slurm.sh /shared/corpus /shared/vectors embed -m static-ja-en)
# sbatch --dependency=afterany:$job slurm.sh /shared/corpus /shared/vectors embed -m static-ja-en
# The second job is no array: it does what is missing, and finishes. To run tasks 3 and 7 of 16 alone: TASKS=16, --array=3,7.
set -euo pipefail
input=$1 output=$2 tasks=${TASKS:-${SLURM_ARRAY_TASK_COUNT:-}}
shift 2
exec nlptool shards run "$input" --output "$output" -j "${SLURM_CPUS_PER_TASK:-1}" \
    ${SLURM_ARRAY_TASK_ID:+--task "$SLURM_ARRAY_TASK_ID/$tasks"} -- "$@"
