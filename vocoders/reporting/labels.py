"""What systems are called: the model, how it was sampled from, and what else tells rows of one name apart."""

from vocoders.config import flat


def labels(results):
    """A name for each result: its model, where several trainings share one what they differ in, how it was sampled
    from, and where all that is the same the directory."""
    models = _with_settings([_trained_label(result) for result in results], results)
    names = [", ".join([model, *sampling(result)]) for model, result in zip(models, results)]
    return _with_places(names, results)


def model_labels(results):
    """The same without how they were sampled from."""
    return _with_places(_with_settings([_trained_label(result) for result in results], results), results)


def sampling(result):
    """How many steps, on which schedule, and the options of synthesis that are not the defaults; in words."""
    options = _options(result)
    steps, schedule = options.pop("steps", None), options.pop("schedule", None)
    if steps is None:
        steps = result.system.get("evaluations") or _length(schedule)
    if steps == 1 and not (schedule or _options(result).get("steps")):
        steps = None  # a model without steps
    return [*_steps(steps), *_schedule(result, schedule), *_others(options), *_precision(result)]


def family(result):
    """The same without the number of steps: what sweeps over that number have in common."""
    options = _options(result)
    steps, schedule = options.pop("steps", None), options.pop("schedule", None)
    spread = ["steps spread evenly"] if steps is not None else _schedule(result, schedule) or ["training schedule"]
    return ", ".join([*spread, *_others({"sampler": "ancestral", **options})])


def _options(result):
    return {key: value for key, value in (result.system.get("options") or {}).items() if value is not None}


def _steps(count):
    return [] if count is None else ["1 step"] if count == 1 else [f"{count} steps"]


def _length(schedule):
    return schedule.get("steps") if isinstance(schedule, dict) else len(schedule) if schedule else None


def _schedule(result, schedule):
    if not schedule:
        return []
    rule = schedule["rule"] if isinstance(schedule, dict) else "listed"
    return [f"{result.system.get('schedule_name') or rule} schedule"]


def _precision(result):
    precision = result.system.get("precision", "float32")
    return [] if precision == "float32" else [precision]


def _others(options):
    return [_option(key, value) for key, value in options.items()]


def _option(key, value):
    if key == "sampler":
        return value
    counted = isinstance(value, int) and not isinstance(value, bool)
    return f"{value} {key}" if counted else f"{key} {value}"


def _trained_label(result):
    """The model; and that it is as it began, lest it be taken for a trained one."""
    return f"{result.label}, 1 step of training" if result.system.get("train_steps") == 1 else result.label


def _with_settings(names, results):
    alike = {name: [result for other, result in zip(names, results) if other == name] for name in names}
    return [", ".join([name, *_different(result, alike[name])]) for name, result in zip(names, results)]


def _with_places(names, results):
    return [f"{name} [{result.place}]" if names.count(name) > 1 else name for name, result in zip(names, results)]


def _different(result, others):
    """The settings of training in which results differ, if all of them are known."""
    known = [_settings(other) for other in others]
    if not all(known):
        return []
    mine = _settings(result)
    keys = [key for key in mine if any(other.get(key) != mine[key] for other in known)]
    return [f"{key.rpartition('.')[2]} {mine[key]}" for key in keys]


def _settings(result):
    settings = flat(result.settings)
    if len(result.members) > 1:
        settings.pop("train.seed", None)
    return settings
