"""A column of values to bytes: the coding that fits it best."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from appliance.store import values as body
from appliance.store.ids import LENGTH, BadId, RowId
from appliance.store.tables import Value
from sync import integers
from sync.columns import MOST_CHOICES, MOST_STREAMS, Coding, Pieces, Spec

CHOICE_PAYS: Final = 3
"""A list of choices pays when each is used this often."""


def encode(values: Sequence[Value], moments: Sequence[int], out: Pieces) -> Spec:
    """Write the column's bytes to `out` and return its spec; `moments` are the entries' times."""
    kinds = set(map(type, values))
    if float in kinds:  # 0.0 equals -0.0 and 1.0 equals 1: no coding below may see a float
        return _mixed(values, out)
    distinct = dict.fromkeys(values)
    if len(distinct) <= 1:
        return _same(values, moments, next(iter(distinct), None), out)
    if len(kinds) > 1:
        return _several_kinds(values, moments, distinct, kinds, out)
    return ENCODERS[kinds.pop()](values, moments, distinct, out)


def _same(values: Sequence[Any], moments: Sequence[int], value: Value, out: Pieces) -> Spec:
    """Write one value for all; a long one goes to the tail, so that heads stay small."""
    if isinstance(value, str | bytes) and len(value) > LONGEST_CONSTANT:
        if len(values) > 1:
            return _choices(values, {value: None}, out)
        return ENCODERS[type(value)](values, moments, {value: None}, out)
    return [int(Coding.CONSTANT), value]


def _several_kinds(
    values: Sequence[Value],
    moments: Sequence[int],
    distinct: Mapping[Value, None],
    kinds: set[type],
    out: Pieces,
) -> Spec:
    if _pays(distinct, values):
        return _choices(values, distinct, out)
    if type(None) in kinds:
        return _parted(values, moments, [value is None for value in values], out)
    return _mixed(values, out)


def _parted(
    values: Sequence[Value], moments: Sequence[int], first: Sequence[bool], out: Pieces
) -> Spec:
    """Write the values marked `first` by one spec, the others by another."""
    out.add(_bits(first))
    halves: list[Spec] = []
    for mark in (True, False):
        chosen = [place for place, is_first in enumerate(first) if is_first is mark]
        halves.append(
            encode([values[place] for place in chosen], [moments[place] for place in chosen], out)
        )
    return [int(Coding.PARTED), *halves]


def _integers(
    values: Sequence[Any], moments: Sequence[int], distinct: Mapping[Value, None], out: Pieces
) -> Spec:
    candidates = {
        Coding.MOMENTS: [value - moment for value, moment in zip(values, moments, strict=True)],
        Coding.PLAIN: values,
        Coding.STEPS: integers.steps(values),
    }
    folded = {coding: integers.fold(run) for coding, run in candidates.items()}
    sizes = {coding: integers.packed_size(run) for coding, run in folded.items()}
    best = min(sizes, key=sizes.__getitem__)
    if sizes[best] > len(values) and _pays(distinct, values):
        return _choices(values, distinct, out)
    out.add(integers.pack(folded[best]))
    return [int(best)]


def _texts(
    values: Sequence[Any], moments: Sequence[int], distinct: Mapping[Value, None], out: Pieces
) -> Spec:
    if _pays(distinct, values):
        return _choices(values, distinct, out)
    ids = [_id_of(value) for value in values]
    if all(ids) and (spec := _ids(Coding.ID_TEXTS, ids, out)):
        return spec
    are_ids = [found is not None for found in ids]
    if not all(are_ids) and sum(are_ids) * 2 > len(values):
        return _parted(values, moments, are_ids, out)
    written = [value.encode() for value in values]
    out.add(integers.pack(map(len, written)))
    out.add(b"".join(written))
    return [int(Coding.TEXTS)]


def _blobs(
    values: Sequence[Any], _moments: Sequence[int], distinct: Mapping[Value, None], out: Pieces
) -> Spec:
    if _pays(distinct, values):
        return _choices(values, distinct, out)
    widths = set(map(len, values))
    if widths == {LENGTH} and (spec := _ids(Coding.IDS, [*map(RowId.of, values)], out)):
        return spec
    if len(widths) > 1:
        out.add(integers.pack(map(len, values)))
    out.add(b"".join(values))
    return [int(Coding.FIXED), widths.pop()] if len(widths) == 1 else [int(Coding.BLOBS)]


ENCODERS: Final[
    Mapping[type, Callable[[Sequence[Any], Sequence[int], Mapping[Value, None], Pieces], Spec]]
] = {int: _integers, str: _texts, bytes: _blobs}


LONGEST_CONSTANT: Final = 32


def _pays(distinct: Mapping[Value, None], values: Sequence[Value]) -> bool:
    return len(distinct) * CHOICE_PAYS <= len(values) and len(distinct) <= MOST_CHOICES


def _choices(values: Sequence[Value], distinct: Mapping[Value, None], out: Pieces) -> Spec:
    spec = encode(list(distinct), [0] * len(distinct), out)
    place = {value: index for index, value in enumerate(distinct)}
    out.add(integers.pack(map(place.__getitem__, values)))
    return [int(Coding.CHOICES), len(distinct), spec]


def _ids(coding: Coding, ids: Sequence[RowId | None], out: Pieces) -> Spec | None:
    """Write ids by stream and number; None if they come of too many streams."""
    found = [one for one in ids if one is not None]
    streams = {one: index for index, one in enumerate(dict.fromkeys(id_.stream for id_ in found))}
    if len(streams) > MOST_STREAMS:
        return None
    if len(streams) > 1:
        out.add(integers.pack(streams[one.stream] for one in found))
    out.add(integers.pack(integers.fold(integers.steps([one.seq for one in found]))))
    return [int(coding), [list(stream) for stream in streams]]


def _id_of(text: str) -> RowId | None:
    """Return the id that the text is the one written form of."""
    try:
        found = RowId.parse(text)
    except BadId:
        return None
    return found if str(found) == text else None


def _mixed(values: Sequence[Value], out: Pieces) -> Spec:
    out.add(body.encode_row(values))
    return [int(Coding.MIXED)]


def _bits(marks: Sequence[bool]) -> bytes:
    number = sum(1 << place for place, mark in enumerate(marks) if mark)
    return number.to_bytes((len(marks) + 7) // 8, "little")
