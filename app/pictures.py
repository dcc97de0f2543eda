"""Drawings of the pages, as SVG in the page's own ink."""

import texts
from texts import home

from vop_core.plots.style import GLOBAL, PERSONAL

RIGHT, WRONG = "\N{CHECK MARK}", "\N{BALLOT X}"


def story(ink: str) -> str:
    """Clips, the posterior they make, and two answers; ``ink`` is the colour of texts."""
    own = PERSONAL.colour
    waves = "".join(
        _wave(18, 42 + 72 * row, heights)
        for row, heights in enumerate(
            ((8, 18, 34, 26, 12, 20, 9), (10, 26, 20, 32, 28, 14, 7), (6, 14, 30, 36, 22, 16, 10))
        )
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="640" height="320"
 viewBox="0 0 640 320" color="{ink}">
<g font-family="Segoe UI, Helvetica, Arial, sans-serif" font-size="19" fill="currentColor">
{waves}
{_below(73, home.A_FEW_WORDS)}
{_arrow(140, 150)}
<g transform="translate(206 0)" fill="none" stroke-width="3">
<line x1="0" y1="226" x2="190" y2="226" stroke="currentColor" opacity=".35" stroke-width="1.5"/>
<path d="{_bell(84, 34, 74)}" stroke="currentColor" opacity=".55" stroke-dasharray="6 5"/>
<path d="{_bell(120, 15, 160)}" stroke="{own}" fill="{own}" fill-opacity=".16"/>
</g>
<text x="272" y="122" opacity=".85" text-anchor="end">{home.ANYBODY}</text>
<text x="352" y="96" fill="{own}" font-size="22" font-weight="600">{texts.YOU}</text>
{_below(301, home.DISTRIBUTION)}
{_arrow(412, 150)}
{_answer(472, 52, home.OF_EVERYBODY, home.HEARD_WRONG, WRONG, GLOBAL.colour)}
{_answer(472, 162, home.OF_YOU, home.HEARD_RIGHT, RIGHT, own)}
{_below(548, home.NEXT_WORD)}
</g></svg>"""


def _wave(x: int, y: int, heights: tuple[int, ...]) -> str:
    bars = "".join(
        f'<rect x="{x + 18 + 12 * place}" y="{y + 26 - height / 2}" width="6" height="{height}" '
        f'rx="3" fill="{PERSONAL.colour}" stroke="none"/>'
        for place, height in enumerate(heights)
    )
    frame = f'<rect x="{x}" y="{y}" width="110" height="52" rx="9" fill="none" opacity=".3"'
    return f'{frame} stroke="currentColor"/>{bars}'


def _bell(centre: float, width: float, height: float) -> str:
    """A bell curve of one cubic a side, over the line at 226."""
    left, right = centre - 3 * width, centre + 3 * width
    top, near = 226 - height, 0.9 * width
    return (
        f"M{left} 226 C{centre - near} 226 {centre - near} {top} {centre} {top} "
        f"S{centre + near} 226 {right} 226"
    )


def _arrow(x: int, y: int) -> str:
    return (
        f'<path d="M{x} {y} h36 m-11 -9 l11 9 l-11 9" fill="none" stroke="currentColor" '
        'stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def _below(x: int, lines: tuple[str, str]) -> str:
    """What stands below a part of the picture."""
    return "\n".join(
        f'<text x="{x}" y="{286 + 20 * place}" text-anchor="middle">{line}</text>'
        for place, line in enumerate(lines)
    )


def _answer(x: int, y: int, whose: str, word: str, sign: str, colour: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="152" height="92" rx="10" fill="{colour}" fill-opacity=".1" '
        f'stroke="{colour}" stroke-width="2"/>'
        f'<text x="{x + 16}" y="{y + 28}" >{whose}</text>'
        f'<text x="{x + 16}" y="{y + 72}" font-size="34" font-weight="650">{word}</text>'
        f'<text x="{x + 136}" y="{y + 72}" font-size="34" text-anchor="end">{sign}</text>'
    )
