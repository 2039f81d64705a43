"""The look of all figures, and how they are saved: the same bytes from the same numbers."""

import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.ticker import LogFormatterSciNotation
from numpy.typing import ArrayLike, NDArray

WIDTH = 7.2  # inches
DPI = 160
# Okabe & Ito (2008): the colour-blind can tell them apart, and the markers do so in black and white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
BAND = 3  # replicates from which an interval is drawn as a band
FRIEND, FOE, NEUTRAL = "#0072B2", "#D55E00", "#595959"
ON_BRIGHT, ON_DARK = "#010101", "#fefefe"  # text on a colour: not black and white, which change where a page is dark

# what an SVG shows where its reader has chosen a dark page: that of `templates/style.css`
_DARK = {
    "fill": {"#ffffff": "#15181c", "#f3f3f3": "#1f242a", "#404040": "#a6adb5", "#595959": "#a6adb5",
             "#303030": "#d5d9de", "#0072b2": "#3f9be0"},
    "stroke": {"#000000": "#e8eaed", "#303030": "#d5d9de", "#404040": "#a6adb5", "#595959": "#a6adb5",
               "#b0b0b0": "#5d656e", "#e4e4e4": "#2c323a", "#0072b2": "#3f9be0"},
}  # fmt: skip
_TEXT = "#e8eaed"  # has no style of its own, as all that is black

# for names in scripts that it does not have, where one of these is installed
_OTHER_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Yu Gothic", "WenQuanYi Zen Hei", "Noto Emoji")
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "text.parse_math": False,  # a class may be called "$x$"
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#404040",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "figure.constrained_layout.use": True,
    "savefig.dpi": DPI,
    "svg.hashsalt": "friendfoe",  # ids in the file would be random otherwise
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in friendfoe's style while the block runs, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        installed = set(get_font_names())
        mpl.rcParams["font.family"] = [*mpl.rcParams["font.family"], *(f for f in _OTHER_FONTS if f in installed)]
        yield


def canvas(height: float, width: float = WIDTH) -> Figure:
    """An empty figure; sizes in inches."""
    return Figure(figsize=(width, height))


def legend_above(
    figure: Figure, panel: Axes, labels: Sequence[str] = (), *, across: int | None = None, **settings: Any
) -> None:
    """The legend of a panel above the figure, `across` entries in a row (None: all); `labels` in place of its own."""
    handles, own = panel.get_legend_handles_labels()
    names = labels or own
    figure.legend(handles, names, loc="outside upper center", ncols=across or len(names), **settings)


def interval_line(
    panel: Axes,
    at: ArrayLike,
    estimates: pd.DataFrame,
    style: str,
    colour: str,
    label: str | None,
    each: NDArray[np.float64] | None = None,
) -> None:
    """Means as a line, at a place per row; their intervals (low, high) as a band where they are finite.

    Two replicates have a band of twelve times their spread, which hides the lines: it is left out, and in its place
    stand the values of `each` replicate, [rows, replicates], where they are given.
    """
    panel.plot(at, estimates["mean"], style, color=colour, label=label)
    if np.isfinite(estimates["low"]).all() and (estimates["replicates"] >= BAND).all():
        panel.fill_between(at, estimates["low"], estimates["high"], color=colour, alpha=0.15, linewidth=0)
    elif each is not None and each.shape[1] < BAND:
        panel.plot(at, each, color=colour, linewidth=0.6, alpha=0.55)


def intervals(panel: Axes, at: ArrayLike, estimates: pd.DataFrame, *, lying: bool = False, **style: Any) -> None:
    """Intervals (low, high) as lines at a place per row, upright or lying; those of a single replicate are left out."""
    finite = np.isfinite(estimates["low"].to_numpy())
    low, high = estimates[["low", "high"]].to_numpy()[finite].T
    (panel.hlines if lying else panel.vlines)(np.asarray(at)[finite], low, high, **style)


def bars(
    panel: Axes, at: ArrayLike, estimates: pd.DataFrame, width: float, *, line: Mapping[str, Any], **style: Any
) -> None:
    """Means as upright bars in a style, at a place per row; their intervals in the style of a `line`."""
    panel.bar(at, estimates["mean"], width, **style)
    intervals(panel, at, estimates, **line)
    panel.grid(axis="x", visible=False)


def log_axis(panel: Axes, places: Mapping[str, float], label: str) -> None:
    """A logarithmic axis with ticks at places alone, by what stands below them."""
    panel.set_xscale("log")
    panel.set_xticks(list(places.values()), list(places))
    panel.minorticks_off()
    panel.set_xlabel(label)


def save(figure: Figure, *paths: Path) -> None:
    """Write a figure as PNG or SVG, as the names end, without dates and versions; an SVG is dark on a dark page."""
    with _names_as_they_are(figure, paths[0].stem):
        for path in paths:
            if path.suffix == ".svg":
                _save_svg(figure, path)
            else:
                figure.savefig(path, metadata={"Software": None})
            with mpl.rc_context({"figure.constrained_layout.use": False}):
                figure.set_layout_engine(None)  # it is laid out now, and saved again without a rehearsal


def _save_svg(figure: Figure, path: Path) -> None:
    content = StringIO()
    figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    rules = [
        f'[style*="{what}: {light}"]{{{what}:{dark} !important}}'
        for what, colours in _DARK.items()
        for light, dark in colours.items()
    ]
    dark = f"@media (prefers-color-scheme: dark){{svg{{fill:{_TEXT}}}{''.join(rules)}}}"
    path.write_text(content.getvalue().replace("</style>", f"\n{dark}</style>", 1), encoding="utf-8")


@contextmanager
def _names_as_they_are(figure: Figure, title: str) -> Iterator[None]:
    """Let axes do without mathtext, and tell in one line which characters the font does not have."""
    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatterSciNotation):
                axis.set_major_formatter(_Powers())
                axis.set_minor_formatter(_Powers())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    glyphs = set()
    for warning in caught:
        if glyph := re.match(r"Glyph (\d+)", str(warning.message)):
            glyphs.add(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if glyphs:
        print(f"note: figure {title} has boxes for {' '.join(sorted(glyphs))}: no font has them", file=sys.stderr)


class _Powers(LogFormatterSciNotation):
    """Powers of ten without mathtext, which is off."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of a tick, such as "10⁻²"."""
        label = str(super().__call__(x, pos)).removeprefix(r"$\mathdefault{").removesuffix("}$")
        label = label.replace(r"\times", "×").replace("−", "-")
        return re.sub(r"\^\{(.*?)\}", lambda power: power[1].translate(_SUPERSCRIPTS), label)
