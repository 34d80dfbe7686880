#!/usr/bin/env bash
# From a corpus to a table of scores, for one vocoder.  Every corpus recipe runs this same file through its run.sh;
# what a corpus has of its own is in local/ and conf/.
#
#     ./run.sh                                 all stages
#     ./run.sh --stage 3 --stop-stage 3        training alone; run again, it goes on where it stopped
#     ./run.sh --tag lr1e-3 --train_args "--optimizer.learning_rate 1e-3" --stage 3    a variant in its own directory
#
# Stages: 0 download, 1 data directories, 2 features, 3 training, 4 decoding, 5 scores and report; and only if asked for
# by --stop-stage 6, 6 search for a schedule.

. ./path.sh
. utils/common.sh

# begin options
stage=0                                 # First stage to run.
stop_stage=5                            # Last stage to run.
nj=4                                    # Parallel jobs for data, features, scores and searches.
ngpu=1                                  # 1: train and decode on a GPU where there is one; 0: on the CPU.
download_dir=downloads                  # Where the corpus is, or comes to lie.
dumpdir=dump                            # Where features go.
expdir=exp                              # Where trained models, decoded waves and scores go.
train_set=train                         # Directories in data/, as local/data_prep.sh makes them.
dev_set=dev                             # The set that chooses the best checkpoint.
eval_sets="eval"                        # What is decoded and scored; several separated by blanks.
num_dev=                                # Utterances in the dev set, or of each of its speakers (the corpus has its own default).
num_eval=                               # Utterances in the eval set (the same).
data_args=                              # Other options of local/data_prep.sh; its --help lists them.
mel_config=conf/mel_nvidia_22k.yaml     # What a mel spectrogram is.
resample=false                          # Resample the corpus where its sampling rate is not that of mel_config.
train_config=conf/diffwave.yaml         # Model, optimiser, length of training.
train_args=                             # Changes to train_config, such as "--train.max_steps 1000"; give a tag too.
tag=                                    # Added to the name of the experiment.
checkpoint=best                         # What to decode with: best, last, step-N, or a file.
decode_config=conf/decode.yaml          # Sampler and schedule.
decode_args=                            # Other options of vocoders decode, such as "--precision bfloat16".
decode_steps=                           # Numbers of steps, such as "6 12 25 50", each instead of decode_config's own.
baselines="recording griffin_lim world" # Rows of the table that need no training; may be empty.
search_steps=6                          # Stage 6: steps of the schedule that is searched for.
search_name=                            # Stage 6: name of what is found, instead of schedule_<search_steps>.
search_args=                            # Stage 6: options of vocoders search-schedule, such as "--budget 200".
metrics=all                             # Scores: all, or a list such as "pesq,stoi".
seed=                                   # Of training, decoding and search, instead of train_config's and 0.
# end options
. utils/parse_options.sh
[ $# -eq 0 ] || die "unexpected argument $1; options have the form --name value"
[ "${ngpu}" = 0 ] || [ "${ngpu}" = 1 ] || die "--ngpu is 0 or 1, not ${ngpu}; training on several GPUs is not there yet"
. ./cmd.sh

name_of() { local name=${1##*/}; echo "${name%.*}"; }
dump=${dumpdir}/$(name_of "${mel_config}")
exp=${expdir}/${train_set}_$(name_of "${train_config}")${tag:+_${tag}}
decode_name() { echo "${exp##*/}/$(name_of "${decode_config}")${1:+_${1}steps}_$(name_of "${checkpoint}")"; }
decodes=()                              # Directories of decoded sets; with decode_steps, one for each number.
for steps in ${decode_steps:-own}; do decodes+=("$(decode_name "${steps#own}")"); done

if begin_stage 0 "download: the corpus -> ${download_dir}/"; then
    local/data_download.sh "${download_dir}"
fi

if begin_stage 1 "data: ${download_dir}/ -> data/"; then
    # what a corpus may have an option for goes to it by the environment, so that the others need none
    # shellcheck disable=SC2086  # data_args are several words
    mel_config="${mel_config}" nj="${nj}" local/data_prep.sh ${num_dev:+--num_dev "${num_dev}"} ${num_eval:+--num_eval "${num_eval}"} ${data_args} "${download_dir}"
    sets=("${train_set}" "${dev_set}")
    for set in ${eval_sets}; do sets+=("${set}"); done
    vocoders check-data --nj "${nj}" "${sets[@]/#/data/}"
fi

if begin_stage 2 "features: data/ -> ${dump}/"; then
    extract=(vocoders features --config "${mel_config}" --resample "${resample}")
    for set in "${train_set}" "${dev_set}" ${eval_sets}; do
        ${cpu_cmd} JOB=1:"${nj}" "${dump}/${set}/log/features.JOB.log" \
            "${extract[@]}" --part "JOB/${nj}" "data/${set}" "${dump}/${set}"
        "${extract[@]}" --merge "${nj}" "data/${set}" "${dump}/${set}"
    done
fi

if begin_stage 3 "training: ${dump}/ -> ${exp}/"; then
    # shellcheck disable=SC2086  # train_args are several words
    ${gpu_cmd} --gpu "${ngpu}" --append true "${exp}/train.log" \
        vocoders train --config "${train_config}" --decode_config "${decode_config}" ${seed:+--train.seed "${seed}"} ${train_args} \
            "${dump}/${train_set}" "${dump}/${dev_set}" "${exp}"
fi

if begin_stage 4 "decoding: ${decodes[*]/#/${expdir}/}, and ${baselines:-no baselines}"; then
    for set in ${eval_sets}; do
        for steps in ${decode_steps:-own}; do
            decode=${expdir}/$(decode_name "${steps#own}")/${set}
            # shellcheck disable=SC2086  # decode_args are several words
            ${gpu_cmd} --gpu "${ngpu}" "${decode}/decode.log" \
                vocoders decode --config "${decode_config}" ${decode_steps:+--decode.steps "${steps}"} \
                    --checkpoint "${checkpoint}" ${seed:+--seed "${seed}"} ${decode_args} \
                    "${exp}" "${dump}/${set}" "${decode}"
        done
        for baseline in ${baselines}; do
            ${cpu_cmd} "${expdir}/${baseline}/${set}/decode.log" \
                vocoders decode "${baseline}" "${dump}/${set}" "${expdir}/${baseline}/${set}"
        done
    done
fi

if begin_stage 5 "scores and report: ${expdir}/report.html, RESULTS.md"; then
    for set in ${eval_sets}; do
        for system in ${baselines} "${decodes[@]}"; do
            ${cpu_cmd} "${expdir}/${system}/${set}/score.log" \
                vocoders score --nj "${nj}" --resample "${resample}" --metrics "${metrics}" "data/${set}/wav.scp" \
                    "${expdir}/${system}/${set}/wav.scp" "${expdir}/${system}/${set}"
        done
    done
    vocoders report --results RESULTS.md --html "${expdir}/report.html" "${expdir}"
fi

found=${exp}/${search_name:-schedule_${search_steps}}
if begin_stage 6 "schedule search: ${found}.yaml"; then
    # shellcheck disable=SC2086  # search_args are several words
    ${cpu_cmd} "${found}.log" \
        vocoders search-schedule --steps "${search_steps}" --config "${decode_config}" --checkpoint "${checkpoint}" \
            --nj "${nj}" ${seed:+--seed "${seed}"} ${search_args} \
            "${exp}" "${dump}/${dev_set}" "${found}.yaml"
    log "decode with it: --stage 4 --decode_config ${found}.yaml"
fi
