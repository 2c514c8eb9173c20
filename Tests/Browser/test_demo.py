"""The demo system itself."""
import datetime
from zoneinfo import ZoneInfo

from school import best_zone


def test_the_demo_begins_in_the_afternoon_whenever_it_is_started():
    """A whole day has happened and the hour of the letters has not come: at every quarter of an hour of a year."""
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    for _ in range(366 * 24 * 4):
        local = moment.astimezone(ZoneInfo(best_zone(moment)))
        assert 14 <= local.hour + local.minute / 60 < 18.5, (moment, local)
        moment += datetime.timedelta(minutes=15)
