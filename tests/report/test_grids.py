"""Fields of a grid: what stands on them can be read, whatever the colour."""

from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from bayes_nmda.report.grids import readable
from bayes_nmda.report.style import BLUE, VERMILION

LEVEL = st.integers(0, 255)


def luminance(rgb):
    parts = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@given(st.tuples(LEVEL, LEVEL, LEVEL), st.floats(0, 1))
def test_words_on_a_field_have_a_contrast_of_at_least_4_5(levels, strength):
    colour = "#{:02x}{:02x}{:02x}".format(*levels)
    ground = [strength * part + 1 - strength for part in to_rgb(colour)]
    assert contrast(to_rgb(readable(colour, strength)), ground) >= 4.5


def test_an_empty_field_has_black_words_and_a_full_one_white():
    assert readable(BLUE, 0.0) == readable(VERMILION, 0.0) == "black"
    assert readable(BLUE, 1.0) == readable(VERMILION, 1.0) == "white"
