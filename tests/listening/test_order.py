"""The order of a listener is drawn, reproducible, and the same in the browser."""

import shutil
from collections import Counter

from scipy import stats

from vocoders.listening.order import presentation

SCREENS = [{"id": f"s{n}", "training": n == 3, "items": [f"{n}{letter}" for letter in "abcdef"]} for n in range(8)]


def test_the_page_has_the_same_order(open_page, make, tmp_path):
    folder, _key = make("mos")
    shutil.copytree(folder / "send", tmp_path / "page")
    page = open_page(tmp_path / "page" / "index.html")
    pairs = [{**screen, "items": screen["items"][:2]} for screen in SCREENS]
    for listener in ("anna", "7", "B.o_b-2"):
        for mode, screens in (("mushra", SCREENS), ("ab", pairs), ("mos", SCREENS)):
            theirs = page.evaluate("all => presentation(...all)", ["5eed", listener, mode, screens])
            assert theirs == [list(each) for each in presentation("5eed", listener, mode, screens)]


def test_the_order_depends_on_seed_and_listener_alone():
    orders = [
        presentation(seed, listener, "mushra", SCREENS) for seed in ("1", "2", "1") for listener in ("anna", "bob")
    ]
    assert orders[:2] == orders[4:]
    assert len({str(order) for order in orders}) == 4
    for order in orders:
        assert order[0][0] == "s3" and sorted(screen for screen, _items in order) == [f"s{n}" for n in range(8)]
        assert all(sorted(items) == [f"{screen[1]}{letter}" for letter in "abcdef"] for screen, items in order)


def test_every_place_is_as_likely():
    """Of a screen among screens, of a sample on its screen: chi-square over 1200 listeners."""
    orders = [presentation("seed", f"listener{n}", "mushra", SCREENS) for n in range(1200)]
    first = Counter(order[1][0] for order in orders)
    places = Counter(dict(order)["s5"].index("5b") for order in orders)
    assert len(first) == 7 and stats.chisquare(list(first.values())).pvalue > 1e-4
    assert len(places) == 6 and stats.chisquare(list(places.values())).pvalue > 1e-4


def test_a_listener_has_all_pairs_as_designed_or_all_reversed():
    pairs = [{**screen, "items": ["x", "y"]} for screen in SCREENS]
    ways = Counter(
        tuple({tuple(items) for _screen, items in presentation("seed", f"l{n}", "ab", pairs)}) for n in range(400)
    )
    assert set(ways) == {(("x", "y"),), (("y", "x"),)}
    assert stats.binomtest(ways[("x", "y"),], 400).pvalue > 1e-4
