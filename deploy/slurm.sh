#!/usr/bin/env bash
# A run on nodes that Slurm gives, with a cluster of Ray of its own that only this job may enter:
#
#     sbatch deploy/slurm.sh faces --space all --budget 8h --data ~/photos
#
# The first word is the name of the run, the others are options of `headrace run`. Photos and
# results (HEADRACE_RESULTS, else ~/results) need be seen by the first node alone, `headrace` and
# `ray` must be on the PATH of all. Before its time is over, or when a node is taken away, the run
# saves where it is, and the job is queued again and goes on; after a fault of the machines only
# while it was queued again fewer than five times in all.
#SBATCH --job-name=headrace
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

if [ $# -lt 1 ]; then
    echo "usage: sbatch deploy/slurm.sh NAME [option of headrace run ...]" >&2
    exit 2
fi
name=$1
shift
results=${HEADRACE_RESULTS:-$HOME/results}
port=${HEADRACE_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${hosts[0]}
# In the environment, which other users cannot read; their command lines they can.
RAY_AUTH_TOKEN=$(python3 -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN RAY_USAGE_STATS_ENABLED=0

started=()
finish() {
    kill "${started[@]}" 2>/dev/null || true
    wait
}
trap finish EXIT

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" \
    --temp-dir="/tmp/ray-$SLURM_JOB_ID" --block &
started+=($!)
until (exec 3<>"/dev/tcp/$head/$port") 2>/dev/null; do
    kill -0 "${started[0]}" || { echo "the head of Ray has ended" >&2; exit 1; }
    sleep 1
done
others=$((SLURM_JOB_NUM_NODES - 1))
if [ "$others" -gt 0 ]; then
    srun --overlap --nodes="$others" --ntasks="$others" --exclude="$head" \
        ray start --address="$head:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
    started+=($!)
fi

if [ -e "$results/$name/study.json" ]; then
    words=(--resume "$name")
    if [ "${SLURM_RESTART_COUNT:-0}" -eq 0 ] && [ $# -gt 0 ]; then
        echo "$results/$name is there and goes on as it was begun, without: $*" >&2
    fi
else
    words=(--name "$name" "$@")
fi
headrace run --address "$head:$port" --results "$results" "${words[@]}" &
run=$!
asked= # whether Slurm wants the nodes back
trap 'asked=yes; kill -TERM "$run" 2>/dev/null || true' TERM
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do # a signal has ended the waiting, not the run
    code=0
    wait "$run" || code=$?
done
# 130 is also the end by a fault of the machines, which may be there the next time, too.
if [ "$code" -eq 130 ] && { [ -n "$asked" ] || [ "${SLURM_RESTART_COUNT:-0}" -lt 5 ]; }; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
