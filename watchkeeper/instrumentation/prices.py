"""What a call of a model costs, by genai-prices when it is installed; what is not known stays unknown."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation.conventions import PRICE_PROVIDERS

__all__ = ["Cost", "Tokens", "load_prices", "price"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The billable tokens of one call.

    `input` and `output` are totals; `cache_read` and `cache_write` are parts of input, `reasoning` is part of output,
    as the conventions have it. Raises DefinitionError when a part is larger than its total or a number is negative.
    """

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    def __post_init__(self) -> None:
        if min(self.input, self.output, self.cache_read, self.cache_write, self.reasoning) < 0:
            raise DefinitionError(f"tokens: a negative number in {self}")
        if self.cache_read + self.cache_write > self.input:
            raise DefinitionError(
                f"tokens: {self.cache_read} read from and {self.cache_write} written to the cache are more than the "
                f"{self.input} of input: input is the total, cached tokens included"
            )
        if self.reasoning > self.output:
            raise DefinitionError(
                f"tokens: {self.reasoning} of reasoning are more than the {self.output} of output: output is the total"
            )


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount of money, with the price list that it comes from and the day whose prices were taken."""

    amount: Decimal
    currency: str
    source: str
    date: date


@cache
def _library() -> Any:
    try:
        return importlib.import_module("genai_prices")
    except ImportError:
        return None


def load_prices() -> threading.Thread:
    """Load the price list in the background, so that the first call of a model does not wait for it (about 0.3 s).

    Gives the thread, for those who want to `join` it.
    """

    def load() -> None:
        # A first look-up builds the indexes of the list, which takes as long again.
        price("gpt-4.1", Tokens(1, 1), "openai")

    thread = threading.Thread(target=load, name="watchkeeper-prices", daemon=True)
    thread.start()
    return thread


def price(model: str, tokens: Tokens, provider: str = "", at: datetime | None = None) -> Cost | None:
    """The list price of a call, or None when the model, the provider or the whole price list is not there.

    `provider` is gen_ai.provider.name; when it is given, the same model at another provider is not taken for it.
    """
    library = _library()
    if library is None:
        return None
    moment = at or datetime.now(UTC)
    usage = library.Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
    )
    try:
        found = library.calc_price(
            usage,
            model_ref=model,
            provider_id=PRICE_PROVIDERS.get(provider, provider) or None,
            genai_request_timestamp=moment,
        )
    except (LookupError, ValueError):
        return None
    updated = found.auto_update_timestamp
    source = f"genai-prices {library.__version__}" + (f" updated {updated:%Y-%m-%d}" if updated else "")
    return Cost(found.total_price, "USD", source, moment.date())
