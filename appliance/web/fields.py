"""Fields of JSON bodies that take exactly what they say, and tell in a sentence what that is.

marshmallow's own fields would turn the text "5" into a number and keep control characters.
"""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from appliance.store.ids import BadId, RowId
from appliance.web.safety import BadText, clean_text

LARGEST: Final = 2**53 - 1


class Text(fields.String):
    """A text in NFC, cleaned, of `shortest` to `longest` characters; `lines` allows line breaks."""

    def __init__(
        self,
        longest: int,
        *,
        shortest: int = 1,
        lines: bool = False,
        required: bool = False,
        allow_none: bool = False,
    ) -> None:
        expected = f"must be a text of {shortest} to {longest} characters"
        super().__init__(
            required=required,
            allow_none=allow_none,
            validate=validate.Length(shortest, longest, error=expected),
            error_messages={"invalid": expected, "null": expected},
        )
        self._longest = longest
        self._lines = lines

    def _deserialize(
        self,
        value: object,
        attr: str | None,
        data: Mapping[str, Any] | None,
        **kwargs: object,
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return clean_text(text, self._longest, lines=self._lines)
        except BadText as error:
            raise ValidationError(f"{error.reason}; write it with plain letters") from error


class Whole(fields.Integer):
    """A whole number within bounds; a text or a fraction is none."""

    def __init__(
        self,
        low: int = 0,
        high: int = LARGEST,
        *,
        required: bool = False,
        allow_none: bool = False,
    ) -> None:
        expected = f"must be a whole number from {low} to {high}"
        super().__init__(
            strict=True,
            required=required,
            allow_none=allow_none,
            validate=validate.Range(low, high, error=expected),
            error_messages={"invalid": expected, "null": expected},
        )

    def _deserialize(self, value: object, *_place: object, **_kwargs: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Asked(Whole):
    """A whole number in a query, where everything is a text."""

    def _deserialize(self, value: object, *_place: object, **_kwargs: object) -> int:
        digits = isinstance(value, str) and value.isascii() and value.isdecimal()
        if not digits or len(str(value)) > len(str(LARGEST)):
            raise self.make_error("invalid")
        return int(str(value))


class Flag(fields.Boolean):
    """`true` or `false`, and no word for it."""

    def _deserialize(self, value: object, *_place: object, **_kwargs: object) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Choice(fields.String):
    """One of the named values."""

    def __init__(self, *values: str, required: bool = False, allow_none: bool = False) -> None:
        expected = f"must be one of: {', '.join(values)}"
        super().__init__(
            required=required,
            allow_none=allow_none,
            validate=validate.OneOf([str(value) for value in values], error=expected),
            error_messages={"invalid": expected, "null": expected},
        )


class Id(fields.Field[RowId]):
    """The id of a row, like s03-07f3a9m2xq-42; the view gets a `RowId`."""

    def __init__(self, *, required: bool = False, allow_none: bool = False) -> None:
        super().__init__(
            required=required,
            allow_none=allow_none,
            metadata={"type": "string", "example": "s03-07f3a9m2xq-42"},
        )

    def _deserialize(self, value: object, *_place: object, **_kwargs: object) -> RowId:
        try:
            return RowId.parse(value if isinstance(value, str) else "")
        except BadId as error:
            raise ValidationError("must be an id like s03-07f3a9m2xq-42") from error

    def _serialize(self, value: object, *_place: object, **_kwargs: object) -> str | None:
        return None if value is None else str(value)
