#!/usr/bin/env bash
# Compiles optional packages ahead of their installation: installers/wheels.sh PYTHON DIRECTORY NAME...
#
# One that cannot be compiled is named, and is no error: extras.sh then does without it.

set -uo pipefail
python=$1 directory=$2
shift 2

mkdir -p "${directory}"
for name in "$@"; do
    echo "building ${name}"
    if ! "${python}" -m pip --disable-pip-version-check wheel --quiet --no-deps --constraint constraints.txt \
        --wheel-dir "${directory}" "${name}" > "${directory}/${name}.log" 2>&1; then
        echo "warning: cannot build ${name}; tools/${directory}/${name}.log says why" >&2
    fi
done
