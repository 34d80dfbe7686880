"""Transcripts as they are spoken."""

import pytest

from vocoders.text.normalizer import normalize


def test_agrees_with_the_normalised_column_of_lj_speech(shared_data):
    """Column 3 of the corpus was made by its author, with other tools."""
    lines = (shared_data / "LJSpeech-1.1" / "metadata.csv").read_text(encoding="utf-8").splitlines()
    for _, raw, normalised in (line.split("|") for line in lines):
        assert normalize(raw) == normalised
        assert normalize(normalised) == normalised


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It cost 1,234,500.", "It cost one million two hundred and thirty-four thousand five hundred."),
        ("in 1455, 1905 and 2010", "in fourteen fifty-five, nineteen oh-five and twenty ten"),
        ("1,455 men", "one thousand four hundred and fifty-five men"),
        ("the 1920s", "the nineteen twenties"),
        ("pi is 3.14", "pi is three point one four"),
        ("at -5 or 10-12", "at minus five or ten-twelve"),
        ("the 21st, 2nd and 1,000th", "the twenty-first, second and one thousandth"),
        ("$12.50 and £1.01", "twelve dollars fifty cents and one pound one penny"),
        ("$0.05, £2.00 and $1", "five cents, two pounds and one dollar"),
        ("$3.5 million", "three point five million dollars"),
        ("50% of 2.5 %", "fifty percent of two point five percent"),
        ("10:00, 10:05 and 23:59", "ten o'clock, ten oh five and twenty-three fifty-nine"),
        ("agent 007 in a B52", "agent zero zero seven in a B fifty-two"),
        ("Dr. and Mrs. Jones & Co., of St. Ives", "Doctor and Missus Jones and Company, of Saint Ives"),
        ("No. 7; no. Nothing", "number seven; no. Nothing"),
        ("a stone. The st.art", "a stone. The st.art"),
        ("“Don’t” – he said… — ‘ok’", "\"Don't\" - he said... -- 'ok'"),
        ("ﬁne\u00a0 \t\n soft\u00adly", "fine softly"),
        ("Führer, café", "Führer, café"),
        ("", ""),
    ],
)  # fmt: skip
def test_words_for_what_is_written(written, spoken):
    assert normalize(written) == spoken
    assert normalize(spoken) == spoken


def test_digits_of_any_length_are_read():
    assert normalize("9" * 400).split() == ["nine"] * 400
