"""Compare systems across recipes: tables, paired tests, and a page to look and listen.

PLACES are recipes, experiment roots or any directories that vocoders score has filled.  Rows stand in one ranking only
if their reference, utterances, mels and alignment are the same; where they are not, the page says why.  Within a
ranking every pair of rows is tested in each score (bootstrap over utterances, Student's t below 20 of them; Holm's
correction over the pairs): rows that share a letter are not known to differ.  OUT gets report.html, with the waves
beside it, comparison.md, comparison.csv and comparison.json.

  vocoders compare egs/*/voc1
  vocoders compare --out /tmp/best --only "*/decode_small*" egs/ljspeech/voc1
  vocoders compare --audio embed --utterances 5 egs/mini/voc1
"""

from typing import Literal


def main(
    *places: str,
    out: str = "comparison",
    only: str = "*",
    title: str = "Comparison of vocoders",
    audio: Literal["beside", "embed", "none"] = "beside",
    utterances: int | None = None,
    nj: int = 4,
):
    """Compares.

    Args:
        out: directory for what is written.
        only: pattern of the rows that are wanted, by their directory under the experiment root.
        title: heading of the page.
        audio: beside the page, loaded when it is heard; embed, in the page; none.
        utterances: how many of each set can be heard; all, if not told.
        nj: utterances whose audio is prepared at once.
    """
    from pathlib import Path

    from vocoders.errors import InputError
    from vocoders.io.files import write_json, write_text
    from vocoders.reporting.compare.comparison import comparison, find_groups
    from vocoders.reporting.compare.page import write_page
    from vocoders.reporting.compare.tables import comparison_csv, comparison_markdown

    for name, value in (("--nj", nj), ("--utterances", utterances)):
        if value is not None and value < 1:
            raise InputError(f"{name}: expected a number from 1 on, found {value}")
    groups = find_groups(places, only=only)
    contents = comparison(groups)
    folder = Path(out)
    text = comparison_markdown(title, contents)
    write_page(folder, groups, contents, title=title, audio=audio, utterances=utterances, nj=nj)
    write_json(folder / "comparison.json", contents)
    write_text(folder / "comparison.csv", comparison_csv(contents))
    write_text(folder / "comparison.md", text)
    print(text)
    print((folder / "report.html").resolve())
