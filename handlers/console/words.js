// What a job and a contact are called, in a person's words.

const STATES = {
  pending: "Waiting",
  authenticating: "Waiting for you",
  fetching: "Starting",
  processing: "Importing",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};
const ACTIONS = { created: "Imported", updated: "Updated", skipped: "Skipped", failed: "Failed" };
const REASONS = {
  duplicate: "You already have a contact with this e-mail address.",
  no_email: "It has no e-mail address.",
  unusable_email: "Its e-mail is no address, or one that only works inside a company.",
};

const WHOLE = new Intl.NumberFormat("en");
const MOMENT = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

export const number = (value) => WHOLE.format(value);
const FILES = { csv: "CSV file", vcard: "vCard file" };

export const isFile = (provider) => provider in FILES;
export const providerName = (provider) => FILES[provider] ?? provider.slice(0, 1).toUpperCase() + provider.slice(1);
export const importName = (provider) =>
  isFile(provider) ? `Import of a ${providerName(provider)}` : `Import from ${providerName(provider)}`;
export const stateName = (status) => STATES[status] ?? status;
export const processed = (job) => job.imported_contacts + job.skipped_contacts + job.failed_contacts;
export const waiting = (job) => job.status === "authenticating" || job.status === "pending";

const contacts = (count) => `${number(count)} ${count === 1 ? "contact" : "contacts"}`;

/** Whose address book it is, and when its import began. */
export function origin(job) {
  const moment = job.started_at ?? job.created_at;
  return [job.provider_account_name, moment && MOMENT.format(new Date(moment))].filter(Boolean).join(" · ");
}

/** The bar in words. */
export function outcome(job) {
  const { imported_contacts: imported, skipped_contacts: skipped, failed_contacts: failed } = job;
  return `${number(imported)} imported, ${number(skipped)} skipped, ${number(failed)} failed`;
}

/** One sentence that says how things stand. */
export function sentence(job, consentUrl) {
  const name = providerName(job.provider);
  switch (job.status) {
    case "pending":
    case "authenticating":
      if (isFile(job.provider)) return "It waits for you to begin, for a day.";
      return consentUrl
        ? `Give your consent at ${name}, in the tab that has just opened. Once you have answered you can close that ` +
            "tab, even if it looks blank: this page notices by itself."
        : `Waiting for your consent at ${name}, in the tab where you were asked. If that is gone, cancel and start again.`;
    case "fetching":
      return isFile(job.provider) ? "Opening your file." : `Opening your address book at ${name}.`;
    case "processing":
      return `${number(processed(job))} of ${contacts(job.total_contacts)}`;
    case "completed":
      return job.notice ? `${end(job)} ${job.notice}` : end(job);
    case "failed":
      return job.error_message ?? "The import failed.";
    default:
      return processed(job) ? "What had arrived by then stays in your address book." : "No contact was imported.";
  }
}

function end(job) {
  if (!job.total_contacts) return "This address book is empty.";
  return contacts(job.total_contacts) + duration(job) + (job.notice ? "." : "");
}

function duration(job) {
  const seconds = Math.round((new Date(job.completed_at) - new Date(job.started_at)) / 1000);
  if (!(seconds >= 1)) return "";
  return seconds < 90 ? ` in ${seconds} s` : ` in ${Math.round(seconds / 60)} min`;
}

/** What became of one contact. */
export function fate(contact) {
  return contact.error_message ?? REASONS[contact.skip_reason] ?? ACTIONS[contact.action] ?? contact.action;
}

export const DELIMITERS = { ",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar" };

/** What a file is, in a line. */
export function fileSummary({ provider, records, encoding, delimiter, columns }) {
  if (records === undefined) return `A ${providerName(provider)}. It is read as it was understood when it came.`;
  const one = provider === "csv" ? "row" : "card";
  const parts = [`${number(records)} ${records === 1 ? one : `${one}s`}`];
  if (columns.length) parts.push(`${number(columns.length)} columns`, `split by ${(DELIMITERS[delimiter] ?? delimiter).toLowerCase()}`);
  return [...parts, encoding].join(" · ");
}

export function certainty(confidence) {
  const word = confidence >= 0.9 ? "Certain" : confidence >= 0.5 ? "Likely" : "Not certain";
  return `${word} (${Math.round(confidence * 100)}%).`;
}

export function bytes(count) {
  return count < 1e6 ? `${number(Math.ceil(count / 1e3))} kB` : `${(count / 1e6).toFixed(1)} MB`;
}
