#!/usr/bin/env bash
# Makes the environment .venv beside this file once; returns at once while it is current.
# Usage: bash setup.sh [dev]      PYTHON=python3.12 bash setup.sh picks the interpreter.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
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
own=$("$root/.venv/bin/python" -c "$version" 2>/dev/null || true)
if [ -n "${PYTHON:-}" ]; then
    check
    wanted=$("$python" -c "$version")
    if [ -n "$own" ] && [ "$own" != "$wanted" ]; then
        echo "headrace: $root/.venv is of Python $own, got PYTHON=$PYTHON ($wanted); delete it first" >&2
        exit 2
    fi
fi
# An environment is of one Python and one place: its programs name both.
made="Python $own in $root"
state=$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum | tr -d ' ')
ready="$root/.venv/.ready-$state"
if [ -n "$own" ] && grep -qs "^$extras" "$ready" && grep -qsxF "$made" "$ready"; then
    exit 0
fi
# One that was left half-made has no pip, nor has one whose Python was replaced by another version.
if ! "$root/.venv/bin/python" -m pip --version >/dev/null 2>&1 ||
    { grep -qs "^Python " "$root"/.venv/.ready-* && ! grep -qsxF "$made" "$root"/.venv/.ready-*; }; then
    check
    fresh=yes
fi
echo "headrace: setting up $root/.venv (a few minutes, about 6 GB)"
[ -z "${fresh:-}" ] || "$python" -m venv --clear "$root/.venv"
"$root/.venv/bin/python" -m pip install --quiet --editable "$root[$extras]" \
    --constraint "$root/constraints.txt"
rm -f "$root"/.venv/.ready-*
own=$("$root/.venv/bin/python" -c "$version")
printf '%s\n' "$extras" "Python $own in $root" >"$ready"
echo "headrace: $root/.venv is ready"
