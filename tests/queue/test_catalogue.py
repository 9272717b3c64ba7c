"""The catalogue against a real store."""

import pytest

from appliance.queue import catalogue
from appliance.queue.catalogue import BadPrefix, NoPurpose
from appliance.queue.model import Purpose
from appliance.queue.service import (
    ServiceClosed,
)
from appliance.queue.tables import SERVICES
from tests.queue.office import (
    NUMBER,
    Office,
    described,
)


def log_length(office: Office) -> int:
    return office.count("_log")


@pytest.mark.parametrize("prefix", ["З", "О", "І", "Б", "A", "", "АВ", "1"])
def test_a_letter_that_is_misread_from_afar_cannot_stand_before_numbers(
    office: Office, prefix: str
) -> None:
    before = log_length(office)
    with pytest.raises(BadPrefix):
        office.store.write(
            catalogue.add_service, described(prefix, "Послуга"), scope="hromada", actor="system"
        )
    assert log_length(office) == before


def test_a_service_without_a_purpose_is_refused(office: Office) -> None:
    with pytest.raises(NoPurpose):
        office.store.write(
            catalogue.add_service,
            described("В", "Послуга", purposes=()),
            scope="hromada",
            actor="system",
        )


def test_an_office_offers_what_is_for_all_and_what_is_its_own(office: Office) -> None:
    for number in (NUMBER, 7):
        office.store.write(
            catalogue.add_service,
            described("В", f"Лише в офісі {number}"),
            scope=catalogue.scope_of(number),
            actor="system",
        )
    with office.store.read() as reader:
        names = [one.name_uk for one in catalogue.services(reader, NUMBER)]
        assert "Лише в офісі 1" in names
        assert "Лише в офісі 7" not in names


def test_a_retired_service_is_not_offered_and_old_tickets_still_name_it(office: Office) -> None:
    taken = office.take()
    retired = described("А", "Довідка або витяг", state="RETIRED")
    office.store.write(catalogue.change_service, office.extract, retired, actor="system")
    with office.store.read() as reader:
        assert office.extract not in {one.id for one in catalogue.services(reader, NUMBER)}
        assert catalogue.service_names(reader)[taken.service].name("en") == "Довідка або витяг (en)"
    with pytest.raises(ServiceClosed):
        office.take()


def test_a_purpose_of_a_newer_centre_is_passed_over_and_the_service_offered(office: Office) -> None:
    told = {"purposes": "submit,video_call"}
    office.store.write(lambda tx: tx.update_where(SERVICES, {"id": office.extract}, told))
    with office.store.read() as reader:
        found = catalogue.service(reader, office.extract, office=NUMBER)
    assert found.purposes == (Purpose.SUBMIT,)
