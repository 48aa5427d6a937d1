from pathlib import Path

import pytest

from gateway.config.load import load, read
from gateway.config.source import MAX_BYTES
from tests.config.files import SOUND, edit, load_sound, load_text, said

CONFIG = Path(__file__).parents[2] / "config"
KEYED = edit(("    model: acme-large", "    api_key: ${KEY}\n    model: acme-large"))


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = edit(
        ("version: 1", "version: x"),
        ("vendor: acme", "vendor: acne"),
        ("model: acme-large", "model: acme-large\n    api_key: ${NOPE}\n    modle: x"),
        ("tiers:", "tiers: [[one]]\n    tiers:"),
        ("workflow: support", "workflow: suport"),
    )
    snapshot, problems = load_text(tmp_path, text)
    assert snapshot is None
    assert said(problems) == [
        "1:10: error: version: expected 1, found 'x'",
        "7:13: error: deployments.one.vendor: unknown vendor 'acne'; did you mean 'acme'?",
        "10:14: error: deployments.one.api_key: environment variable NOPE is not set",
        "11:5: error: deployments.one.modle: unknown key 'modle'; did you mean 'model'?",
        "23:5: error: routes.chat.tiers: duplicate key; first on line 22",
        "31:15: error: keys[0].workflow: unknown workflow 'suport'; did you mean 'support'?",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "1:1: error: the file is empty"),
        (b"- a\n", "1:1: error: expected a mapping of keys to values, found a list"),
        (b"a: 1\nb: \xff\n", "2:4: error: not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), " error: larger than 4 MB"),
    ],
)
def test_files_that_are_no_config(tmp_path: Path, content: bytes, told: str) -> None:
    snapshot, problems = load_text(tmp_path, content)
    assert snapshot is None
    assert [str(problem).partition("gateway.yaml:")[2] for problem in problems] == [told]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nope.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        snapshot, problems = load(path, {})
        assert snapshot is None
        assert [str(problem) for problem in problems] == [f"{path}: error: cannot be read: {reason}"]


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    assert load_sound(tmp_path, "\ufeff" + SOUND).routes.keys() == {"chat"}


def test_the_revision_follows_the_bytes_and_the_secrets(tmp_path: Path) -> None:
    first = load_sound(tmp_path, KEYED, {"KEY": "one"}).revision
    assert len(first) == 12
    assert int(first, 16) >= 0
    assert load_sound(tmp_path, KEYED, {"KEY": "one", "OTHER": "x"}).revision == first
    assert load_sound(tmp_path, KEYED, {"KEY": "two"}).revision != first
    assert load_sound(tmp_path, KEYED + "# comment\n", {"KEY": "one"}).revision != first


def test_secret_files_are_known_also_where_one_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(edit(("    model: acme-large", "    api_key: ${file:token}\n    model: acme-large")))
    missing = read(path, {})
    assert missing.snapshot is None
    (tmp_path / "token").write_text("hush\n")
    found = read(path, {})
    assert found.snapshot is not None
    assert found.snapshot.deployments["one"].api_key == "hush"
    assert missing.secret_files == found.secret_files == {tmp_path / "token"}
    assert missing.revision != found.revision


@pytest.mark.parametrize(
    "broken",
    [
        KEYED,
        KEYED.replace("model: acme-large", "modle: acme-large"),
        KEYED.replace("vendor: acme", "vendor: ${KEY}"),
        KEYED.replace("https://api.acme.example/v1", "${KEY}"),
        KEYED.replace("version: 1", "version: ${KEY}"),
        KEYED.replace("tiers: [[one], [two]]", "tiers: ${KEY}"),
        KEYED.replace("[chat]", '["${KEY}"]'),
        KEYED.replace("acme: {", '"${KEY}": {'),
        KEYED.replace("ab" * 32, "${KEY}"),
        KEYED.replace("keys:", "ledger: {url: '${KEY}'}\nkeys:"),
        KEYED.replace("${KEY}", "hush hush"),
        KEYED.replace("${KEY}", "*hush"),
        KEYED.replace("${KEY}", "{hush: 1"),
        KEYED.replace("${KEY}", "a\n    api_key: hush"),
    ],
)
def test_no_secret_in_any_message_or_repr(tmp_path: Path, broken: str) -> None:
    snapshot, problems = load_text(tmp_path, broken, {"KEY": "hush hush" if broken != KEYED else "hush"})
    assert (snapshot is None) == (broken != KEYED)
    assert "hush" not in repr(snapshot) + repr(problems) + "".join(str(problem) for problem in problems)


def test_the_default_config_has_one_weakness_and_says_so() -> None:
    snapshot, problems = load(CONFIG / "gateway.yaml", {})
    assert snapshot is not None
    assert {deployment.price.source != "unknown" for deployment in snapshot.deployments.values()} == {True}
    assert [(problem.severity, problem.path, problem.message) for problem in problems] == [
        ("info", "", "no keys: the gateway will serve on loopback only"),
        ("warning", "routes.embed", "no second source: embed-openai is the only deployment"),
    ]


def test_the_example_of_real_vendors_lacks_only_its_secrets(tmp_path: Path) -> None:
    text = (CONFIG / "vendors.example.yaml").read_text()
    (tmp_path / "key").write_text("k\n")
    names = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY")
    environ = dict.fromkeys(names, "k") | {"SUPPORT_KEY_SHA256": "ab" * 32, "LEGAL_KEY_SHA256": "cd" * 32}
    snapshot, problems = load_text(tmp_path, text.replace("/run/secrets/anthropic_api_key", "key"), environ)
    assert snapshot is not None
    assert {deployment.price.source != "unknown" for deployment in snapshot.deployments.values()} == {True}
    assert [str(problem) for problem in problems if problem.severity == "error"] == []
