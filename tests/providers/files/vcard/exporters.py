"""Cards as programs write them, each composed by hand after how one does it."""

from typing import Any

from tests.providers.files.vcard.reading import crlf

PHOTO = "/9j/4AAQSkZJRgABAQAAAQABAAD" * 3

EXPORTERS: dict[str, tuple[bytes, list[dict[str, Any]]]] = {
    "macos": (
        crlf(f"""
BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//macOS 14.1//EN
N:King;Ada;Augusta;Dr.;
FN:Dr. Ada Augusta King
NICKNAME:Countess
ORG:Example Ltd;Engines;
TITLE:Analyst
EMAIL;type=INTERNET;type=WORK:ada@work.example
EMAIL;type=INTERNET;type=HOME;type=pref:ada@example.org
item1.TEL;type=pref:+44 20 7946 0101
item1.X-ABLabel:_$!<HomeFAX>!$_
TEL;type=IPHONE;type=CELL;type=VOICE:+44 7700 900101
item2.ADR;type=HOME;type=pref:;;12 Test Street\\nFlat 2;London;;N1 1AA;United Kingdom
item2.X-ABADR:gb
item3.URL;type=pref:https\\://ada.example.org
item3.X-ABLabel:_$!<HomePage>!$_
BDAY;X-APPLE-OMIT-YEAR=1604:1604-12-10
NOTE:Likes engines\\, analytical ones
PHOTO;ENCODING=b;TYPE=JPEG:{PHOTO}
  {PHOTO}
UID:0A1B2C3D-0000-4000-8000-000000000001:ABPerson
END:VCARD
"""),
        [
            {
                "display_name": "Dr. Ada Augusta King",
                "email": "ada@example.org",
                "phone": "+44 20 7946 0101",
                "emails": [("ada@example.org", "home"), ("ada@work.example", "work")],
                "phones": [("+44 20 7946 0101", "homeFax"), ("+44 7700 900101", "mobile")],
                "addresses": [
                    {
                        "type": "home",
                        "street": "12 Test Street\nFlat 2",
                        "city": "London",
                        "postal_code": "N1 1AA",
                        "country": "United Kingdom",
                    }
                ],
                "organizations": [
                    {"type": None, "name": "Example Ltd", "title": "Analyst", "department": "Engines"},
                ],
                "name": {
                    "family": "King",
                    "given": "Ada",
                    "middle": "Augusta",
                    "prefix": "Dr.",
                    "nickname": "Countess",
                },
                "birthday": {"month": 12, "day": 10},
                "notes": "Likes engines, analytical ones",
                "urls": ["https://ada.example.org"],
            }
        ],
    ),
    "icloud": (
        crlf("""
BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//iCloud Web Address Book 2312B22//EN
N:;;;;
FN:Example Ltd
ORG:Example Ltd;
X-ABShowAs:COMPANY
EMAIL;type=INTERNET;type=WORK;type=pref:office@example.org
PHOTO;VALUE=uri;TYPE=JPEG;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&100&100&abc==:https://contacts.example/card/ab12
UID:11111111-0000-4000-8000-000000000002
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Suppliers
N:Suppliers;;;;
X-ADDRESSBOOKSERVER-KIND:group
X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:11111111-0000-4000-8000-000000000002
UID:11111111-0000-4000-8000-000000000003
END:VCARD
"""),
        [
            {
                "display_name": "Example Ltd",
                "email": "office@example.org",
                "emails": [("office@example.org", "work")],
                "organizations": [{"type": None, "name": "Example Ltd"}],
                "labels": ["Suppliers"],
            }
        ],
    ),
    "android": (
        crlf(
            f"""
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=91=D0=B5=D0=BB=D0=BE=D0=B2=D0=B0;=D0=98=D1=80=D0=B0;;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=98=D1=80=D0=B0=20=D0=91=D0=B5=D0=\\
TEL;CELL:+79160000101
TEL;X-Work%20Mobile:+79160000102
EMAIL;HOME:ira@example.org
NOTE;ENCODING=QUOTED-PRINTABLE:one=0D=0Atwo
PHOTO;ENCODING=BASE64;JPEG:{PHOTO}
 {PHOTO}

X-ANDROID-CUSTOM:vnd.android.cursor.item/nickname;Irka;1;;;;;;;;;;;;;
END:VCARD
""".replace("=D0=\\", "=D0=\n=BB=D0=BE=D0=B2=D0=B0")
        ),
        [
            {
                "display_name": "Ира Белова",
                "email": "ira@example.org",
                "phone": "+79160000101",
                "emails": [("ira@example.org", "home")],
                "phones": [("+79160000101", "mobile"), ("+79160000102", "work%20mobile")],
                "name": {"family": "Белова", "given": "Ира"},
                "notes": "one\ntwo",
            }
        ],
    ),
    "google": (
        crlf("""
BEGIN:VCARD
VERSION:3.0
FN:Grace Hop
N:Hop;Grace;;;
item1.EMAIL;TYPE=INTERNET:grace@example.org
item1.X-ABLabel:
item2.TEL:+1 202-555-0143
item2.X-ABLabel:Boat
BDAY:19061209
item3.URL:https\\://grace.example.org
item3.X-ABLabel:Profile
CATEGORIES:Navy,myContacts
END:VCARD
"""),
        [
            {
                "display_name": "Grace Hop",
                "email": "grace@example.org",
                "phone": "+1 202-555-0143",
                "emails": [("grace@example.org", None)],
                "phones": [("+1 202-555-0143", "Boat")],
                "name": {"family": "Hop", "given": "Grace"},
                "birthday": {"year": 1906, "month": 12, "day": 9},
                "urls": ["https://grace.example.org"],
                "labels": ["Navy"],
            }
        ],
    ),
    "outlook": (
        crlf("""
BEGIN:VCARD
VERSION:2.1
N;LANGUAGE=de;CHARSET=Windows-1252:B~hm;J~rgen
FN;CHARSET=Windows-1252:J~rgen B~hm
ORG:Example GmbH;Vertrieb
TITLE:Leiter
TEL;WORK;VOICE:+49 30 1234567
TEL;WORK;FAX:+49 30 1234568
ADR;WORK;PREF:;;Teststr. 1;Berlin;;10115;Deutschland
LABEL;WORK;PREF;ENCODING=QUOTED-PRINTABLE:Teststr. 1=0D=0A=
10115 Berlin
X-MS-OL-DEFAULT-POSTAL-ADDRESS:2
EMAIL;PREF;INTERNET:juergen@example.org
BDAY:19700131
REV:20240101T000000Z
END:VCARD
""")
        .replace(b"~", b"\xf6")
        .replace(b"J\xf6", b"J\xfc"),
        [
            {
                "display_name": "Jürgen Böhm",
                "email": "juergen@example.org",
                "phone": "+49 30 1234567",
                "emails": [("juergen@example.org", None)],
                "phones": [("+49 30 1234567", "work"), ("+49 30 1234568", "workFax")],
                "addresses": [
                    {
                        "type": "work",
                        "formatted": "Teststr. 1\n10115 Berlin",
                        "street": "Teststr. 1",
                        "city": "Berlin",
                        "postal_code": "10115",
                        "country": "Deutschland",
                    }
                ],
                "organizations": [
                    {"type": None, "name": "Example GmbH", "title": "Leiter", "department": "Vertrieb"},
                ],
                "name": {"family": "Böhm", "given": "Jürgen"},
                "birthday": {"year": 1970, "month": 1, "day": 31},
            }
        ],
    ),
    "nokia": (
        crlf("""
BEGIN:VCARD
VERSION:2.1
N;ENCODING=8BIT;CHARSET=UTF-8:Žak;Łucja
TEL;PREF;CELL;VOICE;ENCODING=8BIT:+48600000101
TEL;HOME;VOICE;ENCODING=8BIT:223456789
EMAIL;ENCODING=8BIT:lucja@example.org
END:VCARD
"""),
        [
            {
                "display_name": "Łucja Žak",
                "email": "lucja@example.org",
                "phone": "+48600000101",
                "emails": [("lucja@example.org", None)],
                "phones": [("+48600000101", "mobile"), ("223456789", "home")],
                "name": {"family": "Žak", "given": "Łucja"},
            }
        ],
    ),
    "blackberry": (
        crlf("""
BEGIN:VCARD
VERSION:3.0
N;CHARSET=UTF-8:Turing;Alan
FN;CHARSET=UTF-8:Alan Turing
TEL;TYPE=MAIN:+442079460103
TEL;TYPE=PAGER:555 0103
EMAIL;TYPE=INTERNET,PREF:alan@example.org
ADR;TYPE=WORK;CHARSET=UTF-8:PO Box 5;;1 Test Road;Bletchley;;MK3;UK
END:VCARD
"""),
        [
            {
                "display_name": "Alan Turing",
                "email": "alan@example.org",
                "phone": "+442079460103",
                "emails": [("alan@example.org", None)],
                "phones": [("+442079460103", "main"), ("555 0103", "pager")],
                "addresses": [
                    {
                        "type": "work",
                        "street": "1 Test Road\nPO Box 5",
                        "city": "Bletchley",
                        "postal_code": "MK3",
                        "country": "UK",
                    }
                ],
                "name": {"family": "Turing", "given": "Alan"},
            }
        ],
    ),
    "samsung": (
        crlf("""
BEGIN:VCARD
VERSION:2.1
N:;Mary;;;
FN:Mary
TEL;CELL;PREF:+1 202 555 0104
TEL;CELL:+12025550104
X-SAMSUNGADR;ENCODING=QUOTED-PRINTABLE;HOME:;;=31;;;;
BDAY:--03-15
END:VCARD
"""),
        [
            {
                "display_name": "Mary",
                "phone": "+1 202 555 0104",
                "phones": [("+1 202 555 0104", "mobile")],
                "name": {"given": "Mary"},
                "birthday": {"month": 3, "day": 15},
            }
        ],
    ),
    "thunderbird": (
        crlf("""
BEGIN:VCARD
VERSION:4.0
UID:22222222-0000-4000-8000-000000000001
FN:Hedy Lamarr
N:Lamarr;Hedy;;;
EMAIL;PREF=2:hedy@work.example
EMAIL;PREF=1:hedy@example.org
TEL;TYPE=work;VALUE=TEXT:+43 1 000105
ORG:Example AG;Radio
ROLE:Inventor
BDAY;VALUE=DATE:19141109
NOTE:multi\\nline
END:VCARD
"""),
        [
            {
                "display_name": "Hedy Lamarr",
                "email": "hedy@example.org",
                "phone": "+43 1 000105",
                "emails": [("hedy@example.org", None), ("hedy@work.example", None)],
                "phones": [("+43 1 000105", "work")],
                "organizations": [{"type": None, "name": "Example AG", "title": "Inventor", "department": "Radio"}],
                "name": {"family": "Lamarr", "given": "Hedy"},
                "birthday": {"year": 1914, "month": 11, "day": 9},
                "notes": "multi\nline",
            }
        ],
    ),
    "nextcloud": (
        crlf("""
BEGIN:VCARD
VERSION:4.0
PRODID:-//Nextcloud Contacts v5.5.0
UID:33333333-0000-4000-8000-000000000001
FN:Joan Clarke
TEL;VALUE=uri;TYPE="voice,cell":tel:+44-7700-900106
EMAIL;TYPE=HOME:mailto:joan@example.org
ADR;TYPE=HOME;LABEL="1 Test Street^nOxford: ^'Jericho^'":;;1 Test Street;Oxford;;OX1;UK
BDAY:--0624
CATEGORIES:Chess\\, and more,Work
END:VCARD
"""),
        [
            {
                "display_name": "Joan Clarke",
                "email": "joan@example.org",
                "phone": "+44-7700-900106",
                "emails": [("joan@example.org", "home")],
                "phones": [("+44-7700-900106", "mobile")],
                "addresses": [
                    {
                        "type": "home",
                        "formatted": '1 Test Street\nOxford: "Jericho"',
                        "street": "1 Test Street",
                        "city": "Oxford",
                        "postal_code": "OX1",
                        "country": "UK",
                    }
                ],
                "birthday": {"month": 6, "day": 24},
                "labels": ["Chess, and more", "Work"],
            }
        ],
    ),
    "kde": (
        crlf("""
BEGIN:VCARD
VERSION:4.0
KIND:group
FN:Friends
MEMBER:urn:uuid:44444444-0000-4000-8000-000000000001
MEMBER:mailto:annie@example.org
END:VCARD
BEGIN:VCARD
VERSION:3.0
UID:44444444-0000-4000-8000-000000000001
FN:Dorothy Vaughan
EMAIL:dorothy@example.org
NOTE:A long note which the program folds inside a word and then fol
 ds once more
X-KADDRESSBOOK-X-SpouseName:H.
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Annie
EMAIL:annie@example.org
END:VCARD
"""),
        [
            {
                "display_name": "Dorothy Vaughan",
                "email": "dorothy@example.org",
                "emails": [("dorothy@example.org", None)],
                "notes": "A long note which the program folds inside a word and then folds once more",
                "labels": ["Friends"],
            },
            {
                "display_name": "Annie",
                "email": "annie@example.org",
                "emails": [("annie@example.org", None)],
                "labels": ["Friends"],
            },
        ],
    ),
    "linkedin": (
        crlf("""
BEGIN:VCARD
VERSION:3.0
FN:Kath J.
N:J.;Kath;;;
TITLE:Computer
URL:https://www.example.org/in/kath
END:VCARD
"""),
        [
            {
                "display_name": "Kath J.",
                "organizations": [{"type": None, "title": "Computer"}],
                "name": {"family": "J.", "given": "Kath"},
                "urls": ["https://www.example.org/in/kath"],
            }
        ],
    ),
}
