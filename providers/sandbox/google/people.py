"""A contact in the shape of the People API.

https://developers.google.com/people/api/rest/v1/people#Person
"""

from collections.abc import Callable, Iterable, Mapping

from providers.sandbox.people import LABELS, Person, Phone

Item = dict[str, object]

_FIELDS = (
    "addresses ageRanges biographies birthdays calendarUrls clientData coverPhotos emailAddresses events externalIds"
    " genders imClients interests locales locations memberships metadata miscKeywords names nicknames occupations"
    " organizations phoneNumbers photos relations sipAddresses skills urls userDefined"
)
FIELDS = frozenset(_FIELDS.split())
"""What `personFields` may name."""


def connection(person: Person, fields: Iterable[str]) -> Item:
    """One entry of `connections`; a field without a value is absent."""
    source: Item = {"type": "CONTACT", "id": person.key}
    found: Item = {"resourceName": f"people/c{int(person.key, 16)}", "etag": f"%Eg{person.key}=="}
    for field in fields:
        build = _BUILDERS.get(field)
        value = build(person, source) if build else None
        if value:
            found[field] = value
    return found


def _about(source: Item, *, primary: bool) -> Item:
    return {"primary": True, "sourcePrimary": True, "source": source} if primary else {"source": source}


def _profile(person: Person) -> Item:
    return {"type": "PROFILE", "id": f"1{int(person.key, 16):020}"}


def _metadata(person: Person, source: Item) -> Item:
    sources = [source | {"etag": f"#{person.key}=", "updateTime": "2026-03-01T10:00:00.123Z"}]
    if person.profile:
        details = {"objectType": "PERSON", "userTypes": ["GOOGLE_USER"]}
        sources.append(_profile(person) | {"profileMetadata": details})
    return {"sources": sources, "objectType": "PERSON"}


def _names(person: Person, source: Item) -> list[Item]:
    if not person.display:
        return []
    name: Item = {
        "metadata": _about(source, primary=True),
        "displayName": person.display,
        "displayNameLastFirst": f"{person.family}, {person.given}",
        "familyName": person.family,
        "givenName": person.given,
        "unstructuredName": person.display,
    }
    # The order of the list means nothing, so the name from the profile comes first.
    return [_profile_name(person), name] if person.profile else [name]


def _profile_name(person: Person) -> Item:
    public = f"{person.given} (profile)"
    return {"metadata": _about(_profile(person), primary=False), "displayName": public, "givenName": public}


def _emails(person: Person, source: Item) -> list[Item]:
    return [
        {
            "metadata": _about(source, primary=at == person.primary),
            "value": address,
            "type": "home" if at else "work",
            "formattedType": "Home" if at else "Work",
        }
        for at, address in enumerate(person.emails)
    ]


def _phones(person: Person, source: Item) -> list[Item]:
    return [_phone(phone, _about(source, primary=not at)) for at, phone in enumerate(person.phones)]


def _phone(phone: Phone, about: Item) -> Item:
    item: Item = {"metadata": about, "value": phone.value, "type": "mobile", "formattedType": "Mobile"}
    return item | {"canonicalForm": phone.canonical} if phone.canonical else item


def _addresses(person: Person, source: Item) -> list[Item]:
    culture = person.culture
    return [
        {
            "metadata": _about(source, primary=not at),
            "formattedValue": f"{street}\n{culture.city}\n{culture.country}",
            "type": "home",
            "formattedType": "Home",
            "streetAddress": street,
            "city": culture.city,
            "country": culture.country,
            "countryCode": culture.country_code,
        }
        for at, street in enumerate(person.streets)
    ]


def _organizations(person: Person, source: Item) -> list[Item]:
    return [_organization(job, _about(source, primary=not at)) for at, job in enumerate(person.jobs)]


def _organization(job: tuple[str, str], about: Item) -> Item:
    item: Item = {"metadata": about, "type": "work", "name": job[0]}
    return item | {"title": job[1]} if job[1] else item


def _birthdays(person: Person, source: Item) -> list[Item]:
    if person.birthday is None:
        return []
    year, month, day = person.birthday
    date = {"year": year, "month": month, "day": day} if year else {"month": month, "day": day}
    return [{"metadata": _about(source, primary=True), "date": date, "text": f"{month}/{day}"}]


def _photos(person: Person, source: Item) -> list[Item]:
    url = f"https://lh3.googleusercontent.example/cm/{person.key}=s100"
    return [{"metadata": _about(source, primary=True), "url": url, "default": True}]


def _notes(person: Person, source: Item) -> list[Item]:
    about: Item = {"metadata": _about(source, primary=True), "contentType": "TEXT_PLAIN"}
    return [about | {"value": person.note}] if person.note else []


def _urls(person: Person, source: Item) -> list[Item]:
    about: Item = {"metadata": _about(source, primary=True), "type": "homePage", "formattedType": "Home Page"}
    return [about | {"value": person.url}] if person.url else []


def _memberships(person: Person, source: Item) -> list[Item]:
    groups = ("myContacts", *map(group_id, person.labels))
    return [{"metadata": {"source": source}, "contactGroupMembership": _membership(group)} for group in groups]


def _membership(group: str) -> Item:
    return {"contactGroupId": group, "contactGroupResourceName": f"contactGroups/{group}"}


def group_id(label: str) -> str:
    """The id of the group that an account has for a label."""
    return label.encode().hex()


def contact_groups() -> list[Item]:
    """The groups of every account: the person's own, and some of Google's."""
    own = [{**_group(group_id(label), label), "groupType": "USER_CONTACT_GROUP"} for label in LABELS]
    return [*({**_group(name, name), "groupType": "SYSTEM_CONTACT_GROUP"} for name in ("myContacts", "starred")), *own]


def _group(group: str, name: str) -> Item:
    return {"resourceName": f"contactGroups/{group}", "name": name, "formattedName": name}


_BUILDERS: Mapping[str, Callable[[Person, Item], object]] = {
    "addresses": _addresses,
    "biographies": _notes,
    "birthdays": _birthdays,
    "emailAddresses": _emails,
    "memberships": _memberships,
    "metadata": _metadata,
    "names": _names,
    "organizations": _organizations,
    "phoneNumbers": _phones,
    "photos": _photos,
    "urls": _urls,
}
