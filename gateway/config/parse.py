"""YAML text -> `Document`. Strict: one document, text keys, no tags, no duplicate keys; bounded in every direction."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from gateway.config.document import Document, Place, Position
from gateway.config.problem import Finding, Path
from gateway.config.secret import Unresolved

MAX_VALUES = 100_000
MAX_DEPTH = 32

_CORE = "tag:yaml.org,2002:"
_TEXT, _MAP, _LIST, _MERGE = (_CORE + name for name in ("str", "map", "seq", "merge"))
_OTHER_SCALARS = frozenset(_CORE + name for name in ("int", "float", "bool", "null", "timestamp"))

# The parser's words are replaced where they speak of its insides, or would quote what may be a secret.
_PLAIN_WORDS = {
    "found undefined alias": ("an alias ('*') without its anchor ('&')", "text that starts with '*' needs quotes"),
    "found character '\\t'": ("a tab where YAML allows only spaces", "indent with spaces"),
    "mapping values are not allowed": ("': ' does not fit here", "indent evenly; text with ': ' needs quotes"),
    "but found another document": ("a second document ('---')", "one file holds one config"),
    "expected ',' or": (
        "a list or mapping in brackets does not go on as it should",
        "inside brackets ${...} needs quotes",
    ),
    "expected <block end>": ("the indentation does not fit the lines above", "indent evenly"),
}


def parse(file: str, text: str, expand: Callable[[str], str]) -> Document:
    """Read one YAML document. `expand` resolves the references in a text and may raise `Unresolved`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        root = yaml.compose(text)
    except RecursionError:
        return _broken(file, "nested too deeply", "", None)
    except ReaderError as error:
        return _broken(file, "a control character", "remove it", position_of(text, error.position))
    except MarkedYAMLError as error:
        return _broken(file, *_in_plain_words(error.problem or ""), _position(error.problem_mark))
    if root is None:
        return _broken(file, "the file is empty", "", None)
    walk = _Walk(expand, yaml.constructor.construct_object)
    data = walk.value(root, (), _position(root.start_mark))
    return Document(file, None if walk.exhausted else data, walk.places, tuple(walk.findings))


def position_of(text: str, index: int) -> Position:
    """Line and column of a character, from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _broken(file: str, message: str, hint: str, position: Position | None) -> Document:
    return Document(file, findings=(Finding("error", (), message, hint, position=position),))


def _in_plain_words(problem: str) -> tuple[str, str]:
    return next((words for start, words in _PLAIN_WORDS.items() if problem.startswith(start)), (problem, ""))


def _position(mark: StreamMark) -> Position:
    return mark.line + 1, mark.column + 1


class _Entry(NamedTuple):
    name: str
    position: Position
    node: Node


class _Walk:
    """One pass over the nodes. Aliases are followed, so it is the visits that are bounded, not the nodes."""

    def __init__(self, expand: Callable[[str], str], construct: Callable[[Node], object]) -> None:
        self.places: dict[Path, Place] = {}
        self.findings: list[Finding] = []
        self._expand = expand
        self._construct = construct
        self._visits = 0
        self.exhausted = False

    def value(self, node: Node, at: Path, key: Position) -> object:
        """Plain data: dict, list, str, int, float, bool, date or None. `key` is where its key stands."""
        if self._too_large(len(at)):
            return None
        start = _position(node.start_mark)
        text = node.value if isinstance(node, ScalarNode) else None
        # The first line of a block says nothing to a reader: point at the line that names the block.
        self.places[at] = Place(start if start[0] == key[0] else key, key, text)
        if isinstance(node, MappingNode) and node.tag == _MAP:
            return {e.name: self.value(e.node, (*at, e.name), e.position) for e in self._entries(node, at, 0)}
        if isinstance(node, SequenceNode) and node.tag == _LIST:
            return [self.value(item, (*at, i), _position(item.start_mark)) for i, item in enumerate(node.value)]
        return self._scalar(node, at)

    def _scalar(self, node: Node, at: Path) -> object:
        try:
            if node.tag == _TEXT:
                return self._expand(node.value)
            if node.tag in _OTHER_SCALARS:
                return self._construct(node)
            self._refuse(at, "YAML tags ('!...') are not supported", "text that starts with '!' needs quotes")
        except Unresolved as error:
            self._refuse(at, str(error))
        except (ValueError, KeyError, MarkedYAMLError):
            self._refuse(at, "not a number or date that exists", "text needs quotes")
        return None

    def _entries(self, node: MappingNode, at: Path, depth: int) -> Iterator[_Entry]:
        """The mapping's own entries, then those that `<<` merges in and it does not have itself."""
        own: dict[str, Position] = {}
        for key, value in node.value:
            position = _position(key.start_mark)
            if key.tag == _MERGE:
                continue
            if key.tag != _TEXT:
                self._refuse(at, "a key that is not text", "put it in quotes", position)
            elif key.value in own:
                self._refuse((*at, key.value), "duplicate key", f"first on line {own[key.value][0]}", position)
            else:
                own[key.value] = position
                yield _Entry(key.value, position, value)
        seen = set(own)
        for entry in self._merged(node, at, depth + 1):
            if entry.name not in seen:
                seen.add(entry.name)
                yield entry

    def _merged(self, node: MappingNode, at: Path, depth: int) -> Iterator[_Entry]:
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for source in value.value if isinstance(value, SequenceNode) else (value,):
                if self._too_large(depth):
                    return
                if isinstance(source, MappingNode):
                    yield from self._entries(source, at, depth)
                else:
                    self._refuse(at, "'<<' takes an alias of a mapping", "", _position(key.start_mark))

    def _too_large(self, depth: int) -> bool:
        self._visits += 1
        if self._visits <= MAX_VALUES and depth <= MAX_DEPTH:
            return False
        if not self.exhausted:
            self._refuse((), f"more than {MAX_VALUES} values or {MAX_DEPTH} levels, aliases followed")
        self.exhausted = True
        return True

    def _refuse(self, at: Path, message: str, hint: str = "", position: Position | None = None) -> None:
        self.findings.append(Finding("error", at, message, hint, position=position))
