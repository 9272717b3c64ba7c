"""The list of tickets, here and at the centre."""

from collections.abc import Callable

from flask.testing import FlaskClient

from appliance.queue import catalogue
from appliance.queue.model import Purpose
from tests.queue.office import Office, described
from tests.queue.reading import text

Console = Callable[..., FlaskClient]


def test_the_list_finds_by_number_and_marks_what_staff_look_for(
    console: Console, office: Office
) -> None:
    office.take()
    office.take(office.land, purpose=Purpose.CONSULTATION)
    at = console()
    assert "Знайдено: 2" in text(at.get("/queue/tickets"))
    page = text(at.get("/queue/tickets?number=П-001"))
    assert "Знайдено: 1" in page
    assert "Земля й господарство" in page


def test_the_list_says_how_old_each_village_is(console: Console) -> None:
    page = text(console().get("/queue/tickets"))
    assert "Старостат села Кам’янка" in page
    assert "коли був зв’язок — невідомо" in page


def test_a_search_that_means_nothing_is_told_at_its_field(console: Console) -> None:
    page = console().get("/queue/tickets?number=<script>&day=%E2%80%AE")
    assert "Напишіть так: А-042" in text(page)
    assert "<script>" not in page.get_data(as_text=True).partition("<main")[2]


def test_a_query_beyond_all_bounds_is_no_failure(console: Console) -> None:
    at, far = console(), "9" * 23
    queries = [f"before={far}", f"day={far}", f"node={far}", f"number=А-{far}", "state=GONE"]
    for query in [*queries, "before=-1", "before=а"]:
        assert at.get(f"/queue/tickets?{query}").status_code == 200
        assert at.get(f"/queue/tickets.csv?{query}").status_code in {200, 422}


def test_the_table_for_a_spreadsheet_runs_no_formula(console: Console, office: Office) -> None:
    named = described("А", "=HYPERLINK(evil)", ordering=1)
    office.store.write(catalogue.change_service, office.extract, named, actor="system")
    office.take()
    table = console().get("/queue/tickets.csv")
    assert table.content_type == "text/csv; charset=utf-8"
    assert "'=HYPERLINK(evil)" in table.get_data(as_text=True)
    assert len(table.get_data(as_text=True).splitlines()) == 2
