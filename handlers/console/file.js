// The view of a file that waits: what was understood of it, what of that is to be changed, and the beginning.

import { call } from "./api.js";
import { fieldSelect } from "./fields.js";
import { attempt, complain, fromTemplate } from "./page.js";
import { certainty, DELIMITERS, fileSummary, number } from "./words.js";

const ENCODINGS = ["UTF-8", "UTF-16", "windows-1252", "windows-1250", "windows-1251", "ISO-8859-15", "Shift_JIS", "GB18030", "Big5", "EUC-KR"];
const HEADER_ROWS = 10;
const SAMPLE = 60; // Characters shown of a value.

const element = (id) => document.getElementById(id);
/** What the server said of each file that came by this page; a page that is loaded again begins the file as it is. */
const known = new Map();
let shown = null;
let asked = 0;

/** Remembers what was understood of a file, for its view. */
export function keep(seen, name) {
  known.set(seen.job_id, { ...seen, name });
}

export async function open(id) {
  const mine = (asked += 1);
  try {
    const job = await call(`status/${encodeURIComponent(id)}`);
    if (mine !== asked) return;
    if (job.status === "pending") show({ job_id: id, provider: job.provider, name: job.provider_account_name, ...known.get(id) });
    else location.replace(`#import=${encodeURIComponent(id)}`);
  } catch (error) {
    complain(error);
  }
}

export function close() {
  asked += 1;
  shown = null;
  element("file-form").reset();
  element("columns").tBodies[0].replaceChildren();
  for (const id of ["file-form", "columns-part", "ways"]) element(id).hidden = true;
  element("file-title").textContent = "Your file";
  element("file-lead").textContent = "";
  element("warnings").replaceChildren();
}

function show(seen) {
  shown = seen;
  element("file-title").textContent = seen.name || "Your file";
  element("file-lead").textContent = fileSummary(seen);
  element("warnings").replaceChildren(...(seen.warnings ?? []).map(item));
  element("file-form").hidden = false;
  const columns = seen.columns ?? [];
  element("columns-part").hidden = element("ways").hidden = !columns.length;
  if (!columns.length) return;
  element("columns").tBodies[0].replaceChildren(...columns.map(row));
  choices("encoding", [...new Set([seen.encoding, ...ENCODINGS])].map((name) => [name, name]), seen.encoding);
  choices("delimiter", Object.entries({ [seen.delimiter]: seen.delimiter, ...DELIMITERS }), seen.delimiter);
  choices("header-row", headerRows(seen.header_row), seen.header_row ?? "");
  showSplit();
}

function headerRows(found) {
  const last = Math.max(HEADER_ROWS, found ?? 0);
  return [["", "None: the first row is a contact"], ...Array.from({ length: last }, (_, index) => [index + 1, `Row ${number(index + 1)}`])];
}

function choices(id, pairs, chosen) {
  element(id).replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
  element(id).value = chosen;
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

const cut = (text) => (text.length > SAMPLE ? `${text.slice(0, SAMPLE)}…` : text);

function row(column) {
  const made = fromTemplate("column");
  const name = column.header || `Column ${column.index + 1}`;
  const id = `reason-${column.index}`;
  made.querySelector(".header").textContent = name;
  made.querySelector(".samples").textContent = column.samples.slice(0, 3).map(cut).join(" · ") || "Empty in the first rows";
  const select = fieldSelect(column.field);
  select.dataset.index = column.index;
  select.dataset.understood = column.field;
  select.setAttribute("aria-label", `${name} is`);
  select.setAttribute("aria-describedby", id);
  made.querySelector(".field").prepend(select);
  made.querySelector(".reason").id = id;
  made.querySelector(".reason").textContent = `${certainty(column.confidence)} ${column.reason}`;
  made.classList.toggle("unsure", column.confidence < 0.5);
  select.addEventListener("change", () => made.classList.remove("unsure"));
  return made;
}

/** A file that is split in another way has other columns than those shown: nothing can be said of them. */
function showSplit() {
  const other = element("delimiter").value !== shown.delimiter;
  element("columns-part").hidden = other;
  element("split-note").hidden = !other;
}

/** What the person changed, and nothing else: the rest stays as it was understood. */
function changes() {
  const said = {
    without_email: element("without-email").checked ? "import" : "skip",
    duplicates: element("fill").checked ? "fill" : "skip",
  };
  const region = element("region").value.trim();
  if (region) said.region = region;
  return element("ways").hidden ? said : { ...said, ...ways() };
}

function ways() {
  const said = {};
  const headerRow = Number(element("header-row").value) || null;
  if (element("encoding").value !== shown.encoding) said.encoding = element("encoding").value;
  if (element("delimiter").value !== shown.delimiter) return { ...said, delimiter: element("delimiter").value, ...header(headerRow) };
  const mapping = [...element("columns").querySelectorAll("select")]
    .filter(({ value, dataset }) => value !== dataset.understood)
    .map(({ value, dataset }) => [dataset.index, value]);
  if (mapping.length) said.mapping = Object.fromEntries(mapping);
  return { ...said, ...header(headerRow) };
}

const header = (row) => (row === shown.header_row ? {} : { header_row: row });

async function begin() {
  const { job_id: id } = shown;
  await call(`jobs/${encodeURIComponent(id)}/begin`, { method: "POST", body: changes() });
  known.delete(id);
  location.replace(`#import=${encodeURIComponent(id)}`);
}

element("delimiter").addEventListener("change", showSplit);
element("file-form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(element("begin"), begin);
});
