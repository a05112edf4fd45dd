"""A contact in the shape of Microsoft Graph: every property there, most of them null.

https://learn.microsoft.com/graph/api/resources/contact
"""

from collections.abc import Iterable

from providers.sandbox.book import seed
from providers.sandbox.microsoft.folders import item_id
from providers.sandbox.people import Person

Item = dict[str, object]

_EMPTY: Item = {
    "categories": [], "birthday": None, "fileAs": "", "displayName": "", "givenName": None, "initials": None,
    "middleName": None, "nickName": None, "surname": None, "title": None, "yomiGivenName": None, "yomiSurname": None,
    "yomiCompanyName": None, "generation": None, "imAddresses": [], "jobTitle": None, "companyName": None,
    "department": None, "officeLocation": None, "profession": None, "businessHomePage": None, "assistantName": None,
    "manager": None, "homePhones": [], "mobilePhone": None, "businessPhones": [], "spouseName": None,
    "personalNotes": "", "children": [], "emailAddresses": [], "homeAddress": {}, "businessAddress": {},
    "otherAddress": {},
}  # fmt: skip
PROPERTIES = frozenset(_EMPTY) | {"id", "changeKey", "createdDateTime", "lastModifiedDateTime", "parentFolderId"}
"""What `$select` may name."""
_ALWAYS = ("@odata.etag", "id")
_FEW = 6000
_NO_MAIL = ("@outlook.com", "@outlook.example", "@hotmail.com", "@live.com")


def contact(person: Person, account: str, folder: str, select: Iterable[str], *, immutable: bool) -> Item:
    """One entry of `value`; with `select` only those properties, the id and the etag."""
    change = f"EQAAABYAAA{person.key}"
    whole = {
        "@odata.etag": f'W/"{change}"',
        "id": item_id(account, person.index, immutable=immutable),
        "createdDateTime": "2025-09-04T15:54:01Z",
        "lastModifiedDateTime": "2025-09-04T15:54:02Z",
        "changeKey": change,
        "parentFolderId": folder,
        **_EMPTY,
        **_name(person),
        **_work(person),
        **_reach(person),
    }
    chosen = (*_ALWAYS, *select)
    return {name: whole[name] for name in chosen} if len(chosen) > len(_ALWAYS) else whole


def _name(person: Person) -> Item:
    if not person.display:
        company = person.jobs[0][0]
        return {"fileAs": company, "displayName": "" if person.oddity % 2 else company}
    # Some synchronising programs leave the display name empty, and only fileAs is set.
    display = "" if person.oddity % 50 == 0 else person.display
    file_as = f"{person.family}, {person.given}"
    return {"fileAs": file_as, "displayName": display, "givenName": person.given, "surname": person.family}


def _work(person: Person) -> Item:
    if not person.jobs:
        return {}
    company, title = person.jobs[0]
    return {"companyName": company, "jobTitle": title or None}


def _reach(person: Person) -> Item:
    found: Item = {"emailAddresses": _emails(person)}
    if person.phones:
        found["mobilePhone"] = person.phones[0].value
        found["businessPhones"] = [phone.value for phone in person.phones[1:]]
    for name, street in zip(("homeAddress", "businessAddress"), person.streets, strict=False):
        culture = person.culture
        found[name] = {"street": street, "city": culture.city, "countryOrRegion": culture.country, "postalCode": ""}
    found |= {"personalNotes": person.note, "businessHomePage": person.url or None, "categories": list(person.labels)}
    if person.birthday:
        year, month, day = person.birthday
        found["birthday"] = f"{year or 1604}-{month:02}-{day:02}T11:59:00Z"
    return found


def _emails(person: Person) -> list[dict[str, str]]:
    """Outlook knows no primary address, so the one that Google marks comes first here; three at most."""
    if not person.emails:
        # A directory contact without a mailbox still has an Exchange name in the place of an address.
        exchange = f"/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn={person.key}"
        return [{"name": person.display, "address": exchange}] if person.oddity < _FEW else []
    first = person.emails[person.primary]
    rest = [address for address in person.emails if address != first]
    return [{"name": person.display, "address": address} for address in (first, *rest)][:3]


def profile(account: str) -> Item:
    """The person as `/me` says it, https://learn.microsoft.com/graph/api/user-get."""
    name = account.partition("@")[0].replace(".", " ").title()
    digits = seed(account).hex()
    return {
        "businessPhones": [],
        "displayName": name,
        "givenName": name.partition(" ")[0],
        "mail": None if account.endswith(_NO_MAIL) else account,
        "userPrincipalName": account,
        "id": f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}",
    }
