#!/usr/bin/env bash
# Makes the environment .venv beside this file once; returns at once while it is current.
# Usage: bash setup.sh [dev]      PYTHON=python3.12 bash setup.sh picks the interpreter.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$root/.venv
extras=test,dashboard
[ "${1:-}" = dev ] && extras=test,dashboard,dev
version='import sys; print(*sys.version_info[:2], sep=".")'
python=${PYTHON:-python3}
check() {
    "$python" - <<'PY' || exit 2
import sys
if sys.version_info < (3, 11):
    sys.exit(f"headrace needs Python 3.11 or later, got {sys.version.split()[0]}; "
             "set PYTHON=/path/to/python3.11")
PY
}
own=$("$venv/bin/python" -c "$version" 2>/dev/null || true)
if [ -n "${PYTHON:-}" ]; then
    check
    wanted=$("$python" -c "$version")
    if [ -n "$own" ] && [ "$own" != "$wanted" ]; then
        echo "headrace: $venv is of Python $own, got PYTHON=$PYTHON ($wanted); delete it first" >&2
        exit 2
    fi
fi
# Its programs name the place it was made at, and its packages lie in a folder of its Python: both
# are left behind where the folder is moved or its Python becomes another version.
made_at=$(sed -n 's/^command = .* -m venv \(--[a-z-]* \)*//p' "$venv/pyvenv.cfg" 2>/dev/null || true)
works=yes
[ -d "$venv/lib/python$own/site-packages/pip" ] || works=
[ -z "$made_at" ] || [ "$made_at" -ef "$venv" ] || works=
state=$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum | tr -d ' ')
ready="$venv/.ready-$state"
if [ -n "$works" ] && grep -qs "$extras" "$ready"; then
    exit 0
fi
echo "headrace: setting up $venv (a few minutes, about 6 GB)"
if [ -z "$works" ]; then
    check
    "$python" -m venv --clear "$venv"
fi
rm -f "$venv"/.ready-* # a change that ends half-way leaves none of them true
"$venv/bin/python" -m pip install --quiet --editable "$root[$extras]" \
    --constraint "$root/constraints.txt"
echo "$extras" >"$ready"
echo "headrace: $venv is ready"
