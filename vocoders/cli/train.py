"""Train a model on extracted features; the same command resumes an interrupted run exactly.

Every key of the configuration is an option too:

  vocoders train --config conf/diffwave.yaml --train.max_steps 2000 --model.channels 32 \\
      dump/mel_nvidia_22k/train dump/mel_nvidia_22k/dev exp/train_diffwave

Follow it with:  tensorboard --logdir exp
"""

from vocoders.errors import InputError


def main(
    train_directory: str,
    dev_directory: str,
    experiment: str,
    config: str = "",
    decode_config: str = "",
    device: str = "auto",
    overrides: dict | None = None,
):
    """Train.

    Args:
        train_directory: features to learn from (dump/<mel>/<set>).
        dev_directory: features to choose the best checkpoint by.
        experiment: directory of checkpoints, metrics and logs; made, or resumed.
        config: YAML file with the sections model, train and optimizer.
        decode_config: options of synthesis that will be decoded with (YAML); refused now if the model has no such.
        device: cpu, cuda, or auto.
        overrides: dotted keys laid over the configuration.
    """
    from vocoders import config as configuration
    from vocoders.device import choose
    from vocoders.inference.system import check_options
    from vocoders.training.run import train

    if not config:
        raise InputError("needs --config, a YAML file such as conf/diffwave.yaml")
    settings = configuration.load(config, overrides)
    if decode_config:
        check_options(settings, configuration.load(decode_config), where=decode_config)
    train(
        settings,
        train_directory,
        dev_directory,
        experiment,
        device=choose(device),
    )
