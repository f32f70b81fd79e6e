#!/usr/bin/env bash
# Makes the environment .venv beside this file once; returns at once while it is current.
# Usage: bash setup.sh [dev]      PYTHON=python3.12 bash setup.sh picks the interpreter.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
extras=test,dashboard
[ "${1:-}" = dev ] && extras=test,dashboard,dev
python=${PYTHON:-python3}
"$python" - <<'PY' || exit 2
import sys
if sys.version_info < (3, 11):
    sys.exit(f"headrace needs Python 3.11 or later, got {sys.version.split()[0]}; "
             "set PYTHON=/path/to/python3.11")
PY
own=$("$root/.venv/bin/python" -c 'import sys; print(*sys.version_info[:2], sep=".")' 2>/dev/null || true)
wanted=$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')
if [ -n "${PYTHON:-}" ] && [ -n "$own" ] && [ "$own" != "$wanted" ]; then
    echo "headrace: $root/.venv is of Python $own, got PYTHON=$PYTHON ($wanted); delete it first" >&2
    exit 2
fi
state=$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum | tr -d ' ')
ready="$root/.venv/.ready-$state"
if [ -x "$root/.venv/bin/python" ] && grep -qs "$extras" "$ready"; then
    exit 0
fi
echo "headrace: setting up $root/.venv (a few minutes, about 6 GB)"
# One that was left half-made has no pip.
"$root/.venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$root/.venv"
"$root/.venv/bin/python" -m pip install --quiet --editable "$root[$extras]" \
    --constraint "$root/constraints.txt"
rm -f "$root"/.venv/.ready-*
echo "$extras" >"$ready"
echo "headrace: $root/.venv is ready"
