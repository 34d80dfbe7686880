"""Put all results under a directory into one table and one page.

Finds every summary.json under EXP_ROOT (vocoders score writes them) and prints a table per set; models that were
decoded with three or more numbers of steps have tables by that number.  --results keeps the tables in a marked block of
a Markdown file, whose other text stays as it is.  --html writes a page that needs no other file: all rows, plots,
players, spectrograms, training curves and settings, but no differences.

  vocoders report exp
  vocoders report --results RESULTS.md --html exp/report.html exp
  vocoders report --figure spectrograms.png exp
  vocoders report --by_speaker true --results RESULTS.md --block speakers exp
  vocoders report --only "train_diffwave*" --pool_seeds true --against "train_diffwave_l1_seed*" exp
"""


def main(
    exp_root: str,
    *,
    results: str | None = None,
    block: str = "",
    html: str | None = None,
    figure: str | None = None,
    title: str | None = None,
    utterances: int = 4,
    only: str = "*",
    pool_seeds: bool = False,
    by_speaker: bool = False,
    against: str | None = None,
):
    """Reports.

    Args:
        exp_root: directory of experiments.
        results: Markdown file to keep the tables in.
        block: name of the block of that file; one file can have several.
        html: page to write.
        figure: PNG with the spectrograms of one utterance side by side.
        title: heading of the page; by default the name of the recipe.
        utterances: how many of each set the page lets one hear.
        only: pattern of the rows that are wanted, by their directory under EXP_ROOT, as in "train_wavegrad*/decode_6*".
        pool_seeds: make one row of trainings that differ only in their seed.
        by_speaker: instead, print (and keep) a table for each row, a line per speaker; on the page nothing changes.
        against: pattern of one row, likewise; adds a table of paired differences, each row minus that one.
    """
    from pathlib import Path

    from vocoders.provenance import git_revision
    from vocoders.reporting.differences import difference_tables
    from vocoders.reporting.figure import write_figure
    from vocoders.reporting.markdown import markdown, results_block, write_results
    from vocoders.reporting.page import heard, write_page
    from vocoders.reporting.pooling import pool
    from vocoders.reporting.results import find_results, recipe_name
    from vocoders.reporting.speakers import speaker_tables
    from vocoders.reporting.sweeps import summary_tables
    from vocoders.reporting.tables import build_table, legend, units

    sets = find_results(exp_root, only=only)
    sets = {name: pool(rows) for name, rows in sets.items()} if pool_seeds else sets
    tables = [build_table(name, rows) for name, rows in sets.items()]
    told = speaker_tables(sets) if by_speaker else tables  # what the words on n, intervals and units are about
    by_row = [table for name, rows in sets.items() for table in summary_tables(name, rows)]
    shown = list(told if by_speaker else by_row)
    shown += difference_tables(sets, against) if against else []
    print("\n\n".join(f"{table.name}\n{markdown(table)}" for table in shown))
    print(f"\n{legend(told)}\n{units(told)}".rstrip())
    if results:
        write_results(results, results_block(told, git_revision(), shown), block=block)
        print(results)
    if figure:
        write_figure(figure, heard(tables[0]))
        print(figure)
    if html:
        write_page(html, tables, title=title or recipe_name(exp_root), utterances=utterances)
        print(Path(html).resolve())
