import asyncio

from aggregator.tasks.ends import end_all


async def test_who_ends_tasks_waits_for_them_and_hears_of_no_trouble():
    ended = []

    async def work(trouble):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(trouble)
            if trouble:
                raise ValueError

    tasks = [asyncio.create_task(work(trouble)) for trouble in (False, True)]
    await asyncio.sleep(0)
    await end_all(tasks)

    assert sorted(ended) == [False, True]
