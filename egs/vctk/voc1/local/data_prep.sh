#!/usr/bin/env bash
# Writes data/{train,dev,eval_seen,eval_unseen}: local/data_prep.sh [options] DOWNLOAD_DIR [DATA_DIR]
#
# DATA_DIR/local has the same sets with the recordings of the corpus; DATA_DIR/wav the recordings at the rate of
# mel_config, which features and scores are made of.  Run again, it resamples only what is missing or has changed.

. ./path.sh
. utils/common.sh

# begin options
mel_config=${mel_config:-conf/mel_nvidia_22k.yaml}    # Whose sampling rate it will be; voc.sh passes its own.
mic=mic1                # mic1 or mic2; version 0.80 has mic1 only.
num_unseen=8            # Speakers that are kept from training; as many seen ones are evaluated, as many choose the checkpoint.
num_dev=25              # Utterances of each speaker of the dev set.
num_eval=25             # Utterances of each speaker of the eval sets.
shared_sentences=false  # Train on sentences of the other sets too, read by other speakers.
halve=false             # Cut every recording in two: an excerpt with one utterance of each speaker.
max_unpaired=100        # So many transcripts and recordings may lack the other, beside the known ones.
nj=${nj:-4}             # Parallel jobs; the same.
# end options
. utils/parse_options.sh
. ./cmd.sh

[ $# -eq 1 ] || [ $# -eq 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
data=${2:-data}

python3 local/data_prep.py --mic "${mic}" --num_unseen "${num_unseen}" --num_dev "${num_dev}" --num_eval "${num_eval}" \
    --shared_sentences "${shared_sentences}" --halve "${halve}" --max_unpaired "${max_unpaired}" "$1" "${data}/local"
resample=(vocoders resample --config "${mel_config}" --output "${data}" --waves "${data}/wav/${mic}")
sets=("${data}"/local/{train,dev,eval_seen,eval_unseen})
${cpu_cmd} JOB=1:"${nj}" "${data}/wav/log/resample.JOB.log" "${resample[@]}" --part "JOB/${nj}" "${sets[@]}"
"${resample[@]}" "${sets[@]}"
