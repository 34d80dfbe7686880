#!/usr/bin/env bash
# Makes DOWNLOAD_DIR/mini-1.0, five minutes of synthetic speech, without a network: local/data_download.sh DOWNLOAD_DIR

. ./path.sh
. utils/common.sh

[ $# -eq 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }

python3 local/make_corpus.py local/prompts.txt "${1%/}/mini-1.0"
