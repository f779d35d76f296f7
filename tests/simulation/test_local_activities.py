"""Is what falls due during a local activity done as soon as that has ended?"""

from datetime import timedelta

from bench.simulation import protocol
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind

from .calls import recorded


def test_a_pause_that_is_overdue_is_alarmed_before_the_timer_can_fire() -> None:
    """Temporal delivers no timer while a workflow task lasts."""
    server = recorded()
    server.deliver(protocol.signal(names.PAUSE, [protocol.payload({})]))
    [asking] = [each for each in server.activities.values() if each.is_local]
    server.now += timedelta(minutes=1)
    server.resolve(asking, protocol.timed_out(is_local=True))
    alarms = server.run.workflow.call.status.alarms
    assert [each.alarm.kind for each in alarms] == [AlarmKind.PAUSE_UNCONFIRMED]
