"""What the offices of the demonstration offer: everyday names first, official ones beside them.

The hromada and its people are invented; the services are those that a centre of administrative
services lists.
"""

from typing import Final

from appliance.queue.catalogue import Described
from appliance.queue.model import Purpose

ALL: Final = tuple(Purpose)
PASSPORT: Final = "паспорт або ID-картка"
TAX_NUMBER: Final = "податковий номер"

EVERYWHERE: Final = (
    Described(
        prefix="А",
        icon="document",
        name_uk="Довідка або витяг",
        name_en="Certificate or extract",
        hint_uk="про житло, сім’ю, господарство",
        hint_en="about home, family, farm",
        official_name="Видача витягу з реєстру територіальної громади",
        purposes=ALL,
        prepare=(PASSPORT,),
        nominal_minutes=9,
        ordering=10,
    ),
    Described(
        prefix="М",
        icon="home",
        name_uk="Місце проживання",
        name_en="Place of residence",
        hint_uk="зареєструватися чи виписатися",
        hint_en="register or deregister",
        official_name="Реєстрація та зняття із задекларованого (зареєстрованого) місця проживання",
        purposes=ALL,
        prepare=(PASSPORT, "документ на житло або згода власника"),
        nominal_minutes=14,
        ordering=20,
    ),
    Described(
        prefix="Д",
        icon="heart",
        name_uk="Допомога й субсидія",
        name_en="Benefits and subsidies",
        hint_uk="подати документи на виплату",
        hint_en="apply for a payment",
        official_name="Приймання заяв про призначення державної соціальної допомоги, пільг і "
        "житлової субсидії",
        purposes=ALL,
        prepare=(PASSPORT, TAX_NUMBER, "номер рахунку для виплати"),
        nominal_minutes=20,
        ordering=30,
    ),
    Described(
        prefix="Г",
        icon="land",
        name_uk="Земля й господарство",
        name_en="Land and farm",
        hint_uk="пай, оренда, погосподарська книга",
        hint_en="plot, lease, household register",
        official_name="Видача витягу з погосподарського обліку; відомості про земельну ділянку",
        purposes=ALL,
        prepare=(PASSPORT, "документ на землю, якщо є"),
        nominal_minutes=16,
        ordering=40,
    ),
    Described(
        prefix="Н",
        icon="stamp",
        name_uk="Засвідчити документ",
        name_en="Certify a document",
        hint_uk="копію, підпис, довіреність",
        hint_en="a copy, a signature, a power of attorney",
        official_name="Вчинення нотаріальних дій посадовою особою органу місцевого самоврядування",
        purposes=(Purpose.SUBMIT, Purpose.CONSULTATION),
        prepare=(PASSPORT, TAX_NUMBER, "оригінал документа"),
        nominal_minutes=12,
        ordering=50,
    ),
    Described(
        prefix="С",
        icon="speech",
        name_uk="Розмова зі старостою",
        name_en="Talk to the starosta",
        hint_uk="прохання, скарга, пропозиція",
        hint_en="a request, a complaint, a proposal",
        official_name="Особистий прийом громадян",
        purposes=(Purpose.CONSULTATION, Purpose.SUBMIT),
        nominal_minutes=11,
        ordering=60,
    ),
    Described(
        prefix="Р",
        icon="heart",
        name_uk="Народилася дитина",
        name_en="A child was born",
        hint_uk="свідоцтво, виплата, реєстрація разом",
        hint_en="certificate, payment and registration at once",
        official_name="Комплексна послуга «єМалятко»",
        purposes=(Purpose.SUBMIT, Purpose.CONSULTATION),
        prepare=("паспорти батьків", "медичний висновок про народження"),
        nominal_minutes=25,
        ordering=70,
    ),
    Described(
        prefix="Е",
        icon="people",
        name_uk="Переселенцям",
        name_en="For displaced people",
        hint_uk="стати на облік, виплата на проживання",
        hint_en="registration and housing allowance",
        official_name="Взяття на облік внутрішньо переміщеної особи",
        purposes=ALL,
        prepare=(PASSPORT, TAX_NUMBER),
        nominal_minutes=18,
        ordering=80,
    ),
    Described(
        prefix="В",
        icon="shield",
        name_uk="Ветеранам і родинам",
        name_en="For veterans and families",
        hint_uk="статус, посвідчення, пільги",
        hint_en="status, certificate, benefits",
        official_name="Встановлення статусу та видача посвідчення відповідно до Закону про "
        "статус ветеранів війни",
        purposes=ALL,
        prepare=(PASSPORT, "довідка про участь", "фото 3×4"),
        nominal_minutes=15,
        ordering=90,
    ),
)
"""What every office offers."""

CENTRE_ONLY: Final = (
    Described(
        prefix="П",
        icon="book",
        name_uk="Паспорт",
        name_en="Passport",
        hint_uk="внутрішній і для поїздок за кордон",
        hint_en="national and for travel abroad",
        official_name="Оформлення та видача паспорта громадянина України",
        purposes=(Purpose.SUBMIT, Purpose.COLLECT),
        prepare=("свідоцтво про народження або попередній паспорт", TAX_NUMBER),
        nominal_minutes=17,
        ordering=15,
    ),
    Described(
        prefix="К",
        icon="document",
        name_uk="Власна справа",
        name_en="Own business",
        hint_uk="відкрити, змінити, закрити ФОП",
        hint_en="start, change or close a sole trader",
        official_name="Державна реєстрація фізичної особи – підприємця",
        purposes=ALL,
        prepare=(PASSPORT, TAX_NUMBER),
        nominal_minutes=15,
        ordering=65,
    ),
)
"""What people must travel to the centre for."""

CATEGORIES: Final = (
    (
        "Особа з інвалідністю",
        "Person with a disability",
        "Закон України № 875-XII «Про основи соціальної захищеності осіб з інвалідністю»",
    ),
    (
        "Ветеран війни, учасник бойових дій",
        "War veteran, combatant",
        "Закон України № 3551-XII «Про статус ветеранів війни»",
    ),
    (
        "Постраждалі від Чорнобильської катастрофи",
        "Victims of the Chornobyl disaster",
        "Закон України № 796-XII",
    ),
    (
        "Вагітна або з дитиною до трьох років",
        "Pregnant, or with a child under three",
        "Правила прийому, затверджені виконавчим комітетом громади",
    ),
)
"""Who may ask to be received out of turn: name, in English, legal ground."""
