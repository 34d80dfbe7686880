#!/usr/bin/env bash
# Installs optional dependencies of vocoders: installers/extras.sh PYTHON WHEELS EXTRA...
#
# All of an extra at once where that works, else one package after the other; what fails is named, and is no error.

set -uo pipefail
python=$1 wheels=$2
shift 2

install() {
    "${python}" -m pip --disable-pip-version-check install --quiet --constraint constraints.txt \
        --no-build-isolation --find-links "${wheels}" "$@"
}

# The requirements of extra $1, as setup.py declares them.
requirements() {
    "${python}" - "$1" << 'END'
import re, sys
from importlib.metadata import requires

for line in requires("vocoders"):
    requirement, _, condition = line.partition(";")
    if re.search(rf"""extra == ["']{sys.argv[1]}["']""", condition):
        print(requirement.strip())
END
}

for extra in "$@"; do
    echo "installing the extra \"${extra}\""
    if ! listed=$(requirements "${extra}") || [ -z "${listed}" ]; then
        echo "error: cannot tell what the extra \"${extra}\" requires; is vocoders installed for ${python}?" >&2
        exit 1
    fi
    mapfile -t packages <<< "${listed}"
    install "${packages[@]}" > "${wheels}/${extra}.log" 2>&1 && continue
    for package in "${packages[@]}"; do
        install "${package}" || echo "warning: ${package} cannot be installed; the environment goes without it" >&2
    done
done
