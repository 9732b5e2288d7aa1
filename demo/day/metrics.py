"""The points that services sent, one each minute, as line protocol."""

from collections.abc import Iterator
from dataclasses import dataclass

from demo.day.story import NEW, OLD, PODS, RECEIPTS, Story


@dataclass(frozen=True, slots=True)
class Habit:
    """How a service does on an ordinary day: requests a minute, their p95 in ms, memory in MiB, cores."""

    requests: float
    p95: float
    memory: float
    cores: float


SERVICES = {
    "gateway": Habit(640, 9, 82, 0.21),
    "file-service": Habit(210, 38, 104, 0.12),
    "utility-service": Habit(45, 14, 108, 0.03),
    "analytics-service": Habit(260, 22, 97, 0.18),
    "timeseries-service": Habit(90, 12, 88, 0.07),
}
MIB = 1024 * 1024


def day(story: Story) -> Iterator[str]:
    """Yield the lines. `http`: requests and errors are counters, p95_ms a gauge; `pod`: memory_bytes, cores; `queue`: waiting."""
    for service, habit in SERVICES.items():
        yield from _http(story, service, habit)
        yield from _pods(story, service, habit)
    yield from _queue(story)


def _http(story: Story, service: str, habit: Habit) -> Iterator[str]:
    chance = story.chance(f"http {service}")
    requests = errors = 0
    for at in story.minutes():
        down = service == "file-service" and story.down(at)
        fails = 1.0 if down else 0.33 if service == "gateway" and story.down(at) else 0.002
        new = 0 if down else round(habit.requests * story.busy(at) * chance.uniform(0.9, 1.1))
        requests += new
        errors += round(new * fails * chance.uniform(0.7, 1.3))
        fields = f"requests={requests}i,errors={errors}i"
        if not down:
            fields += f",p95_ms={habit.p95 * story.busy(at) * chance.lognormvariate(0, 0.12):.2f}"
        yield f"http,service={service} {fields} {_ns(at.timestamp())}"


def _pods(story: Story, service: str, habit: Habit) -> Iterator[str]:
    chance = story.chance(f"pod {service}")
    pods = PODS[OLD] if service == "file-service" else (f"{service}-0",)
    for at in story.minutes():
        running = PODS[NEW] if service == "file-service" and story.down(at) else pods
        for pod in running:
            memory = habit.memory * MIB * (1 + 0.08 * (story.busy(at) - 1)) * chance.uniform(0.98, 1.02)
            cores = habit.cores * story.busy(at) * chance.uniform(0.85, 1.15)
            yield f"pod,service={service},pod={pod} memory_bytes={memory:.0f},cores={cores:.4f} {_ns(at.timestamp())}"


def _queue(story: Story) -> Iterator[str]:
    chance = story.chance("queue")
    waiting = 0.0
    for at in story.minutes():
        waiting = waiting + RECEIPTS if story.down(at) else max(0.0, waiting * 0.4 + chance.uniform(-1, 2))
        yield f"queue,service=invoices waiting={waiting:.0f} {_ns(at.timestamp())}"


def _ns(seconds: float) -> int:
    return int(seconds) * 1_000_000_000
