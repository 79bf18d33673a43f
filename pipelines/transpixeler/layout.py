"""Which rows of a sequence are text, RGB and alpha.

Layout   rows [text; RGB; alpha] or [RGB; alpha; text]; RGB and alpha have one row for every patch of one domain.
Source   TransPixeler, arXiv:2501.03006, section 3.2; text comes last in Mochi, and not at all in Wan's self-attention.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """`tokens` rows for each domain, `text` rows before or after both."""

    tokens: int
    text: int = 0
    text_first: bool = True

    @property
    def total(self) -> int:
        return self.text + 2 * self.tokens

    @property
    def text_rows(self) -> slice:
        return slice(0, self.text) if self.text_first else slice(2 * self.tokens, self.total)

    @property
    def rgb_rows(self) -> slice:
        return slice(self._video, self._video + self.tokens)

    @property
    def alpha_rows(self) -> slice:
        return slice(self._video + self.tokens, self._video + 2 * self.tokens)

    @property
    def _video(self) -> int:
        return self.text if self.text_first else 0
