"""What `Index` promises, on LanceDB and in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query, encoders, field
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import BadInput, SpaceMismatch, StoreError
from rag_embed.ranking.legs import DenseLeg

WORDS = [
    "fox",
    "whale",
    "tea",
    "wine",
    "river",
    "stone",
    "cloud",
    "bread",
    "lamp",
    "violin",
    "engine",
    "harbour",
]


def corpus(n: int = 40) -> list[Document]:
    return [
        Document(
            f"d{i}",
            f"The {WORDS[i % 12]} meets the {WORDS[(i * 5 + 1) % 12]} near number {i}. "
            f"Later the {WORDS[(i * 7 + 3) % 12]} goes home.",
            f"Story {i}",
            {"number": i, "kind": "even" if i % 2 == 0 else "odd"},
        )
        for i in range(n)
    ]


class Counting(HashEncoder):
    """Counts the texts it encodes."""

    encoded = 0

    def encode_document(self, texts, /):
        self.encoded += len(texts)
        return super().encode_document(texts)


FIELDS = {"number": int, "kind": str}


@pytest.fixture(params=["memory", "lance"])
def index(request, tmp_path) -> Index:
    if request.param == "memory":
        return Index.in_memory(encoder=Counting(), fields=FIELDS)
    return Index.create(tmp_path / "kb", encoder=Counting(), fields=FIELDS)


def ids(hits) -> list[str]:
    return [hit.id for hit in hits]


class TestSearch:
    def test_finds_by_words_and_says_why(self, index) -> None:
        index.add(corpus())
        hit = index.search("number 17")[0]
        assert hit.chunk.doc_id == "d17"
        assert hit.text == corpus()[17].text and hit.chunk.title == "Story 17"
        assert [part.leg for part in hit.parts] == ["dense", "lexical"]
        assert sum(part.contribution for part in hit.parts) == pytest.approx(hit.score, abs=1e-6)
        assert 0.0 <= hit.relevance <= 1.0

    def test_fewer_hits_are_a_prefix_of_more(self, index) -> None:
        index.add(corpus(300))
        full = ids(index.search("the fox and the violin", k=1000))
        assert len(full) == 300 == len(set(full))
        for k in (0, 1, 5, 99, 100, 101, 250):
            assert ids(index.search("the fox and the violin", k=k)) == full[:k]

    def test_a_batch_answers_like_single_queries(self, index) -> None:
        index.add(corpus())
        queries = [
            Query("fox and whale", k=3),
            Query("", k=3),
            Query("wine", k=7, where=field("kind") == "odd"),
            Query("wine", k=0),
            Query("lamp engine", k=5, group_by="document", diversity=0.5),
        ]
        together = index.search_many(queries)
        assert [ids(hits) for hits in together] == [ids(index.search(q)) for q in queries]
        assert together[1] == [] and together[3] == [] and len(together[2]) == 7

    def test_filters_hold_in_every_leg(self, index) -> None:
        index.add(corpus())
        hits = index.search(
            "fox wine", k=50, where=(field("number") >= 10) & ~(field("kind") == "odd")
        )
        numbers = sorted(hit.chunk.metadata["number"] for hit in hits)
        assert numbers == list(range(10, 40, 2))
        assert index.search("fox", where=field("number") > 1000) == []

    def test_owner_sees_shared_and_own_only(self, index) -> None:
        index.add(
            [*corpus(3), Document("s", "secret fox", user="ann"), Document("t", "x", user="bob")]
        )
        assert {h.chunk.doc_id for h in index.search("secret fox", k=9)} == {"d0", "d1", "d2"}
        own = {h.chunk.doc_id for h in index.search("secret fox", k=9, user="ann")}
        assert own == {"d0", "d1", "d2", "s"}
        widened = (field("user_id") == "bob") | field("user_id").is_missing()
        seen = {h.chunk.doc_id for h in index.search("x", k=9, user="ann", where=widened)}
        assert "t" not in seen

    def test_another_owner_cannot_take_over_an_id(self, index) -> None:
        index.add([Document("s", "secret fox", user="ann")])
        for user in (None, "bob"):
            with pytest.raises(BadInput, match="another owner"):
                index.add([Document("s", "mine now", user=user)])
        assert index.search("secret", user="ann")[0].text == "secret fox"

    def test_who_adds_an_id_first_keeps_it(self, index, monkeypatch) -> None:
        """Two users at the same moment: both found it free, and one encodes longer."""
        others = [Document("s", "secret fox", user="ann")]

        def slow(encoder, texts, /):
            while others:
                index.add([others.pop()])
            return HashEncoder.encode_document(encoder, texts)

        monkeypatch.setattr(Counting, "encode_document", slow)
        with pytest.raises(BadInput, match="another owner"):
            index.add([Document("s", "mine now", user="bob")])
        assert [hit.text for hit in index.search("secret", user="ann")] == ["secret fox"]
        assert index.search("secret", user="bob") == []

    def test_group_by_document_gives_each_document_once(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=12)
        index.add(replace(d, text=d.text * 5) for d in corpus(12))
        chunks = index.search("fox home", k=400)
        grouped = index.search("fox home", k=400, group_by="document")
        first = list(dict.fromkeys(hit.chunk.doc_id for hit in chunks))
        assert [hit.chunk.doc_id for hit in grouped] == first and len(first) == 12
        assert all(s.doc_id == hit.chunk.doc_id for hit in grouped for s in hit.siblings)
        assert any(hit.siblings for hit in grouped)

    def test_diversity_keeps_the_best_and_drops_copies(self, index) -> None:
        copies = [Document(f"c{i}", "red fox in the snow") for i in range(5)]
        index.add([*copies, Document("z", "a red boat with a fox flag on a lake")])
        assert ids(index.search("red fox", k=2)) == ["c0#0-19", "c1#0-19"]
        assert ids(index.search("red fox", k=2, diversity=0.6)) == ["c0#0-19", "z#0-36"]

    def test_min_relevance_cuts_the_tail(self, index) -> None:
        index.add(corpus())
        hits = index.search("number 17", k=40)
        cut = hits[3].relevance
        kept = index.search("number 17", k=40, min_relevance=cut)
        assert ids(kept) == [h.id for h in hits if h.relevance >= cut] and 0 < len(kept) < 40

    @pytest.mark.parametrize(
        "options",
        [
            {"k": -1},
            {"k": 2.5},
            {"min_relevance": 2},
            {"min_relevance": "a"},
            {"diversity": -1},
            {"group_by": "page"},
            {"user": 7},
            {"user": ""},
            {"user": "\ud800"},
            {"where": {"year": 1}},
        ],
    )
    def test_bad_options_are_refused(self, index, options) -> None:
        with pytest.raises(BadInput):
            index.search("fox", **options)

    def test_neighbours_and_section(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=8)
        text = "# A\n\nOne two three four five six.\n\nSeven eight nine ten eleven.\n\n# B\n\nLast one."
        index.add([Document("d", text, metadata={"format": "markdown"})])
        middle = next(hit for hit in index.search("seven eight nine", k=9) if "Seven" in hit.text)
        around = index.contents.neighbours(middle, before=1, after=0)
        assert [chunk.ordinal for chunk in around] == [
            middle.chunk.ordinal - 1,
            middle.chunk.ordinal,
        ]
        section = index.contents.section(middle)
        assert all(chunk.headings[:1] == ("A",) for chunk in section) and len(section) >= 2


class TestAdd:
    def test_unchanged_documents_cost_no_encoding(self, index) -> None:
        report = index.add(corpus())
        assert (report.added, report.chunks) == (40, 40)
        encoded = index.spaces.own.encoder.encoded
        again = index.add(corpus())
        assert (again.added, again.replaced, again.unchanged, again.chunks) == (0, 0, 40, 0)
        assert index.spaces.own.encoder.encoded == encoded

    def test_any_change_replaces(self, index) -> None:
        base = Document("d", "old fox text", "T", {"number": 1})
        index.add([base])
        for changed in (
            replace(base, text="new whale text"),
            replace(base, title="U"),
            replace(base, metadata={"number": 2}),
        ):
            assert index.add([changed]).replaced == 1
            assert index.contents.document("d") == changed and len(index) == 1
        assert index.search("x", where=field("number") == 1) == []

    def test_deleted_documents_vanish(self, index) -> None:
        index.add(corpus())
        assert index.delete(["d3", "d4", "unknown"]) == 2
        assert index.contents.document("d3") is None and len(index) == 38
        assert not {"d3#0-79"} & set(ids(index.search("number 3", k=99)))
        with pytest.raises(BadInput):
            index.delete("d5")

    def test_repeated_ids_in_one_call_are_reported(self, index) -> None:
        report = index.add([Document("a", "first"), Document("a", "second")])
        assert report.added == 1 and report.skipped[0].source == "a"
        assert index.contents.document("a") == Document("a", "first")

    @pytest.mark.parametrize(
        "document",
        [
            Document("a", "x", metadata={"bad": object()}),
            Document("a", "x", metadata={"number": "three"}),
        ],
        ids=["object", "type"],
    )
    def test_documents_that_cannot_be_stored_change_nothing(self, index, document) -> None:
        index.add(corpus(3))
        with pytest.raises(BadInput):
            index.add([Document("b", "good"), document])
        assert sorted(index.store.document_ids()) == ["d0", "d1", "d2"] and len(index) == 3

    @pytest.mark.parametrize(
        "name",
        [
            "Screenshot 2024-05-01 at 9.41\u202fAM.txt",
            "\u3000wide.txt",
            "\ufeffbom.txt",
            "👩\u200d👩\u200d👧.txt",
            "soft\u00adhyphen\u2028line.txt",
        ],
    )
    def test_odd_names_are_ids_like_others(self, index, name) -> None:
        assert index.add([Document(name, "red fox"), *corpus(3)]).added == 4
        assert index.search("red fox", k=1, where=field("doc_id") == name)[0].chunk.doc_id == name
        assert index.add([Document(name, "red fox")]).unchanged == 1 == index.delete([name])

    @pytest.mark.parametrize("bad", ["\0", "\n", "\x1b[31m", "\x9f", "\ud800"])
    def test_an_id_that_cannot_be_stored_is_skipped_alone(self, index, bad) -> None:
        some = [Document(f"a{bad}", "x"), Document("own", "x", user=f"ann{bad}"), *corpus(3)]
        report = index.add(some)
        assert report.added == 3 and sorted(index.store.document_ids()) == ["d0", "d1", "d2"]
        assert [one.source.isprintable() for one in report.skipped] == [True, True]
        assert all("control" in one.reason for one in report.skipped)

    def test_half_a_character_in_a_question_is_read_as_in_a_document(self, index) -> None:
        index.add(
            [Document("odd", "The half \ud800fox"), *corpus(3), Document("p", "x", user="\ufffd")]
        )
        asked, told = "half \udc00fox", "half \ufffdfox"
        assert index.search(asked) == index.search(told) != []
        assert index.search("fox", previous=[asked]) == index.search("fox", previous=[told])
        assert index.contents.document("\ud800") is None
        assert index.contents.matching() == [
            "d0",
            "d1",
            "d2",
            "odd",
        ]

    def test_odd_texts_are_stored_as_they_are(self, index) -> None:
        texts = {
            "nul": "a\0b fox",
            "emoji": "👩‍👩‍👧" * 50,
            "word": "x" * 50_000,
            "blank": " \n\t ",
            "none": "",
        }
        index.add([Document(name, text) for name, text in texts.items()])
        index.add([Document("lone", "fox \ud800 river")])
        for name, text in texts.items():
            assert index.contents.document(name).text == text
        assert index.contents.document("lone").text == "fox \ufffd river"
        assert index.add([Document("lone", "fox \ud800 river")]).unchanged == 1
        assert {hit.chunk.doc_id for hit in index.search("fox", k=2)} == {"nul", "lone"}

    def test_a_document_with_a_title_alone_is_found_by_it(self, index) -> None:
        index.add([Document("t", "", "A fast sorting method"), Document("nothing", "  ")])
        [hit] = index.search("sorting methods")
        assert (hit.id, hit.text, hit.chunk.title) == ("t#0-0", "", "A fast sorting method")
        assert len(index) == 1 and index.contents.document("nothing") is not None

    def test_empty_corpus(self, index) -> None:
        assert index.add([]).documents == 0
        assert index.search("anything") == [] and len(index) == 0


class TestOpen:
    def test_everything_is_there_again(self, tmp_path) -> None:
        first = Index.create(tmp_path / "kb", encoder=HashEncoder(), fields=FIELDS, chunk_tokens=50)
        first.add(corpus())
        again = Index.open(tmp_path / "kb", encoder=HashEncoder())
        assert (
            again.spaces.cut["max_tokens"] == 50
            and again.store.fields.types == first.store.fields.types
        )
        assert [(h.id, h.score) for h in again.search("fox")] == [
            (h.id, h.score) for h in first.search("fox")
        ]
        assert again.add(corpus()).unchanged == 40

    def test_the_note_of_the_model_decides_nothing(self, tmp_path, monkeypatch) -> None:
        class Named(HashEncoder):
            recipe = Recipe("model", {"model": "hash"})

        Index.create(tmp_path / "kb", encoder=Named()).add(corpus(3))
        loaded = []
        monkeypatch.setattr(
            encoders,
            "load",
            lambda name: loaded.append(name) or HashEncoder(256 if name == "hash" else 8),
        )
        note = tmp_path / "kb" / "encoder.json"
        for content in (note.read_text(), '{"model": "another"}', "broken", None):
            note.unlink(missing_ok=True)
            if content is not None:
                note.write_text(content)
            assert Index.open(tmp_path / "kb").search("number 1")[0].chunk.doc_id == "d1"
        assert loaded == ["hash", "another", "hash", "hash", "hash"]

    def test_wrong_encoder_is_refused(self, tmp_path) -> None:
        Index.create(tmp_path / "kb", encoder=HashEncoder(dim=64))
        with pytest.raises(SpaceMismatch, match="dim"):
            Index.open(tmp_path / "kb", encoder=HashEncoder(dim=128))

    def test_missing_and_existing(self, tmp_path) -> None:
        with pytest.raises(StoreError, match="no index"):
            Index.open(tmp_path / "kb", encoder=HashEncoder())
        assert not (tmp_path / "kb").exists()
        Index.create(tmp_path / "kb", encoder=HashEncoder())
        with pytest.raises(StoreError, match="already"):
            Index.create(tmp_path / "kb", encoder=HashEncoder())

    def test_a_creation_that_died_is_made_anew(self, tmp_path) -> None:
        import lancedb
        import pyarrow as pa

        lancedb.connect(tmp_path / "kb").create_table("chunks", pa.table({"half": [1]}))
        with pytest.raises(StoreError, match="interrupted"):
            Index.open(tmp_path / "kb", encoder=HashEncoder())
        index = Index.create(tmp_path / "kb", encoder=HashEncoder())
        assert index.add(corpus(3)).added == 3

    def test_a_half_written_document_is_written_again(self, tmp_path) -> None:
        """Chunks were committed, the process died before the document's row was."""
        index = Index.create(tmp_path / "kb", encoder=HashEncoder())
        old, new = Document("d", "old text of the fox"), Document("d", "new text of the whale")
        index.add([old])
        rows = index.store._documents.to_arrow()
        index.add([new])
        merge = index.store._documents.merge_insert("id").when_matched_update_all()
        merge.execute(rows)
        assert index.store.known(["d"]) == {"d": ("", None)}
        assert index.add([old]).replaced == 1
        assert ids(index.search("fox whale", k=9)) == ["d#0-19"]


def test_writers_in_two_handles_do_not_duplicate_or_lose(tmp_path) -> None:
    first = Index.create(tmp_path / "kb", encoder=HashEncoder())
    second = Index.open(tmp_path / "kb", encoder=HashEncoder())
    first.add(corpus(10))
    assert second.add(corpus(10)).unchanged == 10
    second.add([replace(corpus(1)[0], text="changed elsewhere")])
    assert first.search("changed elsewhere", k=1)[0].text == "changed elsewhere"
    assert first.delete(["d0"]) == 1 and len(second) == 9
    assert second.search("changed elsewhere", k=1)[0].chunk.doc_id != "d0"


def test_scores_do_not_depend_on_the_store(tmp_path) -> None:
    memory = Index.in_memory(encoder=HashEncoder())
    lance = Index.create(tmp_path / "kb", encoder=HashEncoder())
    on_disk = Index.open(tmp_path / "kb", encoder=HashEncoder())
    on_disk.store.cache_bytes = 0
    for index in (memory, lance):
        index.add(corpus(200))
    for query in ("fox whale", "number 150", "the engine goes home", "nothing in common: zebra"):
        reference = memory.search(query, k=20)
        for index in (lance, on_disk):
            hits = index.search(query, k=20)
            assert ids(hits) == ids(reference)
            np.testing.assert_allclose(
                [h.score for h in hits], [h.score for h in reference], atol=2e-5
            )


def test_a_query_can_bring_its_own_vector() -> None:
    encoder = HashEncoder()
    index = Index.in_memory(encoder=encoder)
    index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")])
    row = encoder.encode_query(["the sea is blue"])[0]
    alone = index.search(Query("", vectors={"dense": row}))
    assert [hit.chunk.doc_id for hit in alone] == ["b", "a"]
    assert {part.leg: part.raw for part in alone[0].parts}["lexical"] == 0.0
    longer = index.search(Query("", vectors={"dense": 7 * row}))
    assert [hit.score for hit in longer] == pytest.approx([hit.score for hit in alone])
    mixed = index.search_many([Query("fox", vectors={"dense": row}), "fox", Query("fox")])
    assert mixed[1] == mixed[2] and mixed[0] != mixed[1]
    for bad in (row[:5], row[None], row * np.nan):
        with pytest.raises(BadInput, match="finite query vector of shape"):
            index.search(Query("fox", vectors={"dense": bad}))
    with pytest.raises(
        BadInput, match=r"names \['other'\]; the legs here are \['dense', 'lexical'\]"
    ):
        index.search(Query("fox", vectors={"other": row}))
    legs = (DenseLeg("one", index.spaces.own), DenseLeg("two", index.spaces.own))
    lone = replace(index.experts.hybrid(), legs=legs, weights={"one": 1.0, "two": 1.0})
    with pytest.raises(BadInput, match="neither a text nor a vector for leg 'two'"):
        lone.retrieve([Query("", vectors={"one": row})])
    with pytest.raises(BadInput, match="maps names of legs"):
        Query("fox", vectors=row)


def test_a_leg_without_an_encoder_needs_vectors() -> None:
    encoder = HashEncoder()
    index = Index.in_memory(encoder=encoder)
    index.add([Document("a", "The fox is red.")])
    bare = replace(index.experts.hybrid(), legs=(DenseLeg("dense", None),), weights={"dense": 1.0})
    row = encoder.encode_query(["fox"])[0]
    assert bare.retrieve([Query("", vectors={"dense": row})])[0][0].chunk.doc_id == "a"
    with pytest.raises(BadInput, match=r"give Query\.vectors\['dense'\]"):
        bare.retrieve([Query("fox")])


def test_a_hybrid_needs_legs_and_a_pool() -> None:
    retriever = Index.in_memory(encoder=HashEncoder()).experts.hybrid()
    for broken, message in (({"pool": 0}, "pool must be"), ({"legs": ()}, "needs a leg")):
        with pytest.raises(BadInput, match=message):
            replace(retriever, **broken)


def test_documents_by_id_and_by_filter() -> None:
    index = Index.in_memory(encoder=HashEncoder(), fields={"year": int})
    stored = [Document(f"d{i}", f"text {i}", metadata={"year": i, "odd": i % 2}) for i in range(4)]
    index.add(stored)
    assert index.contents.documents(["d3", "zz", "d0"]) == [stored[3], stored[0]]
    assert index.contents.document("zz") is None and index.contents.document("d1") == stored[1]
    assert index.contents.matching() == ["d0", "d1", "d2", "d3"]
    assert index.contents.matching((field("year") > 0) & (field("metadata.odd") == 1)) == [
        "d1",
        "d3",
    ]
    with pytest.raises(BadInput, match=r"field\('metadata\.odd'\)"):
        index.contents.matching(field("odd") == 1)


def test_what_is_read_by_id_is_what_the_user_sees(index) -> None:
    own = Document("ann/1", "mine\n" * 3, user="ann")
    index.add([Document("s", "shared"), own, Document("bob/1", "his", user="bob")])
    assert index.contents.documents(["s", "ann/1", "bob/1"]) == [Document("s", "shared")]
    assert (
        index.contents.document("ann/1") is None
        and index.contents.document("ann/1", user="bob") is None
    )
    assert index.contents.document("ann/1", user="ann") == own
    assert index.contents.matching() == ["s"] and index.contents.matching(user="ann") == [
        "ann/1",
        "s",
    ]
    assert index.contents.matching(field("user_id") == "ann", user="bob") == []
    [hit] = index.search("mine", k=1, user="ann")
    assert {
        chunk.user for chunk in [*index.contents.neighbours(hit), *index.contents.section(hit)]
    } == {"ann"}
