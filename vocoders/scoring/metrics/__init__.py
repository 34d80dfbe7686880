"""One file per metric; the file's name is the metric's name in ``vocoders score --metrics``.

A metric is a class that compares two :class:`~vocoders.scoring.signal.Signal` of one rate and one length::

    @METRICS.register
    class Snr:
        needs = {}                                   # import name: PyPI name
        scores = {"snr": Score("SNR", "higher", "dB", "energy of the reference over that of the difference")}

        def __call__(self, reference, decoded):
            error = decoded.wave - reference.wave
            return {"snr": 10 * log10(sum(reference.wave**2) / sum(error**2))}

What cannot be measured is an InputError that says why.  ``None`` is for a value that the definition itself
leaves undefined (a pitch difference without pitch): it is counted, never averaged.
"""

import warnings
from importlib import import_module
from importlib.metadata import version
from typing import NamedTuple

from vocoders.errors import InputError
from vocoders.registry import Registry

METRICS = Registry("vocoders.scoring.metrics")


class Score(NamedTuple):
    """How to print and read one number of a metric."""

    label: str
    better: str  # "higher" or "lower"
    unit: str
    definition: str


def load_metric(name):
    """The metric ``name``, ready to call.

    Raises InputError when a package that it needs is absent or broken.
    """
    metric = METRICS[name]
    for module, package in metric.needs.items():
        try:
            with warnings.catch_warnings():  # pyworld's import warns about its own import
                warnings.simplefilter("ignore")
                import_module(module)
        except ImportError as error:
            raise InputError(
                f"metric {name} needs the package {package}, which cannot be imported ({error}); "
                f"install it with `pip install vocoders[scores]`, or choose other metrics with --metrics"
            ) from error
    return metric()


def package_versions(names):
    """PyPI name -> version of the packages that these metrics need."""
    packages = {package for name in names for package in METRICS[name].needs.values()}
    return {package: version(package) for package in sorted(packages)}
