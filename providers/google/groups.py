"""The names of an account's contact groups, which its contacts have as labels.

https://developers.google.com/people/api/rest/v1/contactGroups/list
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from providers.lenient_json import Answer, detail

PATH: Final = "/v1/contactGroups?pageSize=1000&groupFields=groupType,name"

# Everybody is in this one, and it says nothing of them.
_OTHER_THAN_ALL: Final = re.compile(rb'"contactGroups/(?!myContacts")')


class _Group(msgspec.Struct, rename="camel"):
    resource_name: str | None = None
    group_type: str | None = None
    name: str | None = None


class ContactGroups(Answer, rename="camel"):
    """The answer to a request for the groups. A group that Google made itself, such as `starred`, is no label."""

    contact_groups: list[msgspec.Raw] | None = None

    def names(self) -> dict[str, str]:
        """The names of the groups that the person made, by their resource names."""
        groups = (detail(sent, _Group) for sent in self.contact_groups or ())
        own = (group for group in groups if group.group_type == "USER_CONTACT_GROUP")
        return {group.resource_name: group.name for group in own if group.resource_name and group.name}


class GroupNames(dict[str, str]):
    """The names that a listing has learnt, by resource name; asked for once, and only where somebody is in a group."""

    known = False

    def wanted(self, connections: Sequence[msgspec.Raw]) -> bool:
        """Whether they have to be asked for, because of these contacts."""
        return not self.known and any(_OTHER_THAN_ALL.search(one) for one in connections)

    def learn(self, names: dict[str, str]) -> None:
        """Take the answer."""
        self.known = True
        self.update(names)
