"""What an emulated vendor says: a pure function of the prompt and the seed, so that a test can know it beforehand."""

import re
from hashlib import blake2b

WORDS_BOUND = 100_000
_ANSWER_WORDS = 40
_ECHO_WORDS = 12
_COUNTED = re.compile(r"\[\[words:(\d{1,6})\]\]")
_TOKEN = re.compile(r"\s*\S+|\s+$")
_WORDS = (
    *("a", "supplier", "may", "leave", "at", "any", "hour", "so", "each", "process", "that", "rests", "on", "one"),
    *("model", "needs", "another", "source", "which", "was", "tried", "before", "it", "is", "wanted", "and", "whose"),
    *("price", "limits", "place", "are", "known", "to", "those", "who", "answer", "for"),
)
_WORD_OF_BYTE = tuple([_WORDS[byte % len(_WORDS)] for byte in range(256)])


def answer(prompt: str, seed: int = 0) -> str:
    """The whole answer to `prompt`: an echo of its first words and seeded filler, about 40 words.

    A prompt that contains `[[words:N]]` is answered "w0 w1 ... wN-1" whatever the seed, so that an answer pieced
    together from several vendors shows each gap and each doubling.
    """
    counted = _COUNTED.search(prompt)
    if counted is not None:
        return " ".join([f"w{index}" for index in range(min(int(counted[1]), WORDS_BOUND))])
    echo = prompt.split(None, _ECHO_WORDS)[:_ECHO_WORDS]
    return " ".join(["You", "said:", *echo, "-", *_filler(prompt, seed, _ANSWER_WORDS - 3 - len(echo))]) + "."


def _filler(prompt: str, seed: int, count: int) -> list[str]:
    digest = blake2b(f"{seed}:{prompt}".encode("utf-8", "surrogatepass"), digest_size=count).digest()
    return [_WORD_OF_BYTE[byte] for byte in digest]


def remainder(partial: str, prompt: str, seed: int) -> str | None:
    """What is left of the answer to `prompt` after `partial`, or None when it does not start so."""
    full = answer(prompt, seed)
    return full[len(partial) :] if full.startswith(partial) else None


def tokens(text: str) -> list[str]:
    """One token a word, with the white space before it; joined they are the text again."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Tokens in `text`."""
    return len(text.split())
