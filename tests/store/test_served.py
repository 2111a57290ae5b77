async def test_what_was_served_is_known_for_good(store):
    await store.note_served([("publications", "old"), ("tags", "数学"), ("sources", "a")])
    await store.note_served([("publications", "new")])
    await store.note_served([])

    assert await store.was_served("publications", "old")
    assert await store.was_served("publications", "new")
    assert await store.was_served("tags", "数学")
    assert await store.was_served("sources", "a")


async def test_what_was_served_as_one_kind_was_not_as_another(store):
    await store.note_served([("publications", "old")])

    assert not await store.was_served("tags", "old")
    assert not await store.was_served("publications", "ol")


async def test_any_name_may_be_asked_for_and_be_noted(store):
    names = ["\x00", "\udcff", "x" * 100_000, "", "'; DROP TABLE served; --"]
    before = [await store.was_served("tags", name) for name in names]
    await store.note_served([("tags", name) for name in names])

    assert before == [False] * len(names)
    assert all([await store.was_served("tags", name) for name in names])


async def test_to_note_it_twice_is_to_note_it_once(store):
    for _ in range(2):
        await store.note_served([("tags", "x"), ("tags", "y")])

    assert await store.was_served("tags", "y")


async def test_many_names_are_noted_at_once(store):
    await store.note_served([("tags", str(number)) for number in range(5000)])

    assert await store.was_served("tags", "4999")
