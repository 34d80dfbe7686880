#!/usr/bin/env bash
# Sourced first by every script of a recipe: finds the installation.  An active environment that has vocoders comes
# first, then the one that "make -C tools" makes.

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../.." && pwd)
active=${VIRTUAL_ENV:-${CONDA_PREFIX:-}}
if [ -z "${active}" ] || ! [ -x "${active}/bin/vocoders" ]; then
    export PATH=${root}/tools/venv/bin:${PATH}
fi
unset active
export LC_ALL=C PYTHONUNBUFFERED=1
if ! command -v vocoders > /dev/null; then
    echo "path.sh: error: vocoders is not installed; run: make -C ${root}/tools" >&2
    exit 1
fi
