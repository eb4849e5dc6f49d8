"""Texts that must have a form, as names and ARNs in the configuration: a pattern, and what to say to people instead.

Every configuration model may use it.  pydantic would show the pattern itself, which tells few what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class TextForm:
    """In an annotation: the text must match the pattern.  `words` finish "must be …", with an example of it."""

    pattern: str
    words: str
    example: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = {**handler(source), "pattern": self.pattern}
        return core_schema.no_info_wrap_validator_function(self._check, schema)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "examples": [self.example]}

    def _check(self, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if error.errors(include_url=False, include_input=False)[0]["type"] != "string_pattern_mismatch":
                raise
            raise PydanticCustomError(
                "text_form", "must be {words}, such as {example}", {"words": self.words, "example": self.example}
            ) from None
