"""Pictures as SVG, drawn of lanes over one axis of time; nothing in them is a link or a script."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from callvault.evidence.markup import Html, joined, tag

WIDTH = 1_000
LEFT = 190
RIGHT = 10
LANE = 26
SOUND = 56
AXIS = 30
MAX_LABEL = 28
MIN_MARK = 1.5
"""Least width of a bar: what is short is seen all the same."""

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
_MAX_TICKS = 9


@dataclass(frozen=True, slots=True)
class Bar:
    """A time span on a lane."""

    since: datetime
    until: datetime
    about: str
    """Shown when a pointer rests on it."""
    color: str
    is_striped: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A moment on a lane, as a sign."""

    at: datetime
    sign: str
    about: str
    color: str = "#1a1a1a"


@dataclass(frozen=True, slots=True)
class Sound:
    """Part of a waveform at its place in time."""

    since: datetime
    until: datetime
    peaks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the picture."""

    label: str
    bars: Sequence[Bar] = ()
    points: Sequence[Point] = ()
    sounds: Sequence[Sound] = ()

    @property
    def height(self) -> int:
        return SOUND if self.sounds else LANE

    @property
    def times(self) -> list[datetime]:
        spans: list[Bar | Sound] = [*self.bars, *self.sounds]
        return [at for each in spans for at in (each.since, each.until)]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lanes with a common axis."""

    lanes: Sequence[Lane]
    title: str
    about: str
    """The picture in words, for whoever does not see it."""
    ident: str
    """Tells the pictures of one page apart; made of letters and digits."""
    _times: list[datetime] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._times.extend(time for lane in self.lanes for time in lane.times)
        if not self._times:
            self._times.extend(point.at for lane in self.lanes for point in lane.points)

    def drawn(self) -> Html:
        """Return the picture; nothing where no lane has anything on it."""
        if not self._times:
            return Html()
        height = AXIS + sum(lane.height for lane in self.lanes)
        lanes, top = [], AXIS
        for number, lane in enumerate(self.lanes):
            lanes.append(self._lane(lane, top, number))
            top += lane.height
        return tag(
            "svg",
            tag("title", self.title, id=f"{self.ident}-title"),
            tag("desc", self.about, id=f"{self.ident}-about"),
            self._stripes(),
            *lanes,
            self._axis(height),
            viewBox=f"0 0 {WIDTH} {height}",
            role="img",
            aria_labelledby=f"{self.ident}-title {self.ident}-about",
        )

    @property
    def _first(self) -> datetime:
        return min(self._times)

    @property
    def _seconds(self) -> float:
        return max((max(self._times) - self._first).total_seconds(), 1.0)

    def _is_within(self, at: datetime) -> bool:
        return self._first <= at <= max(self._times)

    def _x(self, at: datetime) -> float:
        share = (at - self._first).total_seconds() / self._seconds
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def _stripes(self) -> Html:
        lines = tag("path", d="M0 8 L8 0", stroke="#fff", stroke_width=2.5)
        return tag(
            "defs",
            tag(
                "pattern", lines, id=f"{self.ident}-stripes", width=8, height=8,
                patternUnits="userSpaceOnUse",
            ),
        )  # fmt: skip

    def _lane(self, lane: Lane, top: int, number: int) -> Html:
        shade = "#f4f4f4" if number % 2 else "#ffffff"
        middle = top + lane.height / 2
        label = lane.label if len(lane.label) <= MAX_LABEL else f"{lane.label[: MAX_LABEL - 1]}…"
        return joined(
            (
                tag("rect", x=0, y=top, width=WIDTH, height=lane.height, fill=shade),
                tag("text", label, x=6, y=middle + 4, fill="#1a1a1a"),
                *(self._sound(sound, middle) for sound in lane.sounds),
                *(self._bar(bar, top, lane.height) for bar in lane.bars),
                # a decision weeks later would press all the rest together
                *(self._point(each, middle) for each in lane.points if self._is_within(each.at)),
            )
        )

    def _bar(self, bar: Bar, top: int, height: int) -> Html:
        x = self._x(bar.since)
        width = max(self._x(bar.until) - x, MIN_MARK)
        place = {"x": x, "y": top + 5, "width": round(width, 1), "height": height - 10}
        shown = [_titled("rect", bar.about, fill=bar.color, **place)]
        if bar.is_striped:
            shown.append(tag("rect", fill=f"url(#{self.ident}-stripes)", **place))
        return joined(shown)

    def _point(self, point: Point, middle: float) -> Html:
        return tag(
            "text", point.sign, tag("title", point.about), x=self._x(point.at), y=middle + 5,
            fill=point.color, text_anchor="middle", font_size=15,
        )  # fmt: skip

    def _sound(self, sound: Sound, middle: float) -> Html:
        """Draw an envelope: up the peaks, and down again."""
        begin, end = self._x(sound.since), self._x(sound.until)
        step = (end - begin) / max(len(sound.peaks), 1)
        reach = SOUND / 2 - 3
        up, down = [], []
        for number, peak in enumerate(sound.peaks):
            x, half = begin + step * (number + 0.5), max(peak * reach, 0.4)
            up.append(f"{x:.1f} {middle - half:.1f}")
            down.append(f"{x:.1f} {middle + half:.1f}")
        outline = "L".join((*up, *reversed(down)))
        edge = tag("line", x1=begin, x2=end, y1=middle, y2=middle, stroke="#1f5c99")
        return joined((edge, tag("path", d=f"M{outline}Z", fill="#1f5c99")))

    def _axis(self, height: int) -> Html:
        drawn = []
        for at in self._ticks():
            x = self._x(at)
            drawn.append(tag("line", x1=x, x2=x, y1=AXIS - 8, y2=height, stroke="#b0b0b0"))
            drawn.append(
                tag("text", f"{at:%H:%M:%S}", x=x, y=14, fill="#1a1a1a", text_anchor="middle")
            )
        return joined(drawn)

    def _ticks(self) -> list[datetime]:
        step = next((s for s in _STEPS if self._seconds / s <= _MAX_TICKS), _STEPS[-1])
        step = max(step, round(self._seconds / _MAX_TICKS) if step == _STEPS[-1] else step)
        first = self._first.astimezone(UTC)
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
        ahead = -(-(first - midnight).total_seconds() // step) * step
        ticks = [midnight + timedelta(seconds=ahead + step * n) for n in range(_MAX_TICKS + 1)]
        # half a label stays free at either edge
        room = timedelta(seconds=self._seconds * 0.03)
        last = self._first + timedelta(seconds=self._seconds)
        return [tick for tick in ticks if tick <= last - room]


def _titled(name: str, about: str, **place: float | str) -> Html:
    # rect is drawn as a void element elsewhere; with a title it has a content
    inner = tag("title", about)
    bare = tag(name, **place)
    return Html(f"{bare[:-2]}>{inner}</{name}>")
