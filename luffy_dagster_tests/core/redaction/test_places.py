"""Places in documents: what leads to a door goes, regions and words of logs stay; log lines are left alone."""

import re

import polars as pl
import pytest

from luffy_dagster.core.redaction import DOCUMENTS, LOGS, redact, redact_text
from luffy_dagster_tests.growth import assert_near_linear

KEY = b"k" * 32
GOES = [
    ("Ship to 12 Main Street, Springfield, IL 62704 today", "Ship to [] today"),
    ("lives at 221B Baker St, London NW1 6XE", "lives at []"),
    ("left at 3 Harbour Way, Leeds", "left at []"),
    ("Lieferung an Hauptstraße 12a, 10115 Berlin fehlgeschlagen", "Lieferung an [] fehlgeschlagen"),
    ("livré au 12 bis rue de la Paix, 75002 Paris", "livré au []"),
    ("Calle Mayor, 12, 28013 Madrid no existe", "[] no existe"),
    ("invio a Via Roma 5, 00184 Roma", "invio a []"),
    ("Rua Augusta, 200", "[]"),
    ("Rua Augusta, nº 200", "[]"),
    ("ul. Długa 7/3, 00-238 Warszawa", "[]"),
    ("bezorgd op Prinsengracht 263, 1016 GV Amsterdam", "bezorgd op []"),
    ("to P.O. Box 1234", "to []"),
    ('shipping_address="14 Elm Grove, Leeds" status=ok', 'shipping_address="[]" status=ok'),
    ('{"street": "Rosenweg 4", "city": "Köln", "zip": "50667"}', '{"street": "[]", "city": "[]", "zip": "[]"}'),
    ("billing_city=Hamburg plz=20095 total=12", "billing_city=[] plz=[] total=12"),
    ("home_address=12+Main+St+Springfield status=500", "home_address=[] status=500"),
    ("lat=52.520008 lon=13.404954", "lat=[] lon=[]"),
    ("she lives in New Haven now", "she lives in [] now"),
    ("D-10115 Berlin", "[]"),
    ("Springfield, IL 62704", "[]"),
]
STAYS = [
    "Recipient address rejected: user unknown",
    "bind: address already in use 0.0.0.0:8080",
    "address=0x7f3a2b10 fault",
    "connect address 10.0.0.1:5432 failed",
    "region=eu-central-1 zone Frankfurt 2",
    "deployed in Frankfurt, Germany",
    "5 Worker Threads Way over limit",
    "Expected 5 Items In Row 3",
    "Thread 12 Task Hill climbing failed",
    "city lookup failed for id=5",
    'File "/srv/app/city.py", line 5, in town',
    "    at com.acme.Street.number(Street.java:12)",
    "lat=12.3456 ms",
    "commit 1234 AB Foo",
    "Database Error, OR 12345",
    "capacity=1234 cap: 50000",
    "class Address: value=Address@1f2e3d",
    "via proxy 3, loading route 12 of 30",
]


@pytest.mark.parametrize(("text", "left"), GOES, ids=[t for t, _ in GOES])
def test_what_leads_to_a_door_goes(text, left):
    gone = redact_text(text, DOCUMENTS, KEY)
    assert re.sub(r"\[[A-Z_]+:[0-9a-f]{8}\]", "[]", gone) == left
    assert redact(pl.Series([text]), DOCUMENTS, key=KEY).texts[0] == gone
    assert redact_text(gone, DOCUMENTS, KEY) == gone
    assert redact_text(text, LOGS, KEY) == text


@pytest.mark.parametrize("text", STAYS)
def test_words_of_logs_stay(text):
    assert redact_text(text, DOCUMENTS, KEY) == text


@pytest.mark.parametrize(
    "unit", ["Aa ", "12 A ", "street=", "A, ", "1 Aa Aa St, ", "weg 1, ", "rue de la ", "lat=1.", "Via A "]
)
def test_malice_costs_no_more_than_its_length(unit):
    assert_near_linear(lambda text: redact_text(text, DOCUMENTS, KEY), lambda size: (unit * size)[:size], 200_000)
