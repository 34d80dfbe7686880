"""Put all results under a directory into one table and one page.

Finds every summary.json under EXP_ROOT (vocoders score writes them) and prints a table per set.  --results
keeps the table in a marked block of a Markdown file, whose other text stays as it is; --html writes a page
that needs no other file: tables, players, spectrograms, training curves and settings.

  vocoders report exp
  vocoders report --results RESULTS.md --html exp/report.html exp
  vocoders report --figure spectrograms.png exp
"""


def main(
    exp_root: str,
    *,
    results: str | None = None,
    html: str | None = None,
    figure: str | None = None,
    title: str | None = None,
    utterances: int = 4,
):
    """Reports.

    Args:
        exp_root: directory of experiments.
        results: Markdown file to keep the tables in.
        html: page to write.
        figure: PNG with the spectrograms of one utterance side by side.
        title: heading of the page; by default the name of the recipe.
        utterances: how many of each set the page lets one hear.
    """
    from pathlib import Path

    from vocoders.provenance import git_revision
    from vocoders.reporting.figure import write_figure
    from vocoders.reporting.page import write_page
    from vocoders.reporting.results import find_results
    from vocoders.reporting.tables import build_table, legend, markdown, results_block, units, write_results

    tables = [build_table(name, rows) for name, rows in find_results(exp_root).items()]
    print("\n\n".join(f"{table.name}\n{markdown(table)}" for table in tables))
    print(f"\n{legend(tables)}\n{units(tables)}".rstrip())
    if results:
        write_results(results, results_block(tables, git_revision()))
        print(results)
    if figure:
        write_figure(figure, tables[0])
        print(figure)
    if html:
        write_page(html, tables, title=title or _recipe(Path(exp_root)), utterances=utterances)
        print(Path(html).resolve())


def _recipe(exp_root):
    """The recipe's directory, as in ``ljspeech/voc1``."""
    return "/".join(exp_root.resolve().parent.parts[-2:])
