"""Patterns over tokens: what they mean, what is said of wrong ones, and all matches against a regular expression."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.text.token_query import QueryError, TokenQuery

SENTENCE = [
    {"surface": "白い", "lemma": "白い", "pos": "形容詞-一般"},
    {"surface": "猫", "lemma": "猫", "pos": "名詞-普通名詞-一般"},
    {"surface": "が", "lemma": "が", "pos": "助詞-格助詞"},
    {"surface": "魚", "lemma": "魚", "pos": "名詞-普通名詞-一般"},
    {"surface": "を", "lemma": "を", "pos": "助詞-格助詞"},
    {"surface": "食べ", "lemma": "食べる", "pos": "動詞-一般"},
    {"surface": "た", "lemma": "た", "pos": "助動詞"},
    {"surface": "Cat", "lemma": None, "pos": "名詞-普通名詞-一般"},
]


def found(query: str, tokens: list[dict[str, str | None]] = SENTENCE) -> list[str]:  # type: ignore[assignment]
    return [
        "".join(str(token["surface"]) for token in tokens[start:end])
        for start, end in TokenQuery(query).matches(tokens)
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("猫", ["猫"]),
        ("犬", []),
        ("猫 が", ["猫が"]),
        ("名詞", ["猫", "魚", "Cat"]),
        ("名詞 助詞", ["猫が", "魚を"]),
        ('"名詞"', []),
        ('[lemma="食べる"]', ["食べ"]),
        ('[lemma="食べる" & pos="動詞"]', ["食べ"]),
        ('[lemma="食べる" & pos="名詞"]', []),
        ('[lemma="食べる" | surface="猫"]', ["猫", "食べ"]),
        ("[pos=助詞 & !(surface=が | surface=を)]", []),
        ('[pos="助詞" & word!="が"]', ["を"]),
        ('[pos="名詞-普通名詞"]', ["猫", "魚", "Cat"]),
        ('[pos="名"]', []),
        ('[pos="助.*"]', ["が", "を", "た"]),
        ('"cat"', []),
        ('"cat"%c', ["Cat"]),
        ('[lemma!="猫"]', ["白い", "が", "魚", "を", "食べ", "た", "Cat"]),
        ("[] 魚", ["が魚"]),
        ("[]", ["白い", "猫", "が", "魚", "を", "食べ", "た", "Cat"]),
        ("[]+", ["白い猫が魚を食べたCat"]),
        ("名詞 []{2} 助詞", ["猫が魚を"]),
        ("名詞 []{0,2} 名詞", ["猫が魚"]),
        ("形容詞? 名詞", ["白い猫", "魚", "Cat"]),
        ("(名詞 助詞)+ 動詞", ["猫が魚を食べ"]),
        ("(名詞 助詞){2} 動詞", ["猫が魚を食べ"]),
        ("(名詞 助詞){3,}", []),
        ("猫 | 魚 を", ["猫", "魚を"]),
        ("猫 が? | 猫 が 魚", ["猫が魚"]),
        ("名詞*", ["猫", "魚", "Cat"]),
        ("[reading=ネコ]", []),
    ],
)
def test_what_a_pattern_finds(query: str, expected: list[str]) -> None:
    assert found(query) == expected


@pytest.mark.parametrize(
    ("query", "column", "message"),
    [
        ("", 1, "a token is missing"),
        ("   ", 4, "a token is missing"),
        ("猫 |", 4, "a token is missing"),
        ("(猫", 3, "')' is missing"),
        ("猫)", 2, "unexpected ')'"),
        ('[lemma="食べる]', 8, 'the closing " is missing'),
        ("[lemma 食べる]", 8, "= or != is missing after lemma"),
        ("[lemma=]", 8, "the value of lemma is missing"),
        ("[=猫]", 2, "the name of a field is missing"),
        ("[lemma=猫", 9, "']' is missing"),
        ('"a("', 1, "is no regular expression"),
        ("猫{}", 2, "a number of repetitions is written"),
        ("猫{3,1}", 2, "is no possible number of repetitions"),
        ("猫{0}", 2, "is no possible number of repetitions"),
        ("*猫", 1, "unexpected '*'"),
        ("[]{1000}{1000}", 1, "more than 2,000 parts"),
    ],
)
def test_a_wrong_pattern_is_refused_with_its_column(query: str, column: int, message: str) -> None:
    with pytest.raises(QueryError, match=re.escape(message)) as caught:
        TokenQuery(query)
    assert caught.value.column == column


def test_an_empty_text_has_no_match() -> None:
    assert list(TokenQuery("[]*").matches([])) == []


def tree(depth: int) -> st.SearchStrategy[tuple[str, str]]:
    """Pairs of a pattern over the words a, b, c, and the same regular expression over their letters."""
    one = st.sampled_from([("a", "a"), ("b", "b"), ("[]", "[abc]"), ('"a|c"', "[ac]"), ("[surface!=a]", "[bc]")])
    if not depth:
        return one
    inner = tree(depth - 1)
    return st.one_of(
        one,
        st.lists(inner, min_size=1, max_size=3).map(
            lambda parts: (" ".join(p for p, _ in parts), "".join(r for _, r in parts))
        ),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda parts: (f"({' | '.join(p for p, _ in parts)})", f"(?:{'|'.join(r for _, r in parts)})")
        ),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{1,}"])).map(
            lambda pair: (f"({pair[0][0]}){pair[1]}", f"(?:{pair[0][1]}){pair[1]}")
        ),
    )


@given(tree(3), st.text("abc", max_size=8))
def test_all_matches_are_those_of_a_regular_expression(patterns: tuple[str, str], letters: str) -> None:
    query, expression = patterns
    tokens = [{"surface": letter} for letter in letters]
    expected = []
    start = 0
    while start < len(letters):
        ends = [end for end in range(len(letters), start, -1) if re.fullmatch(expression, letters[start:end])]
        if ends:
            expected.append((start, ends[0]))
        start = ends[0] if ends else start + 1
    assert list(TokenQuery(query).matches(tokens)) == expected


@given(tree(2), st.text("abc", max_size=8))
def test_the_way_back_finds_the_tokens_with_which_matches_begin(patterns: tuple[str, str], letters: str) -> None:
    query, expression = patterns
    tokens = [{"surface": letter} for letter in letters]
    expected = [
        any(re.fullmatch(expression, letters[start:end]) for end in range(start + 1, len(letters) + 1))
        for start in range(len(letters))
    ]
    assert list(map(bool, TokenQuery(query)._beginnings(tokens))) == expected


def test_a_long_text_without_a_match_takes_no_time_for_each_of_its_tokens() -> None:
    n_asked = 0

    class Counted(dict[str, str]):
        def get(self, *arguments: object) -> object:
            nonlocal n_asked
            n_asked += 1
            return "a"

    assert list(TokenQuery("[surface!=b]* b").matches([Counted()] * 5000)) == []
    assert n_asked <= 4 * 5000
    tokens = [*[{"surface": "a"}] * 3000, {"surface": "b"}] * 2
    assert list(TokenQuery("a* b").matches(tokens)) == [(0, 3001), (3001, 6002)]
