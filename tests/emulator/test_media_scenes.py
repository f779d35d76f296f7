"""The participants seen and heard at each moment."""

from itertools import pairwise

from callvault.emulator.media.scenes import Scene, scenes
from callvault.emulator.media.timeline import Span, Timeline
from tests.emulator.timelines import person, recorded


def shown(scene: Scene) -> list[int]:
    return [attendee.voice for attendee in scene.shown]


def scene_at(timeline: Timeline, second: float) -> Scene:
    frame = round(second * timeline.fps)
    return next(s for s in scenes(timeline) if s.span.first <= frame < s.span.end)


def test_scenes_cover_what_was_recorded_and_nothing_else() -> None:
    timeline = recorded(10, person(0, (0.5, 3), (4, 9)), person(1), paused=((2, 3.5), (6, 7)))
    spans = [scene.span for scene in scenes(timeline)]
    assert sum(span.length for span in spans) == timeline.length
    assert all(0 < span.length <= timeline.fps for span in spans)
    assert all(earlier.end <= later.first for earlier, later in pairwise(spans))
    assert {span.end for span in spans} >= {span.end for span in timeline.recorded}


def test_a_scene_changes_with_who_is_there_and_who_speaks() -> None:
    timeline = recorded(3, person(0, (1, 1.5)), person(1, present=((0.5, 2),)))
    found = [(s.span, shown(s), [a.voice for a in s.speaking]) for s in scenes(timeline)]
    assert found == [
        (Span(0, 4), [0], []),
        (Span(4, 8), [0, 1], []),
        (Span(8, 12), [0, 1], [0]),
        (Span(12, 16), [0, 1], []),
        (Span(16, 24), [0], []),
    ]


def test_what_changed_during_a_pause_is_seen_after_it() -> None:
    timeline = recorded(4, person(0, (1.5, 4)), person(1, present=((0, 2),)), paused=((1, 3),))
    after = scene_at(timeline, 3)
    assert (shown(after), [each.voice for each in after.speaking]) == ([0], [0])


def test_the_nine_most_active_speakers_are_shown_in_the_order_of_joining() -> None:
    company = [person(voice) for voice in range(9)]
    late = [person(9, (1, 2)), person(10, (3, 4))]
    timeline = recorded(5, *company, *late)
    assert shown(scene_at(timeline, 0)) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert shown(scene_at(timeline, 1)) == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert shown(scene_at(timeline, 2.5)) == [0, 1, 2, 3, 4, 5, 6, 7, 9], "who spoke last stays"
    assert shown(scene_at(timeline, 3)) == [0, 1, 2, 3, 4, 5, 6, 9, 10]


def test_who_is_not_shown_is_heard_all_the_same() -> None:
    company = [person(voice, (0, 1)) for voice in range(12)]
    scene = scene_at(recorded(1, *company), 0)
    assert (len(scene.shown), len(scene.speaking)) == (9, 12)


def test_a_large_company_that_talks_a_lot_is_followed_quickly() -> None:
    """350 people who change every second for an hour: each change is looked at once."""
    hour = 3600
    company = [
        person(v, *((s, s + 1) for s in range(v, hour, 350)), present=((0, hour),))
        for v in range(350)
    ]
    assert sum(len(scene.speaking) for scene in scenes(recorded(hour, *company))) == hour
