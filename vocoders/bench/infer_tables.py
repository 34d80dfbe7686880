"""What ``vocoders bench infer`` prints of its figures."""

from vocoders.bench.machine import sentence
from vocoders.bench.table import ceilings_line, percent, significant, table

HEADS = ["RTF", "x real time", "x default", "x tuned", "agreement dB", "GFLOP/s", "of GEMM", "samples/s"]
HEADS += ["p50 s", "p90 s", "p95 s", "p99 s", "peak MiB", "load s", "first s"]
NOTES = """\
- RTF: computing time over duration, of the median round; below 1 is faster than real time. p50 to p99: percentiles
  of the rounds, in seconds.
- GFLOP/s: operations of the model as published, by PyTorch's counter on its training form, over the time: what a form
  saves counts as speed. of GEMM: beside `torch.mm` in the form's precision, in the same rounds; that is no limit.
- peak: most memory that the contender's process had, or on a GPU its tensors. load: building or reading the model and
  preparing the form, once PyTorch is imported; the first time on a machine, compiling the native kernels too.
  first: the first result after that, with what is compiled only then."""
COMPARISON = """\
- x default, x tuned: times as fast as the training form in float32 with the C library's default allocator, and with
  one that keeps large blocks. agreement: power of that form's output over that of the difference, same noise."""
ESTIMATE = "- ≈: not run whole; steps x time per step of the longest one that was."


def lines(report):
    """Lines."""
    has_references = any(form["times_as_fast"] for system in report["systems"] for form in system["forms"])
    blocks = [_head(report)]
    for system in report["systems"]:
        blocks += [_title(system), _speed(system)]
        blocks += [_iterations(system, report["iterations"])] if report["iterations"]["asked"] else []
    notes = [NOTES] + [COMPARISON] * has_references
    notes += [ESTIMATE] * (set(report["iterations"]["asked"]) > set(report["iterations"]["run"]))
    return "\n\n".join([*blocks, "\n".join(notes)]).splitlines()


def _head(report):
    batch = "" if report["batch"] == 1 else f" x {report['batch']} at once"
    what = f"{report['seconds']:g} s of audio{batch}, {report['rounds']} alternating rounds"
    return f"{what}: {sentence(report['machine'])}.\n{ceilings_line(report['ceilings'])}"


def _title(system):
    rate = system["gflop"] / system["audio_seconds"]
    size = f"{system['parameters'] / 1e6:.3g} M parameters, {rate:.4g} GFLOP per second of audio as published"
    return f"### {system['system']}\n\n{size} ({system['source']})"


def _speed(system):
    return table([_cells(form) for form in system["forms"]], HEADS, "form")


def _cells(form):
    compared = {f"x {name}": significant(ratio) for name, ratio in form["times_as_fast"].items()}
    return {
        "form": form["name"],
        "RTF": significant(form["rtf"]),
        "x real time": significant(form["times_real_time"]),
        **{f"p{q} s": significant(form[f"p{q}"]) for q in (50, 90, 95, 99)},
        "samples/s": f"{form['samples_per_second']:.0f}",
        "GFLOP/s": significant(form["gflops"]),
        "of GEMM": percent(form["of_gemm"]),
        **compared,
        "agreement dB": _decibels(form) if compared else None,
        "peak MiB": f"{form['peak_mib']:.0f}",
        "load s": significant(form["load_seconds"], 2),
        "first s": significant(form["first_seconds"], 2),
    }


def _decibels(form):
    return "same bits" if form["agreement_db"] is None else f"{form['agreement_db']:.1f}"


def _iterations(system, iterations):
    """The table of WaveGrad's README: RTF by number of iterations."""
    forms = {form["name"]: rtf_by_steps(form["rtf_of_steps"], iterations["asked"]) for form in system["forms"]}
    rows = [
        {"iterations": str(steps), **{name: _rtf(*found[steps]) for name, found in forms.items()}}
        for steps in iterations["asked"]
    ]
    return "RTF by number of iterations:\n\n" + table(rows, list(forms), "iterations")


def rtf_by_steps(measured, asked):
    """steps -> (RTF, whether it was run whole)."""
    longest = max(map(int, measured))
    return {
        steps: (measured[str(steps)], True)
        if str(steps) in measured
        else (measured[str(longest)] * steps / longest, False)
        for steps in asked
    }


def _rtf(value, was_run):
    return significant(value) if was_run else f"≈ {significant(value)}"
