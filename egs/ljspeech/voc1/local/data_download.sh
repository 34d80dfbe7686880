#!/usr/bin/env bash
# Gets LJSpeech-1.1 (2.6 GB, public domain): local/data_download.sh DOWNLOAD_DIR
#
# What is there is used as it is: the unpacked corpus, an excerpt in its layout, or the archive.

. ./path.sh
. utils/common.sh

[ $# -eq 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
download_dir=${1%/}

for corpus in "${download_dir}" "${download_dir}/LJSpeech-1.1"; do
    if [ -f "${corpus}/metadata.csv" ]; then
        log "using ${corpus}"
        exit 0
    fi
done
if [ -e "${download_dir}/LJSpeech-1.1" ]; then
    die "${download_dir}/LJSpeech-1.1 is there, but has no metadata.csv; move it away, then run this again"
fi
utils/download.sh https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2 \
    be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5 "${download_dir}/LJSpeech-1.1.tar.bz2"
log "unpacking ${download_dir}/LJSpeech-1.1.tar.bz2"
utils/unpack.sh "${download_dir}/LJSpeech-1.1.tar.bz2" "${download_dir}/LJSpeech-1.1"
