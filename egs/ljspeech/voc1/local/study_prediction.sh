#!/usr/bin/env bash
# What should a diffusion network predict?  Trains the small DiffWave and WaveGrad in eight forms that differ in one
# choice from their neighbours (scaling, distance, levels drawn in training), equal steps, several seeds, and scores them
# on the dev set, so that the eval set stays unseen.  Stages 0 to 2 of run.sh come first.  Run again, it goes on.
#
#     local/study_prediction.sh --nj 2
#     vocoders report --only "diffwave_*" --pool_seeds true --against "diffwave_noise_l1_steps_*" study

. ./path.sh
. utils/common.sh

# begin options
nj=2                                    # Trainings side by side, one thread each.
steps=800                               # Of training, for every form.
seeds="0 1 2"                           # Of initial weights and training.
models="diffwave wavegrad"              # The small configuration of each.
train_args=                             # Changes to it, such as "--model.channels 32".
only=.                                  # Forms whose directory matches this regular expression.
dumpdir=dump/mel_nvidia_22k             # Features.
studydir=study                          # Where trained models and scores go.
decode_config=conf/decode_6steps.yaml   # Sampler and schedule, the same for all.
metrics=pesq,stoi,log_mel_mae           # Scores.
# end options
. utils/parse_options.sh
[ $# -eq 0 ] || die "unexpected argument $1; options have the form --name value"

# Each model's own way to draw levels, as published.
declare -A published=([diffwave]=steps [wavegrad]=continuous)

# train_and_score EXP MODEL SEED PREDICTION DISTANCE LEVELS
train_and_score() {
    local exp=$1 model=$2 seed=$3
    mkdir -p "${exp}"
    # shellcheck disable=SC2086  # train_args are several words
    {
        vocoders train --config "conf/${model}_small.yaml" --device cpu --train.seed "${seed}" --train.samples 0 \
            --train.max_steps "${steps}" --train.evaluate_every "${steps}" ${train_args} \
            --model.prediction "$4" --model.distance "$5" --model.levels "$6" \
            "${dumpdir}/train" "${dumpdir}/dev" "${exp}" &&
        vocoders decode --config "${decode_config}" --device cpu "${exp}" "${dumpdir}/dev" "${exp}/decode/dev" &&
        vocoders score --metrics "${metrics}" data/dev/wav.scp "${exp}/decode/dev/wav.scp" "${exp}/decode/dev"
    } >> "${exp}/study.log" 2>&1 || { log "error: see ${exp}/study.log"; return 1; }
    log "done: ${exp}"
}

list_forms() {
    local seed model
    for seed in ${seeds}; do
        for model in ${models}; do
            while read -r prediction distance levels; do
                [ "${levels}" = published ] && levels=${published[${model}]}
                echo "${studydir}/${model}_${prediction}_${distance}_${levels}_seed${seed}" \
                    "${model} ${seed} ${prediction} ${distance} ${levels}"
            done <<- EOF
				noise l1 published
				noise l2 published
				noise l1 log_snr
				energy_scaled l1 published
				energy_scaled l1 log_snr
				spectrum_scaled l1 published
				spectrum_scaled l1 log_snr
				spectrum_scaled l2 log_snr
			EOF
        done
    done
}

export -f train_and_score log
export train_args dumpdir steps decode_config metrics OMP_NUM_THREADS=1
list_forms | grep -E -- "${only}" | xargs -P "${nj}" -L 1 bash -euo pipefail -c 'train_and_score "$@"' study_prediction.sh
