"""The table says what the summaries say, and RESULTS.md keeps what people wrote."""

import json
import shutil

import pytest

from vocoders.cli.report import main
from vocoders.errors import InputError
from vocoders.reporting.markdown import WIDTH, markdown, marks, results_block, write_results
from vocoders.reporting.results import find_results
from vocoders.reporting.tables import build_table, legend

BEGIN, END = marks()


def table(exp, name="eval"):
    return build_table(name, find_results(exp)[name])


def column(table, name):
    return next(column for column in table.columns if column.name.startswith(name))


def cells(text):
    """Header -> cells, of all the pieces of a Markdown table."""
    found = {}
    for piece in text.split("\n\n"):
        header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in piece.splitlines()]
        found.update(zip(header, zip(*rows)))
    return found


def test_the_recording_stands_first_then_baselines_then_models(exp):
    (exp / "recording").rename(exp / "zz_recording")  # not because of its name
    assert column(table(exp), "system").cells == ["recording", "Griffin-Lim", "Some Net, 6 steps"]


def test_a_model_of_one_step_is_not_taken_for_a_trained_one(exp, add_result):
    add_result("train_y/decode_best", 2.0, train_steps=1)
    assert "Some Net, 1 step of training, 6 steps" in column(table(exp), "system").cells


def test_a_precision_other_than_the_usual_is_told(exp, add_result):
    add_result("train_x/decode_best", 2.0, precision="float32")
    add_result("train_x/decode_fast", 2.0, precision="bfloat16")
    assert column(table(exp), "system").cells[2:] == ["Some Net, 6 steps", "Some Net, 6 steps, bfloat16"]


def test_numbers_are_those_of_the_summaries(exp):
    found = cells(markdown(table(exp)))
    for place, row in zip(("recording", "griffin_lim", "train_x/decode_best"), found["PESQ ↑"]):
        entry = json.loads((exp / place / "eval" / "summary.json").read_text())["metrics"]["pesq"]
        mean, half = map(float, row.split(" ± "))
        assert mean == round(entry["mean"], 3)
        assert half == pytest.approx((entry["high"] - entry["low"]) / 2, abs=5e-4)
    assert found["PESQ ↑"][2] == "1.234 ± 0.150"
    assert found["MCD ↓"] == ("12.00 ± 0.60",) * 3
    assert found["ln F0 ↓"] == ("0.100 ± 0.100 (n=2)", "0.100 ± 0.100 (n=2)", "undefined")
    assert found["parameters"] == ("–", "–", "1,234,567")
    assert found["training steps"][2] == "6,000"
    assert found["training"][2] == "1.5 min"


def test_the_real_time_factor_is_the_total_and_copying_has_none(exp):
    assert cells(markdown(table(exp)))["RTF ↓"] == ("–", "0.25", "0.25")


def test_columns_that_say_nothing_are_left_out(exp):
    names = [column.name for column in table(exp).columns]
    assert "n" not in names  # the same for everybody, so the legend says it
    (exp / "train_x" / "decode_best" / "eval" / "summary.json").unlink()
    assert "parameters" not in [column.name for column in table(exp).columns]


def test_another_number_of_utterances_is_told(exp):
    path = exp / "griffin_lim" / "eval" / "summary.json"
    summary = json.loads(path.read_text())
    summary["n"] = 2
    path.write_text(json.dumps(summary))
    found = cells(markdown(table(exp)))
    assert found["n"] == ("3", "2", "3")
    assert found["PESQ ↑"][1].endswith("(n=3)")


def test_systems_of_one_name_are_told_apart(exp):
    source = exp / "train_x" / "decode_best"
    (exp / "train_x_tag").mkdir()
    shutil.copytree(source, exp / "train_x_tag" / "decode_best")
    assert column(table(exp), "system").cells[2:] == [
        "Some Net, 6 steps [train_x/decode_best]",
        "Some Net, 6 steps [train_x_tag/decode_best]",
    ]


def test_a_training_is_told_apart_from_another_however_it_was_sampled_from(exp, add_result):
    add_result("train_x_long/decode_12", 1.5, options={"steps": 12})
    for name, steps in (("train_x", 6), ("train_x_long", 60)):
        (exp / name / "config.yaml").write_text(json.dumps({"train": {"max_steps": steps, "seed": 1}}))
    named = ["Some Net, max_steps 6, 6 steps", "Some Net, max_steps 60, 12 steps"]
    assert column(table(exp), "system").cells[2:] == named


def test_waves_from_elsewhere_go_by_their_directory(exp):
    path = exp / "griffin_lim" / "eval" / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "system": None}))
    assert column(table(exp), "system").cells == ["recording", "Some Net, 6 steps", "griffin_lim"]


def test_no_line_is_wider_than_a_screen_and_all_pieces_name_the_systems(exp):
    found = table(exp)
    found.columns += found.columns[1:] * 3
    pieces = markdown(found).split("\n\n")
    assert len(pieces) > 1
    assert all("Griffin-Lim" in piece for piece in pieces)
    assert max(map(len, markdown(found).splitlines())) <= WIDTH + 1


def test_the_block_says_how_rows_were_made(exp):
    block = results_block([table(exp)], "abc123", [table(exp)])
    assert "code at abc123" in block
    assert "- Some Net, 6 steps: `vocoders decode <exp/train_x>`, seed 7, code at 0123abc, mel abc" in block
    assert "over utterances, n = 3;" in block


def change(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_legend_has_the_n_of_every_table(exp):
    for path in exp.rglob("eval"):
        shutil.copytree(path, path.with_name("other"))
    tables = [table(exp, name) for name in ("eval", "other")]
    assert " over utterances, n = 3; " in legend(tables)
    for path in exp.rglob("other/summary.json"):
        change(path, n=2)
    tables = [table(exp, name) for name in ("eval", "other")]
    assert " over utterances, n = 3 (eval), n = 2 (other); " in legend(tables)
    change(exp / "recording" / "eval" / "summary.json", n=1)
    tables = [table(exp, name) for name in ("eval", "other")]
    assert " over utterances, n as stated (eval), n = 2 (other); " in legend(tables)


def test_without_units_nothing_is_said_of_them(exp, capsys):
    path = exp / "recording" / "eval" / "summary.json"
    pesq = {**json.loads(path.read_text())["metrics"]["pesq"], "unit": ""}
    for path in exp.rglob("summary.json"):
        change(path, metrics={"pesq": pesq})
    assert results_block([table(exp)], "abc", [table(exp)]).splitlines()[0].endswith("over duration.")
    main(str(exp))
    assert capsys.readouterr().out.endswith("over duration.\n")


@pytest.mark.parametrize("root", ["{exp}/recording/eval", "."])
def test_the_root_itself_may_be_a_scored_set(exp, monkeypatch, root):
    monkeypatch.chdir(exp / "recording" / "eval")
    ((result,),) = find_results(root.format(exp=exp)).values()
    assert (result.eval_set, result.place) == ("eval", "eval")


def test_only_the_marked_block_is_replaced(tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_text(f"# Mine\nbefore\n{BEGIN}\nold\n{END}\nafter\n")
    write_results(path, "new")
    write_results(path, "newer")
    assert path.read_text() == f"# Mine\nbefore\n{BEGIN}\nnewer\n{END}\nafter\n"


def test_a_file_without_marks_gets_the_block_at_its_end(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_results(path, "first")
    assert path.read_text() == f"# Results\n\n{BEGIN}\nfirst\n{END}\n"
    path.write_text("mine\n")
    write_results(path, "first")
    assert path.read_text() == f"mine\n\n{BEGIN}\nfirst\n{END}\n"


@pytest.mark.parametrize("text", [f"{BEGIN}\nmine", f"mine{END}", f"{END}mine{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_broken_marks_are_refused_and_nothing_is_lost(tmp_path, text):
    path = tmp_path / "RESULTS.md"
    path.write_text(text)
    with pytest.raises(InputError, match="once each"):
        write_results(path, "new")
    assert path.read_text() == text


def test_nothing_scored_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no summary.json in it; run vocoders score"):
        find_results(tmp_path)
    with pytest.raises(InputError, match="no such directory"):
        find_results(tmp_path / "none")


def test_the_verb_prints_the_table_and_the_page_last(exp, tmp_path, capsys):
    main(
        str(exp),
        results=str(tmp_path / "RESULTS.md"),
        html=str(tmp_path / "r.html"),
        figure=str(tmp_path / "f.png"),
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "eval"
    assert [line.split("|")[1].strip() for line in lines[3:6]] == [
        "recording",
        "Griffin-Lim",
        "Some Net, 6 steps",
    ]
    assert lines[-1] == str(tmp_path / "r.html")
    assert markdown(table(exp)) in (tmp_path / "RESULTS.md").read_text()
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_rows_are_in_the_order_in_which_people_count(exp, add_result):
    for steps in (12, 7, 100):
        add_result(f"train_x/decode_{steps}steps", 1.0, options={"steps": steps})
    names = column(table(exp), "system").cells[2:]
    assert names == [f"Some Net, {steps} steps" for steps in (7, 12, 100, 6)]
