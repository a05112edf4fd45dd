// The second view: one import, and what became of each of its contacts.

import { call, file } from "./api.js";
import { Card } from "./card.js";
import { attempt, complain, fromTemplate, showPager } from "./page.js";
import { fate, importName, number } from "./words.js";

const PAGE = 25;
const FILTERS = { skipped: "Skipped", failed: "Failed", created: "Imported" };
const NONE = { skipped: "No contact was skipped.", failed: "No contact failed.", created: "No contact was imported." };
const COUNTERS = { skipped: "skipped_contacts", failed: "failed_contacts", created: "imported_contacts" };

const element = (id) => document.getElementById(id);
let card = null;
let action = null;
let picked = null; // By the person; until then what is most telling is shown.
let asked = 0;

export async function open(id) {
  const mine = (asked += 1);
  try {
    const job = await call(`status/${encodeURIComponent(id)}`);
    if (mine !== asked) return;
    card = new Card(job, { onChange: showFilters, onEnd: () => choose(picked ?? mostTelling(card.job)).catch(complain) });
    element("detail-title").textContent = importName(job.provider);
    element("detail-card").replaceChildren(card.element);
    card.follow();
    await choose(mostTelling(job));
  } catch (error) {
    if (error.status === 404) showNone(error.message);
    else complain(error);
  }
}

export function close() {
  asked += 1;
  card?.leave();
  card = action = picked = null;
  element("detail-title").textContent = "Import";
  for (const id of ["detail-card", "filters"]) element(id).replaceChildren();
  for (const id of ["contacts", "no-contacts", "contacts-pager", "failed-file"]) element(id).hidden = true;
}

/** What went wrong comes first. */
const mostTelling = (job) => Object.keys(FILTERS).sort((one, other) => rank(job, other) - rank(job, one))[0];
const rank = (job, name) => ["created", "skipped", "failed"].indexOf(name) * (job[COUNTERS[name]] > 0);

function showFilters({ job }) {
  element("failed-file").hidden = !job.failed_contacts;
  const group = element("filters");
  if (!group.childElementCount) group.append(...Object.keys(FILTERS).map(filter));
  for (const button of group.children) {
    const name = button.dataset.action;
    button.textContent = `${FILTERS[name]} ${number(job[COUNTERS[name]])}`;
    button.setAttribute("aria-pressed", String(name === action));
  }
}

function filter(name) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.action = name;
  made.addEventListener("click", () => attempt(made, () => choose((picked = name))));
  return made;
}

async function choose(name) {
  action = name;
  showFilters(card);
  await load(0);
}

async function load(offset) {
  const mine = (asked += 1);
  const page = await call(`jobs/${card.id}/contacts?action=${action}&limit=${PAGE}&offset=${offset}`);
  if (mine !== asked) return;
  element("contacts").tBodies[0].replaceChildren(...page.contacts.map(row));
  element("contacts").hidden = !page.total;
  showNone(page.total ? null : NONE[action]);
  showPager(element("contacts-pager"), page, load);
}

function showNone(sentence) {
  element("no-contacts").hidden = sentence === null;
  element("no-contacts").textContent = sentence;
}

function row(contact) {
  const made = fromTemplate("contact");
  made.cells[0].textContent = contact.display_name ?? "No name";
  made.cells[0].classList.toggle("nameless", !contact.display_name);
  made.cells[1].textContent = fate(contact);
  return made;
}

/** The browser keeps it as if it had been a link; one that is followed could not say who asks. */
async function keepFailed() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await file(`jobs/${card.id}/contacts?action=failed&format=csv`));
  link.download = "failed.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

element("failed-file").addEventListener("click", ({ target }) => attempt(target, keepFailed));
