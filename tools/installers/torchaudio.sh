#!/usr/bin/env bash
# Installs torchaudio beside the torch that is there: installers/torchaudio.sh PYTHON, a virtual environment of our own
#
# PyPI's torchaudio is linked against CUDA and cannot be imported beside a torch without.  Without its compiled
# extensions it works in Python alone, for all that this project uses; so they go, if torch has no CUDA.

set -euo pipefail
python=$1

works() { "${python}" -W ignore -c 'import torchaudio' 2> /dev/null; }

echo "installing torchaudio"
if ! "${python}" -m pip --disable-pip-version-check install --quiet --no-deps --constraint constraints.txt torchaudio; then
    echo "warning: torchaudio cannot be installed; the environment goes without it" >&2
    exit 0
fi
works && exit 0
if [ "$("${python}" -c 'import torch; print(torch.version.cuda)')" = None ]; then
    folder=$("${python}" -c 'from importlib.util import find_spec; print(*find_spec("torchaudio").submodule_search_locations)')
    rm -f "${folder}"/lib/*.so
fi
works || echo "warning: torchaudio is installed but cannot be imported; the environment goes without it" >&2
