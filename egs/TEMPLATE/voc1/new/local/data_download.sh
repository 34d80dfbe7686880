#!/usr/bin/env bash
# Stage 0, leaves the corpus in DOWNLOAD_DIR: local/data_download.sh DOWNLOAD_DIR
#
# As it stands, you put wav files there yourself.  A corpus that can be downloaded:
#
#     utils/download.sh https://example.org/corpus.tar.gz SHA256 "${download_dir}/corpus.tar.gz"
#     utils/unpack.sh "${download_dir}/corpus.tar.gz" "${download_dir}/corpus"

. ./path.sh
. utils/common.sh

[ $# -eq 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
download_dir=$1

compgen -G "${download_dir}/*.wav" > /dev/null ||
    die "no wav files in ${download_dir}/; put some there, or name their folder with --download_dir"
