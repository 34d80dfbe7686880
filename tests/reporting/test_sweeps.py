"""Tables and plots of quality against the number of network evaluations."""

import json
import xml.etree.ElementTree

import pytest

from vocoders.cli.report import main
from vocoders.reporting.results import find_results
from vocoders.reporting.sweeps import _points, find_sweeps, sweep_sections, sweep_tables, unswept
from vocoders.reporting.tables import build_table

PESQ = {("ancestral", 6): 1.1, ("ancestral", 12): 1.2, ("ancestral", 25): 1.3, ("ddim", 6): 1.4, ("ddim", 50): 1.5}


@pytest.fixture
def decode(add_result):
    """decode(name, steps, pesq): a set that a model made in so many steps."""

    def write(
        name, steps, pesq=1.0, *, schedule=None, schedule_name=None, weights="w", experiment="train_x", **options
    ):
        options = {**({"schedule": schedule} if schedule else {"steps": steps}), **options}
        changes = {"options": options, "evaluations": steps, "schedule_name": schedule_name, "weights": weights}
        add_result(f"{experiment}/{name}", pesq, **changes)

    return write


@pytest.fixture
def swept(exp, decode):
    for (sampler, steps), pesq in PESQ.items():
        decode(f"{sampler}_{steps}", steps, pesq, sampler=sampler)
    return exp


def rows(exp):
    return find_results(exp)["eval"]


def test_a_sweep_is_a_model_and_a_way_to_sample_by_rising_evaluations(swept):
    sweeps = {sweep.sampling: sweep for sweep in find_sweeps(rows(swept))}
    assert sweeps["steps spread evenly, ancestral"].evaluations == [6, 12, 25]
    assert sweeps["steps spread evenly, ddim"].evaluations == [6, 50]
    assert len(sweeps) == 2  # train_x/decode_best says neither weights nor evaluations
    left = [result.place for result in unswept(rows(swept), list(sweeps.values()))]
    assert left == ["recording", "griffin_lim", "train_x/decode_best"]


def test_two_numbers_of_steps_are_rows_like_others(exp, decode):
    for steps in (6, 12):
        decode(f"d{steps}", steps)
    assert find_sweeps(rows(exp)) == []
    assert "Some Net, 12 steps" in build_table("eval", rows(exp)).columns[0].cells


def test_cells_stand_under_their_number_of_evaluations(swept):
    table = next(table for table in sweep_tables("eval", find_sweeps(rows(swept))) if "PESQ" in table.name)
    found = {
        (name.rpartition(" ")[2], int(column.name)): cell
        for column in table.columns[1:]
        for name, cell in zip(table.columns[0].cells, column.cells)
    }
    assert len(found) == 2 * 4
    for key, cell in found.items():
        assert cell == (f"{PESQ[key]:.3f} ± 0.150" if key in PESQ else "–"), key


def test_schedules_of_one_name_are_one_sweep(exp, decode):
    for steps in (2, 3, 4):
        decode(f"s{steps}", steps, schedule=[1e-4] * steps, schedule_name="searched")
        decode(f"f{steps}", steps, schedule={"rule": "fibonacci", "steps": steps, "first": 1e-6})
        decode(f"l{steps}", steps, schedule=[1e-4] * steps)
    found = {sweep.sampling: sweep.evaluations for sweep in find_sweeps(rows(exp))}
    assert found == {f"{name} schedule, ancestral": [2, 3, 4] for name in ("searched", "fibonacci", "listed")}
    assert "Some Net, 3 steps, searched schedule" in build_table("eval", rows(exp)).columns[0].cells


def test_the_block_has_each_row_once_and_says_how_it_was_made(swept, tmp_path, capsys):
    main(str(swept), results=str(tmp_path / "R.md"), html=str(tmp_path / "r.html"))
    text = (tmp_path / "R.md").read_text()
    assert text.count("### eval: PESQ ↑") == 1 and text.count("1.300 ± 0.150") == 1
    assert "- Some Net: steps spread evenly, ddim: `vocoders decode <exp/train_x>`" in text
    assert "likewise `train_x/ddim_50`" in text
    page = (tmp_path / "r.html").read_text()
    assert "Quality against network evaluations" in page and page.count("Some Net, 25 steps") > 0
    heard = page[page.index("Listen and look") :]
    assert '<th scope="col">Some Net, 25 steps, ancestral</th>' in heard  # the longest of its sweep
    assert '<th scope="col">Some Net, 12 steps, ancestral</th>' not in heard


def test_plots_have_a_line_per_sampling_and_one_of_speed(swept):
    (section,) = sweep_sections(build_table("eval", rows(swept)))
    assert [name for name, _ in section["samplings"]] == [
        f"steps spread evenly, {sampler}" for sampler in ("ancestral", "ddim")
    ]
    svg = next(plot for plot in section["plots"] if "PESQ" in plot)
    assert {"6", "12", "25", "50", "network evaluations", "RTF (dotted)"} <= set(texts(svg))


def texts(svg):
    tree = xml.etree.ElementTree.fromstring(svg)
    return [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_points_are_means_with_their_bounds_where_they_are_defined(exp, decode):
    for steps in (6, 12, 25):
        decode(f"d{steps}", steps, steps / 10)
    change = json.loads((exp / "train_x/d12/eval/summary.json").read_text())
    change["metrics"]["pesq"] |= {"mean": None, "low": None, "high": None}
    (exp / "train_x/d12/eval/summary.json").write_text(json.dumps(change))
    change["metrics"]["pesq"] |= {"mean": 2.5}  # of one utterance, without an interval
    (exp / "train_x/d25/eval/summary.json").write_text(json.dumps({**change, "system": system(exp, "d25")}))
    (sweep,) = find_sweeps(rows(exp))
    assert _points(sweep, "pesq") == [(6, 0.6, pytest.approx(0.5), pytest.approx(0.8)), (25, 2.5, 2.5, 2.5)]
    (section,) = sweep_sections(build_table("eval", rows(exp)))
    svg = next(plot for plot in section["plots"] if "PESQ" in plot)
    assert "25" in texts(svg) and "12" not in texts(svg)


def system(exp, name):
    return json.loads((exp / f"train_x/{name}/eval/summary.json").read_text())["system"]


def test_a_second_row_of_one_number_of_steps_is_not_lost(exp, decode):
    for steps in (6, 12, 25):
        decode(f"d{steps}", steps, schedule=[1e-4] * steps, schedule_name="searched")
    decode("other6", 6, 4.5, schedule=[1e-3] * 6, schedule_name="searched")
    decode("own", 25, 3.5)
    found = {sweep.sampling: sweep.evaluations for sweep in find_sweeps(rows(exp))}
    assert found == {
        "searched schedule, ancestral": [6, 12, 25],
        "searched schedule, ancestral [train_x/other6]": [6],
        "steps spread evenly, ancestral": [25],
    }
    cells = [cell for table in sweep_tables("eval", find_sweeps(rows(exp))) for row in table.rows for cell in row]
    assert {"4.500 ± 0.150", "3.500 ± 0.150"} <= set(cells)


def test_the_training_schedule_is_another_way_than_as_many_steps_spread_evenly(exp, decode, add_result):
    for steps in (6, 12, 50):
        decode(f"d{steps}", steps)
    add_result("train_x/whole", 4.5, options={}, evaluations=50, weights="w")
    found = {sweep.sampling: sweep.evaluations for sweep in find_sweeps(rows(exp))}
    assert found == {"steps spread evenly, ancestral": [6, 12, 50], "training schedule, ancestral": [50]}


def test_models_of_one_name_are_told_apart(exp, decode):
    for weights in "vw":
        (exp / f"train_{weights}").mkdir()
        (exp / f"train_{weights}" / "config.yaml").write_text(json.dumps({"model": {"levels": weights}}))
        for steps in (6, 12, 25):
            decode(f"d{steps}", steps, weights=weights, experiment=f"train_{weights}")
    assert {sweep.model for sweep in find_sweeps(rows(exp))} == {"Some Net, levels v", "Some Net, levels w"}
