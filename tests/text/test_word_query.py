"""Words among tokens: what they find, and that no text is passed over that has a match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.text.token_query import Token, TokenQuery
from nlptool.text.word_query import WordQuery


def tokens_of(text: str, lemmas: dict[str, str] | None = None) -> tuple[str, list[Token]]:
    """A text without its bars, at which its tokens end."""
    tokens: list[Token] = []
    plain = ""
    for piece in text.split("|"):
        surface = piece.strip()
        start = len(plain) + piece.index(surface)
        plain += piece
        lemma = (lemmas or {}).get(surface, surface)
        tokens.append({"surface": surface, "lemma": lemma, "start": start, "end": start + len(surface)})
    return plain, tokens


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (["猫"], "子猫|が|猫|を|見|た", ["猫"]),
        (["吾輩は猫"], "吾輩|は|猫|で|ある", ["吾輩は猫"]),
        (["輩は"], "吾輩|は|猫", []),
        (["吾"], "吾輩|は|猫", []),
        (["白い 猫"], "白い|猫|と|白い| 猫", ["白い猫", "白い 猫"]),
        (["the cat"], "the|  cat| sat", ["the  cat"]),
        (["the cat"], "thecat| the| cats", []),
        (["ああ"], "あ|ああ", ["ああ"]),
        (["猫", "猫が"], "猫|が|猫|を", ["猫が", "猫"]),
        (["犬"], "猫", []),
        (["*."], "*|.|*.", ["*.", "*."]),
        (["Cat"], "the| cat", []),
    ],
)
def test_what_words_find(words: list[str], text: str, expected: list[str]) -> None:
    plain, tokens = tokens_of(text)
    found = WordQuery(words).matches(plain, tokens)
    assert [plain[tokens[first]["start"] : tokens[last - 1]["end"]] for first, last in found] == expected


def test_lemmas_and_case() -> None:
    plain, tokens = tokens_of("Ate| fish| and| eats", {"Ate": "eat", "eats": "eat"})
    assert WordQuery(["eat"], by="lemma").matches(plain, tokens) == [(0, 1), (3, 4)]
    assert WordQuery(["eat fish"], by="lemma").matches(plain, tokens) == [(0, 2)]
    assert WordQuery(["Eat"], by="lemma").matches(plain, tokens) == []
    assert WordQuery(["Eat"], by="lemma", ignore_case=True).matches(plain, tokens) == [(0, 1), (3, 4)]
    assert WordQuery(["ATE"], ignore_case=True).matches(plain, tokens) == [(0, 1)]


@given(
    st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=8),
    st.lists(st.text("ab ", min_size=1, max_size=3).filter(str.strip), min_size=1, max_size=2),
)
def test_words_are_found_as_by_all_runs_of_tokens(surfaces: list[str], words: list[str]) -> None:
    text, tokens = tokens_of("|".join(surfaces))
    runs = [(i, j) for i in range(len(surfaces)) for j in range(i + 1, len(surfaces) + 1)]

    def fits(run: list[str], parts: list[str]) -> bool:
        if not parts:
            return not run
        return any("".join(run[:n]) == parts[0] and fits(run[n:], parts[1:]) for n in range(1, len(run) + 1))

    matching = [(i, j) for i, j in runs if any(fits(surfaces[i:j], word.split()) for word in words)]
    expected: list[tuple[int, int]] = []
    for i, j in sorted(matching, key=lambda run: (run[0], -run[1])):
        if not expected or i >= expected[-1][1]:
            expected.append((i, j))
    query = WordQuery(words)
    assert query.matches(text, tokens) == expected
    if expected:
        assert all(any(value in text for _, value in clause) for clause in query.needs)


QUERIES = st.recursive(
    st.sampled_from(["a", "b", '"a|b"', '"ab"', "[]", "[surface!=a]", "[lemma=b]", "[lemma=b & surface=a]",
                     "[lemma=b | surface=a]", "!x"]).filter(lambda part: part != "!x"),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" ".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} | {pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "?", "{2}"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=4,
)  # fmt: skip


@given(QUERIES, st.lists(st.tuples(st.sampled_from(["a", "b", "ab"]), st.sampled_from(["a", "b"])), max_size=6))
def test_every_match_has_what_the_pattern_needs(pattern: str, pairs: list[tuple[str, str]]) -> None:
    tokens = [{"surface": surface, "lemma": lemma} for surface, lemma in pairs]
    query = TokenQuery(pattern)
    for first, last in query.matches(tokens):
        run = tokens[first:last]
        for clause in query.needs:
            assert any(value in token[field] for field, value in clause for token in run)


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        ("名詞 の 猫", [{("pos", "名詞")}, {("surface", "の")}, {("surface", "猫")}]),
        ('[lemma="食べる" & pos="動詞-一般"]', [{("lemma", "食べる")}, {("pos", "動詞")}]),
        ("猫 | 犬 が", [{("surface", "猫"), ("surface", "犬")}]),
        ("猫* 犬? 鳥+", [{("surface", "鳥")}]),
        ('"食べ.*" "猫"%c [pos!=名詞] []', []),
        ("(猫 | []) 犬", [{("surface", "犬")}]),
    ],
)
def test_what_a_pattern_needs(pattern: str, needs: list[set[tuple[str, str]]]) -> None:
    assert list(map(set, TokenQuery(pattern).needs)) == needs


def test_a_bare_word_is_a_lemma_where_that_was_chosen() -> None:
    tokens = [{"surface": "Ate", "lemma": "eat", "pos": "VERB"}]
    assert list(TokenQuery("eat", by="lemma").matches(tokens)) == [(0, 1)]
    assert list(TokenQuery("eat").matches(tokens)) == []
    assert list(TokenQuery("ate [pos=verb]{0,1}").matches(tokens)) == []
    assert list(TokenQuery("ate", ignore_case=True).matches(tokens)) == [(0, 1)]
    assert list(TokenQuery("[pos=verb]", ignore_case=True).matches(tokens)) == [(0, 1)]
