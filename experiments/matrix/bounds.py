"""Types of what files say, with bounds: names, texts and numbers, whoever wrote the file."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

NAME = "[A-Za-z0-9][A-Za-z0-9_.-]"
"""The form of a name, whose last character may repeat: it becomes the name of a file, and stands on command lines."""

LONGEST_NAME = 40
"""Characters in matrix.yaml: the file of an explained cell has five names in its own, which has room for 255."""
LONGEST_QUESTION = 2_000
MOST_RUNS = 2_000_000
LEAST_DIVISOR = 1e-9
_MOST = 2.0**53

Name = Annotated[str, Field(strict=True, pattern=f"^{NAME}{{0,99}}$")]
Question = Annotated[str, Field(strict=True, max_length=LONGEST_QUESTION)]
Text = Annotated[str, Field(strict=True, max_length=10_000)]
Report = Annotated[str, Field(strict=True, max_length=1_000_000)]
"""A text that a program wrote, such as the reason of a failure."""

Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=int(_MOST))]
Number = Annotated[float, Field(strict=True, ge=-_MOST, le=_MOST, allow_inf_nan=False)]
Amount = Annotated[float, Field(strict=True, ge=0, le=_MOST, allow_inf_nan=False)]
Divisor = Annotated[float, Field(strict=True, ge=LEAST_DIVISOR, le=_MOST, allow_inf_nan=False)]
"""An amount that others are divided by."""
Pool = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Repeats = Annotated[int, Field(strict=True, ge=1, le=MOST_RUNS)]
Block = Annotated[int, Field(strict=True, ge=0, le=MOST_RUNS)]
Core = Annotated[int, Field(strict=True, ge=0, le=65_535)]
Seed = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]


def _check_scalar(value: object) -> object:
    small = isinstance(value, str | bool | None) or (isinstance(value, int | float) and abs(value) <= _MOST)
    if not small:
        raise PydanticCustomError("scalar", "expected text, a number, true, false or null")
    return value


Scalar = Annotated[object, AfterValidator(_check_scalar)]
