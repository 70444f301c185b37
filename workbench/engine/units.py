"""Which clips are decoded together: windows of one film that follow each other cost one pass."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from workbench.media.clips import Clip

LONGEST_S = 300.0  # of film in a unit: one worker has it, and what it gives waits in memory


def in_units(places: Iterable[int], clips: Sequence[Clip], most: Callable[[], int]) -> Iterator[list[int]]:
    """Group clips that one worker decodes together.

    Args:
        places: Places in ``clips`` of those to decode, in order.
        clips: The clips; only plain ones, that decode as their file says, are grouped.
        most: Clips that a unit may have now; asked whenever one is begun.

    Yields:
        Places, in order: several where spans of one video follow each other, else one.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> clips = sample_clips()[:2].windows(0.5)
        >>> list(in_units(range(len(clips)), clips, lambda: 2))[:2]
        [[0, 1], [2]]
    """
    unit: list[int] = []
    room = 0
    for place in places:
        if unit and (len(unit) >= room or not _joins(clips[unit[0]], clips[unit[-1]], clips[place])):
            yield unit
            unit = []
        if not unit:
            room = most()
        unit.append(place)
    if unit:
        yield unit


def _joins(first: Clip, last: Clip, clip: Clip) -> bool:
    """Tell whether a clip goes on where a unit is."""
    return (
        all(type(one) is Clip and one.kind == "video" for one in (first, clip))
        and clip.path == first.path
        and last.start_s <= clip.start_s < clip.stop_s <= first.start_s + LONGEST_S
        and first.start_s < first.stop_s
    )
