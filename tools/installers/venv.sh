#!/usr/bin/env bash
# Makes a virtual environment: installers/venv.sh PYTHON DIRECTORY

set -euo pipefail
python=$1 directory=$2

if ! found=$("${python}" -c 'import sys; print(sys.version.split()[0]); sys.exit(sys.version_info < (3, 10))'); then
    echo "error: Python 3.10 or newer is needed, ${python} is ${found:-not there}; choose one: make -C tools PYTHON=/path/to/python3" >&2
    exit 1
fi
echo "making tools/${directory} with Python ${found}"
if ! "${python}" -m venv "${directory}"; then
    rm -rf "${directory}"
    echo "error: ${python} cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 1
fi
