#!/usr/bin/env bash
# Makes a recipe for a folder of recordings: egs/TEMPLATE/setup.sh [options] FOLDER egs/CORPUS/voc1
#
# It is vocoders new-recipe, with the installation and the template of this repository.

set -euo pipefail

templates=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=egs/TEMPLATE/voc1/path.sh
. "${templates}/voc1/path.sh"

exec vocoders new-recipe --template "${templates}" "$@"
