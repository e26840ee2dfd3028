"""Planted names, numbers, birth dates and addresses do not come out, wherever they stand."""

import json

import pytest

from tfderm.clinical.labs import parse

SECRETS = (
    "Xanthippe",
    "Quillfeather",
    "QZ883102",
    "1957",
    "Wobbleton",
    "92121",
    "555-0142",
    "xq@example.org",
    "Bramblewick",
)
PLACES = {
    "labelled": "Patient: Xanthippe Quillfeather  DOB: 03/09/1957\nMRN: QZ883102\nPhone: 555-0142 xq@example.org\n",
    "without labels": "QUILLFEATHER, XANTHIPPE | 03/09/1957 | F\nQZ883102\n12 Wobbleton Lane\n",
    "italian": "Paziente: Quillfeather Xanthippe nata il 09/03/1957\nVia Wobbleton 12\nMedico: Dott. Bramblewick\n",
    "one line": "Quillfeather Xanthippe\n",
    "signatures": "Validated by   Quillfeather X.\nXanthippe Quillfeather   Una Bramblewick\n",
    "letterhead": "14 Wobbleton Lane\nSan Diego   CA 92121   GR 619 555-0142\n",
}
TABLE = "Test  Result  Unit  Range  Flag\nHemoglobin  11.7  g/dL  12-16  L\n{amid}Glucose  92  mg/dL  70-99\n"
AMID = {
    "": "",
    "comment": "Specimen of Xanthippe Quillfeather was haemolysed.\n",
    "page header": "Quillfeather, Xanthippe   QZ883102   Page 2\n",
    "doctor": "Validated by Dr. Bramblewick   QZ883102\n",
    "value column": "Ordered for   Quillfeather   g/dL\n",
}


def test_columns_of_people_do_not_come_out(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text(
        "name,subject,test,value,unit,range\nXanthippe Quillfeather,S7,Glucose,92,mg/dL,70-99\n"
        "Xanthippe Quillfeather,S7,Zonulin,12.5,ng/mL,0-40\n"
    )
    report = parse(path)
    assert [line.text for line in report.unread] == ["▮ ▮ Zonulin 12.5 ng/mL 0-40"]
    assert [result.value for result in report.results] == [92.0]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("amid", AMID)
@pytest.mark.parametrize("after", [True, False])
def test_planted_identifiers(tmp_path, place, amid, after):
    table = TABLE.format(amid=AMID[amid])
    path = tmp_path / "Quillfeather_QZ883102.txt"
    path.write_text(table + "\n" + PLACES[place] if after else PLACES[place] + "\n" + table)
    report = parse(path)
    assert [result.value for result in report.results] == [11.7, 92.0]
    printed = json.dumps(report.to_json(), ensure_ascii=False).lower()
    assert not [secret for secret in SECRETS if secret.lower() in printed]
