#!/usr/bin/env bash
# Gets VCTK 0.92 (11.7 GB, CC BY 4.0, https://doi.org/10.7488/ds/2645): local/data_download.sh DOWNLOAD_DIR
#
# What is there is used as it is: version 0.92 or 0.80 unpacked, an excerpt in the layout of either, or the archive.

. ./path.sh
. utils/common.sh

[ $# -eq 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
download_dir=${1%/}
corpus=${download_dir}/VCTK-Corpus-0.92

for found in "${download_dir}" "${corpus}" "${download_dir}/VCTK-Corpus"; do
    if [ -d "${found}/txt" ] && { [ -d "${found}/wav48_silence_trimmed" ] || [ -d "${found}/wav48" ]; }; then
        log "using ${found}"
        exit 0
    fi
done
if [ -e "${corpus}" ]; then
    die "${corpus} is there, but has no txt/ and wav48_silence_trimmed/; move it away, then run this again"
fi
# The address that the record's own link leads to; that link answers programs with a page.  The MD5 is the one that the
# archive publishes for the file, 11,747,302,977 bytes; it publishes no SHA-256.
utils/download.sh https://datashare.ed.ac.uk/server/api/core/bitstreams/535f4286-e54c-4038-838c-a02285e32cb2/content \
    8a6ba2946b36fcbef0212cad601f4bfa "${corpus}.zip"
log "unpacking ${corpus}.zip"
utils/unpack.sh "${corpus}.zip" "${corpus}"
