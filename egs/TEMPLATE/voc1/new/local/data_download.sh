#!/usr/bin/env bash
# Stage 0, leaves the corpus in DOWNLOAD_DIR: local/data_download.sh DOWNLOAD_DIR
#
# As it stands, the corpus is there already.  One that can be downloaded:
#
#     utils/download.sh https://example.org/corpus.tar.gz SHA256 "${download_dir}/corpus.tar.gz"
#     utils/unpack.sh "${download_dir}/corpus.tar.gz" "${download_dir}/corpus"

. ./path.sh
. utils/common.sh

[ $# -eq 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
download_dir=$1

[ -d "${download_dir}" ] || die "no folder ${download_dir}; name the one of the recordings with --download_dir"
