"""What systems are called: the model, how it was sampled from, and what else tells rows of one name apart."""

from vocoders.config import flat


def labels(results):
    """A name for each result.  Where two share one, it says which settings of training differ, else the directory."""
    return _told_apart([", ".join([result.label, *sampling(result)]) for result in results], results)


def model_labels(results):
    """The same without how they were sampled from."""
    return _told_apart([result.label for result in results], results)


def _told_apart(names, results):
    alike = {name: [result for other, result in zip(names, results) if other == name] for name in names}
    told = [", ".join([name, *_different(result, alike[name])]) for name, result in zip(names, results)]
    return [f"{name} [{result.place}]" if told.count(name) > 1 else name for name, result in zip(told, results)]


def sampling(result):
    """How many steps, on which schedule, and the options of synthesis that are not the defaults; in words."""
    options = {key: value for key, value in (result.system.get("options") or {}).items() if value is not None}
    steps, schedule = options.pop("steps", None), options.pop("schedule", None)
    steps = result.system.get("evaluations", steps)
    words = [f"{steps} steps"] if steps not in (None, 1) else []
    words += [f"{_schedule_name(result, schedule)} schedule"] if schedule else []
    return words + [_option(key, value) for key, value in options.items()]


def family(result):
    """The words of ``sampling`` less the number of steps: what sweeps over that number have in common."""
    words = [word for word in sampling(result) if not word.endswith(" steps")]
    return ", ".join(words) or "defaults"


def _schedule_name(result, schedule):
    return result.system.get("schedule_name") or (schedule["rule"] if isinstance(schedule, dict) else "listed")


def _option(key, value):
    return f"{value} {key}" if isinstance(value, int) and not isinstance(value, bool) else f"{key} {value}"


def _different(result, others):
    """The settings of training in which results differ, if all of them are known."""
    known = [flat(other.settings) for other in others]
    if not all(known):
        return []
    mine = flat(result.settings)
    keys = [key for key in mine if any(other.get(key) != mine[key] for other in known)]
    return [f"{key.rpartition('.')[2]} {mine[key]}" for key in keys]
