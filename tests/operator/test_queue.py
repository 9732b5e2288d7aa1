import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from opsbuddy_operator.models import Key, Subject
from opsbuddy_operator.queue import BASE, CAP, JITTER, Priority, Queue, Schedule, backoff

KEYS = [Key(Subject.SERVICE, "t", name) for name in "abcde"]
keys = st.sampled_from(KEYS)


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in which order: nothing is lost, nothing runs twice at a time, live work goes first."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.schedule = Schedule(rng=lambda: 0.5)
        self.owed: set[Key] = set()  # has to be taken some time, without any further add

    @rule(key=keys, priority=st.sampled_from(Priority))
    def add(self, key, priority):
        self.schedule.add(key, self.now, priority)
        self.owed.add(key)

    @rule(key=keys, seconds=st.floats(0, 100))
    def add_later(self, key, seconds):
        self.schedule.add_at(key, self.now + seconds)
        self.owed.add(key)

    @rule(seconds=st.floats(0, 50))
    def pass_time(self, seconds):
        self.now += seconds

    @rule(seconds=st.floats(0, 20))
    def hold(self, seconds):
        self.schedule.hold(self.now + seconds)

    @rule()
    def take(self):
        before = set(self.schedule.running)
        live = set(self.schedule.ready[Priority.LIVE])
        taken = self.schedule.take(self.now)
        if taken is None:
            assert self.now < self.schedule.held_until or self.schedule.depth == 0
            return
        key, waited = taken
        assert key not in before, "runs twice at a time"
        assert key in self.owed, "nobody asked for it"
        assert waited >= 0
        assert key in live or not live, "background work overtook live work"
        self.owed.discard(key)

    @precondition(lambda self: self.schedule.running)
    @rule(data=st.data(), look_again=st.none() | st.floats(0, 100))
    def done(self, data, look_again):
        key = data.draw(st.sampled_from(sorted(self.schedule.running)))
        self.schedule.done(key, self.now, look_again)
        if look_again is not None:
            self.owed.add(key)

    @precondition(lambda self: self.schedule.running)
    @rule(data=st.data(), after=st.none() | st.floats(0, 100))
    def failed(self, data, after):
        key = data.draw(st.sampled_from(sorted(self.schedule.running)))
        pause = self.schedule.failed(key, self.now, after)
        assert pause >= (after or 0)
        self.owed.add(key)

    @invariant()
    def nothing_that_is_owed_is_forgotten(self):
        known = set(self.schedule.ready[0]) | set(self.schedule.ready[1])
        known |= set(self.schedule.again) | set(self.schedule.delayed)
        assert self.owed <= known

    @invariant()
    def it_holds_each_key_once(self):
        assert not set(self.schedule.ready[0]) & set(self.schedule.ready[1])
        assert not set(self.schedule.running) & (set(self.schedule.ready[0]) | set(self.schedule.ready[1]))

    def teardown(self):
        for key in list(self.schedule.running):
            self.schedule.done(key, self.now)
        while self.owed:
            when = self.schedule.next_time()
            assert when is not None, f"would never hand out {self.owed}"
            self.now = max(self.now, when)
            taken = self.schedule.take(self.now)
            if taken:
                self.owed.discard(taken[0])
                self.schedule.done(taken[0], self.now)


AnyOrder.TestCase.settings = settings(stateful_step_count=30, deadline=None)
test_any_order_of_events = AnyOrder.TestCase


@given(st.integers(1, 10_000))
def test_pauses_grow_up_to_the_cap(attempts):
    assert BASE <= backoff(attempts) <= backoff(attempts + 1) <= CAP


@given(st.floats(0, 1))
def test_jitter_never_shortens_a_pause(jitter):
    schedule = Schedule(rng=lambda: jitter)
    key = KEYS[0]
    for attempt in range(1, 15):
        schedule.add(key, 0)
        schedule.take(0)
        assert backoff(attempt) <= schedule.failed(key, 0) <= backoff(attempt) * (1 + JITTER)
        schedule.delayed.clear()


def test_live_work_goes_before_the_initial_list_and_promotes_what_waits_in_it():
    schedule = Schedule()
    for key in KEYS[:3]:
        schedule.add(key, 0, Priority.BACKGROUND)
    schedule.add(KEYS[3], 1)
    schedule.add(KEYS[2], 2)
    order = []
    while taken := schedule.take(5):
        order.append(taken)
    assert order == [(KEYS[3], 4), (KEYS[2], 5), (KEYS[0], 5), (KEYS[1], 5)]


def test_success_forgets_earlier_failures():
    schedule = Schedule(rng=lambda: 0)
    for _ in range(5):
        schedule.add(KEYS[0], 0)
        schedule.take(0)
        schedule.failed(KEYS[0], 0)
    schedule.add(KEYS[0], 0)
    schedule.take(0)
    schedule.done(KEYS[0], 0)
    schedule.add(KEYS[0], 0)
    schedule.take(0)
    assert schedule.failed(KEYS[0], 0) == BASE


def test_a_run_decides_anew_when_to_look_again():
    schedule = Schedule()
    schedule.add_at(KEYS[0], 30)
    schedule.add(KEYS[0], 0)
    schedule.take(0)
    schedule.done(KEYS[0], 1)
    assert schedule.next_time() is None


async def test_a_waiting_worker_wakes_for_new_work_and_for_work_that_falls_due():
    queue = Queue()
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(KEYS[0])
    assert (await worker)[0] == KEYS[0]
    queue.done(KEYS[0], look_again=0.02)
    assert (await queue.get())[0] == KEYS[0]


async def test_workers_share_the_work_and_never_a_key():
    queue, running, seen = Queue(), set(), []

    async def work():
        while True:
            key, _ = await queue.get()
            assert key not in running
            running.add(key)
            await asyncio.sleep(0)
            seen.append(key)
            running.discard(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    for _ in range(50):
        for key in KEYS:
            queue.add(key)
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    for task in workers:
        task.cancel()
    failed = [
        error for error in await asyncio.gather(*workers, return_exceptions=True) if isinstance(error, AssertionError)
    ]
    assert not failed
    assert set(seen) == set(KEYS)
    assert queue.schedule.depth == 0
