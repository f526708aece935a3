"""What an index remembers of users, and forgets."""

from __future__ import annotations

import pytest
from three_texts import documents

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.events import UserEvent
from rag_embed.indexing import personalisation
from rag_embed.personal.setting import Setting
from rag_embed.situated.described import described


@pytest.fixture
def index(three) -> Index:
    return three


class TestUsers:
    def test_history_changes_nothing_until_it_is_chosen(self, index) -> None:
        before = index.search("whale", user="ann")
        assert (
            index.users.remember("ann", ["red fox", UserEvent.of("ann", "fox in the meadow")]) == 2
        )
        assert index.users.profile("ann").count == 2 and index.users.profile("ben").count == 0
        assert index.search("whale", user="ann") == before
        personalisation.keep(index.store, Setting(strength=3.0, centred=False, prior=0.0))
        index.users.setting = personalisation.setting_of(index.store)
        bent = index.search("whale", user="ann")
        assert bent != before and index.search("whale", user="ben") == before
        assert index.forget("ann") == 2
        assert index.search("whale", user="ann") == before

    def test_events_of_another_user_are_refused(self, index) -> None:
        with pytest.raises(BadInput, match="events of user 'ann'"):
            index.users.remember("ann", [UserEvent.of("ben", "tea")])
        assert index.users.profile("ann").count == 0

    def test_forgetting_takes_documents_events_and_contexts(self, tmp_path) -> None:
        cache = tmp_path / "contexts.db"
        situate = described(lambda document, _: f"about {document.id}", name="w", cache=cache)
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(64), situate=situate)
        secret = "zyxwvut"
        own = Document(f"{secret}/1", f"{secret} is mine", user=secret)
        index.add([*documents(), own, Document("ben/1", "mine too", user="ben")])
        index.users.remember(secret, [f"{secret} event"])
        index.users.remember("ben", ["an event"])
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(secret.encode() in path.read_bytes() for path in files)
        assert index.forget(secret) == 2
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
        assert (
            index.contents.document("ben/1", user="ben") and index.users.profile("ben").count == 1
        )
        assert len(index) == 4 and index.forget(secret) == 0
        assert index.forget("ben", events=["no such event"]) == 0 and len(index) == 4
