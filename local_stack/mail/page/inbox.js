// The inbox: the list refreshes itself, the address's fragment names the open message.

const POLL_MILLISECONDS = 2000;
const TABS = ["html", "text", "source"];
const $ = (id) => document.getElementById(id);

let messages = [];
let shown = "";
let open = null;

async function ask(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

async function refresh() {
  const query = $("search").value.trim();
  const path = query
    ? `/api/v1/search?limit=200&query=${encodeURIComponent(query)}`
    : "/api/v1/messages?limit=200";
  try {
    const listing = await (await ask(path)).json();
    $("status").textContent = "";
    if (query === $("search").value.trim()) show(listing, query);
  } catch (error) {
    $("status").textContent = `The mail server does not answer (${error.message}).`;
  }
}

function show(listing, query) {
  const text = JSON.stringify(listing);
  if (text === shown) return;
  shown = text;
  messages = listing.messages;
  $("count").textContent = listing.unread ? `${listing.total} · ${listing.unread} unread` : listing.total;
  document.title = listing.unread ? `(${listing.unread}) Inbox` : "Inbox";
  const focused = document.activeElement?.hash;
  $("list").replaceChildren(...messages.map(item));
  if (focused) $("list").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  $("empty").hidden = messages.length > 0;
  $("empty").textContent = query
    ? "No message matches."
    : "No messages yet. Everything that the stack mails appears here by itself.";
  mark();
}

function item(message) {
  const link = document.createElement("a");
  link.href = `#${message.ID}`;
  link.className = message.Read ? "" : "unread";
  const to = message.To.concat(message.Cc, message.Bcc).map((person) => person.Address);
  link.append(
    span("who", to.join(", ") || "nobody"),
    span("when", time(message.Created)),
    span("subject", message.Subject || "(no subject)"),
    span("snippet", message.Snippet),
  );
  const entry = document.createElement("li");
  entry.append(link);
  return entry;
}

function span(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

function time(text) {
  const date = new Date(text);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleDateString();
}

function mark() {
  for (const link of $("list").querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

async function follow() {
  const id = location.hash.slice(1);
  mark();
  if (!id) return close();
  try {
    const message = await (await ask(`/api/v1/message/${encodeURIComponent(id)}`)).json();
    if (id === location.hash.slice(1)) view(message);
  } catch {
    location.hash = "";
  }
  await refresh();
}

function view(message) {
  open = message;
  $("subject").textContent = message.Subject || "(no subject)";
  const rows = [["From", [message.From]], ["To", message.To], ["Cc", message.Cc], ["Bcc", message.Bcc],
    ["Reply to", message.ReplyTo]];
  $("people").replaceChildren(
    ...rows.filter(([, people]) => people.length).flatMap(([name, people]) => row(name, people.map(person).join(", "))),
    ...row("Date", new Date(message.Date).toLocaleString()),
  );
  $("attachments").replaceChildren(...message.Attachments.map(attachment));
  $("text").textContent = message.Text || "This message has no text part.";
  $("source").textContent = "";
  $("tab-html").disabled = !message.HTML;
  $("message").hidden = false;
  choose(message.HTML ? "html" : "text");
  $("message").scrollTop = 0;
}

function row(name, text) {
  const [term, value] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  value.textContent = text;
  return [term, value];
}

const person = ({ Name, Address }) => (Name ? `${Name} <${Address}>` : Address);

function attachment(part) {
  const link = document.createElement("a");
  link.href = `/api/v1/message/${open.ID}/part/${part.PartID}`;
  link.download = part.FileName;
  link.textContent = `${part.FileName || part.ContentType} (${Math.ceil(part.Size / 1024)} kB)`;
  const entry = document.createElement("li");
  entry.append(link);
  return entry;
}

async function choose(tab) {
  for (const name of TABS) {
    $(name).hidden = name !== tab;
    $(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
  }
  if (tab === "html") $("html").src = `/view/${open.ID}.html`;
  if (tab === "source") $("source").textContent = await (await ask(`/api/v1/message/${open.ID}/raw`)).text();
}

function close() {
  open = null;
  $("message").hidden = true;
  $("html").removeAttribute("src");
}

function move(step) {
  const at = messages.findIndex((message) => `#${message.ID}` === location.hash);
  const next = messages[at < 0 ? 0 : at + step];
  if (!next) return;
  location.hash = next.ID;
  $("list").querySelector(`a[href="#${next.ID}"]`)?.scrollIntoView({ block: "nearest" });
}

async function remove(ids) {
  const at = messages.findIndex((message) => message.ID === ids[0]);
  await ask("/api/v1/messages", { method: "DELETE", body: JSON.stringify({ IDs: ids }) });
  await refresh();
  location.hash = messages[Math.min(at, messages.length - 1)]?.ID ?? "";
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => $("search").focus(),
  Escape: () => (location.hash = ""),
  Delete: () => open && remove([open.ID]),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target === $("search");
  if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
  if (typing) $("search").blur();
  else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});
for (const name of TABS) $(`tab-${name}`).addEventListener("click", () => choose(name));
$("search").addEventListener("input", refresh);
$("delete").addEventListener("click", () => remove([open.ID]));
$("delete-all").addEventListener("click", async () => {
  if (!messages.length || !confirm("Delete every message?")) return;
  await ask("/api/v1/messages", { method: "DELETE" });
  location.hash = "";
  await refresh();
});
window.addEventListener("hashchange", follow);
setInterval(() => document.hidden || refresh(), POLL_MILLISECONDS);
await refresh();
await follow();
