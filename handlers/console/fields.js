// What a column of a CSV file may hold, by the API's names and in a person's words.

const GROUPS = {
  Name: {
    display_name: "Whole name",
    "name.prefix": "Title before the name",
    "name.given": "First name",
    "name.middle": "Middle name",
    "name.family": "Last name",
    "name.suffix": "Suffix after the name",
    "name.nickname": "Nickname",
  },
  "E-mail": typed("email", "E-mail", ["home", "work", "other"]),
  Phone: typed("phone", "Phone", ["mobile", "home", "work", "fax", "other"]),
  Address: addresses(["", "home", "work"]),
  Work: {
    "organization.name": "Company",
    "organization.title": "Job title",
    "organization.department": "Department",
  },
  "Everything else": { birthday: "Birthday", urls: "Web address", labels: "Labels", notes: "Note", ignore: "Leave out" },
};

/** A select of all fields; `chosen` is among them, whatever its type is. */
export function fieldSelect(chosen) {
  const made = document.createElement("select");
  for (const [name, fields] of Object.entries(GROUPS)) {
    const group = document.createElement("optgroup");
    group.label = name;
    group.append(...Object.entries(fields).map(([value, text]) => new Option(text, value)));
    made.append(group);
  }
  if (![...made.options].some((option) => option.value === chosen)) made.prepend(new Option(inWords(chosen), chosen));
  made.value = chosen;
  return made;
}

function typed(field, name, types) {
  return Object.fromEntries([[field, name], ...types.map((type) => [`${field}.${type}`, `${name} (${type})`])]);
}

function addresses(types) {
  const parts = { formatted: "whole", street: "street", city: "city", region: "region", postal_code: "postal code", country: "country" };
  const pairs = types.flatMap((type) =>
    Object.entries(parts).map(([part, name]) => [
      ["address", type, part].filter(Boolean).join("."),
      `Address, ${name}${type && ` (${type})`}`,
    ]));
  return Object.fromEntries(pairs);
}

/** A field whose type is none of the usual ones: "Phone (pager)". */
function inWords(field) {
  const [kind, ...rest] = field.replaceAll("_", " ").split(".");
  return `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}${rest.length ? ` (${rest.join(", ")})` : ""}`;
}
