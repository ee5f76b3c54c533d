// The person's side of the local Telegram, in a browser: reads /sim and acts through it; the state is the emulator's.
//
// P1 Nothing of a message becomes markup: text is text, links are http, https, mailto and tel.
// P2 Nothing here rejects: a call that fails shows why (`act`, `refresh`), so its promise can be let go.
// P3 A bubble is drawn anew only when its message changed, so that sound plays on and focus stays.

"use strict";

const byId = (id) => document.getElementById(id);

/** A node with properties; a property named data-* is an attribute. */
function node(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

let world;
let chat;
let chatId;
let thread;
/** What the next message is about: { kind: "reply" | "edit", message }. */
let about;
/** Files that wait to be sent: { file, kind }. */
let files = [];
/** How many messages of a chat have been looked at. */
const seen = new Map();
const drafts = new Map();

// — Talking to the emulator —

async function call(path, body) {
  const init = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, init);
  const value = await response.json();
  if (!response.ok) throw new Error(value.error);
  return value;
}

/** The answer, or undefined after the reason was shown. */
async function act(path, body) {
  try {
    return await call(path, body);
  } catch (error) {
    toast(error.message.split("\n")[0]);
    return undefined;
  }
}

let toastTimer;

function toast(text) {
  byId("toast").textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (byId("toast").textContent = ""), 4000);
}

let isBusy = false;
let isDirty = false;

/** The newest state replaces the waiting one: while one fetch runs, any number of changes make one more. */
async function refresh() {
  if (isBusy) {
    isDirty = true;
    return;
  }
  isBusy = true;
  do {
    isDirty = false;
    try {
      world = await call("/sim");
      chatId ??= world.owner;
      chat = await call(`/sim/chat?chat=${chatId}`);
      draw();
    } catch (error) {
      toast(error.message);
    }
  } while (isDirty);
  isBusy = false;
}

// — Drawing —

function draw() {
  seen.set(chatId, chat.messages.length);
  byId("chats").replaceChildren(...world.chats.map(chatItem));
  drawHead();
  drawWho();
  drawLog();
}

function chatItem({ id, title, kind, messages, last }) {
  const unread = messages - (seen.get(id) ?? 0);
  const preview = last ? `${last.who}: ${last.text || last.kind}` : "nothing yet";
  const button = node(
    "button",
    { type: "button", onclick: () => openChat(id) },
    node("b", { textContent: title }),
    node("span", { textContent: kind === "private" ? preview : `${kind} · ${preview}` }),
    unread > 0 ? node("i", { textContent: unread, ariaLabel: `${unread} new` }) : undefined,
  );
  if (id === chatId) button.setAttribute("aria-current", "true");
  return node("li", {}, button);
}

function openChat(id) {
  drafts.set(chatId, byId("text").value);
  chatId = id;
  thread = undefined;
  byId("text").value = drafts.get(id) ?? "";
  aboutNothing();
  byId("log").replaceChildren();
  bubbles.clear();
  void refresh();
}

function drawHead() {
  byId("title").textContent = chat.title;
  const doing = chat.action && `${world.me.first_name}: ${chat.action.replaceAll("_", " ")}…`;
  const who = chat.kind === "private" ? `with ${world.me.first_name}` : chat.members.map(({ name }) => name).join(", ");
  byId("status").textContent = doing ?? (chat.blocked ? "has blocked the bot" : who);
  const topics = byId("topics");
  topics.hidden = chat.topics.length === 0;
  const all = { id: undefined, name: "All", state: "open" };
  topics.replaceChildren(
    ...[all, ...chat.topics].map(({ id, name, state }) =>
      node("button", {
        type: "button",
        textContent: state === "closed" ? `${name} (closed)` : name,
        ariaPressed: String(id === thread),
        onclick: () => {
          thread = id;
          draw();
        },
      }),
    ),
  );
}

/** Members of the chat; in groups also without their name. */
function drawWho() {
  const who = byId("who");
  const options = chat.members.flatMap(({ id, name }) => [
    { value: String(id), text: name },
    ...(chat.kind === "private" ? [] : [{ value: `${id} anonymous`, text: `${name}, as the group` }]),
  ]);
  const isSame = [...who.options].map(({ value }) => value).join() === options.map(({ value }) => value).join();
  if (isSame) return;
  const chosen = who.value;
  who.replaceChildren(...options.map(({ value, text }) => node("option", { value, textContent: text })));
  if (options.some(({ value }) => value === chosen)) who.value = chosen;
  who.hidden = options.length < 2;
}

/** By key: what was drawn, and from what. */
const bubbles = new Map();

function drawLog() {
  const log = byId("log");
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
  const shown = chat.messages.filter((message) => thread === undefined || message.thread === thread);
  const wanted = grouped(shown).map((messages) => bubbleOf(messages));
  if (chat.draft && (thread === undefined || chat.draft.thread === thread)) wanted.push(draftBubble(chat.draft));
  if (wanted.length === 0)
    wanted.push(node("p", { className: "empty", textContent: "No messages yet. Say something." }));
  let at = log.firstChild;
  for (const one of wanted) {
    if (one === at) at = at.nextSibling;
    else log.insertBefore(one, at);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

/** Messages of one album stand together, as people see them. */
function grouped(messages) {
  const groups = [];
  for (const message of messages) {
    const last = groups.at(-1);
    if (message.album !== undefined && last?.[0].album === message.album) last.push(message);
    else groups.push([message]);
  }
  return groups;
}

function bubbleOf(messages) {
  const [first] = messages;
  const around = [chat.pinned.includes(first.id), replied(first)?.text, chat.topics, thread, writer()];
  const source = JSON.stringify([messages, ...around]);
  const known = bubbles.get(first.id);
  if (known?.source === source) return known.node;
  const made = bubble(messages);
  bubbles.set(first.id, { source, node: made });
  return made;
}

const replied = (message) => chat.messages.find(({ id }) => id === message.replyTo);

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

function bubble(messages) {
  const [message] = messages;
  const withText = messages.filter(({ text }) => text !== "");
  const reactions = messages.flatMap((one) => one.reactions);
  const pinned = chat.pinned.includes(message.id) ? "📌 " : "";
  const edited = message.edited ? `edited${message.edits > 1 ? ` ${message.edits}×` : ""} · ` : "";
  const topic = thread === undefined && chat.topics.find(({ id }) => id === message.thread)?.name;
  return node(
    "article",
    { id: `m${message.id}`, className: sideOf(message), tabIndex: 0, "aria-label": `Message ${message.id}` },
    node(
      "header",
      {},
      node("b", { textContent: message.who }),
      topic ? node("span", { textContent: `in ${topic}` }) : undefined,
      node("small", { textContent: `${pinned}${edited}#${message.id} · ${clock.format(message.date * 1000)}` }),
    ),
    message.forwardedFrom
      ? node("span", { className: "quote", textContent: `Forwarded from ${message.forwardedFrom}` })
      : undefined,
    quoteOf(message),
    mediaOf(messages),
    message.share ? node("p", { className: "words", textContent: `‹ ${message.share} ›` }) : undefined,
    ...withText.map((one) => node("div", { className: "words" }, ...rich(one.text, one.entities))),
    ...message.buttons.map((row) => buttonRow(row, message)),
    reactions.length > 0
      ? node("div", { className: "reactions" }, ...reactions.map((emoji) => node("span", { textContent: emoji })))
      : undefined,
    deeds(message),
  );
}

/** Mine is what the person wrote who is writing now. */
function sideOf({ fromBot, author }) {
  if (fromBot) return "bot";
  return author === writer().user ? "mine" : "";
}

function quoteOf(message) {
  if (message.replyTo === undefined) return undefined;
  const target = replied(message);
  const what = message.quote ?? target?.text ?? "";
  const text = target ? `${target.who}: ${what || target.file?.kind || target.share}` : "a deleted message";
  return node("button", {
    type: "button",
    className: "quote",
    textContent: text,
    onclick: () => show(message.replyTo),
  });
}

function show(messageId) {
  const found = byId(`m${messageId}`);
  if (!found) return;
  found.scrollIntoView({ block: "center" });
  found.classList.add("found");
  setTimeout(() => found.classList.remove("found"), 1500);
}

function buttonRow(row, message) {
  const buttons = row.map((button) =>
    node("button", { type: "button", textContent: button.label, onclick: () => tap(button, message) }),
  );
  return node("div", { className: "row" }, ...buttons);
}

function deeds(message) {
  const { user } = writer();
  const deed = (label, text, onclick) =>
    node("button", { type: "button", ariaLabel: label, title: label, textContent: text, onclick });
  return node(
    "div",
    { className: "deeds" },
    deed("Reply", "↩", () => startAbout("reply", message)),
    message.author === user && !message.share ? deed("Edit", "✎", () => startAbout("edit", message)) : undefined,
    message.author === user ? deed("Delete", "🗑", () => remove(message)) : undefined,
    ...["👍", "👎"].map((emoji) => deed(`React with ${emoji}`, emoji, () => react(message, emoji))),
  );
}

function draftBubble({ text, canStop }) {
  const stop = node("button", {
    type: "button",
    textContent: "Stop",
    onclick: () => act("/sim/stop-draft", { user: chatId }),
  });
  return node(
    "article",
    { className: "draft", "aria-label": "Draft" },
    node("header", {}, node("b", { textContent: world.me.first_name }), node("small", { textContent: "is writing" })),
    node("div", { className: "words", textContent: text || "Thinking…" }),
    canStop ? node("div", { className: "row" }, stop) : undefined,
  );
}

// — Files —

function mediaOf(messages) {
  const withFile = messages.filter(({ file }) => file !== undefined);
  if (withFile.length === 0) return undefined;
  const className = withFile.length > 1 ? "media album" : "media";
  return node("div", { className }, ...withFile.map((message) => fileNode(message)));
}

function fileNode({ id, file }) {
  const src = `/sim/file?chat=${chatId}&message=${id}`;
  switch (file.kind) {
    case "photo":
    case "sticker": {
      const image = node("img", { src, alt: file.kind, loading: "lazy" });
      // A picture of a test is often no picture.
      image.addEventListener("error", () => image.replaceWith(fileLink(src, file)));
      return image;
    }
    case "voice":
    case "audio":
      return node("audio", { src, controls: true, preload: "none", ariaLabel: file.name });
    case "video":
    case "video_note":
    case "animation":
      return node("video", { src, controls: true, preload: "none", ariaLabel: file.name });
    default:
      return fileLink(src, file);
  }
}

function fileLink(href, file) {
  return node(
    "a",
    { className: "file", href, download: file.name },
    node("span", { textContent: "📄", ariaHidden: "true" }),
    node("b", { textContent: file.name || file.kind }),
    node("small", { textContent: `${sizeInWords(file.bytes)} · ${file.mimeType}` }),
  );
}

function sizeInWords(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB"];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** power).toFixed(power === 1 ? 0 : 1)} ${units[power - 1]}`;
}

// — Text with entities: they nest or follow each other; units are UTF-16, as in JavaScript strings —

const tags = {
  bold: "b",
  italic: "i",
  underline: "u",
  strikethrough: "s",
  code: "code",
  pre: "pre",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};

function rich(text, entities, from = 0, to = text.length) {
  const parts = [];
  let at = from;
  entities.forEach((entity, index) => {
    const end = entity.offset + entity.length;
    if (entity.offset < at || end > to) return;
    parts.push(text.slice(at, entity.offset));
    const inner = rich(text, entities.slice(index + 1), entity.offset, end);
    parts.push(marked(entity, text.slice(entity.offset, end), inner));
    at = end;
  });
  parts.push(text.slice(at, to));
  return parts;
}

function marked(entity, text, inner) {
  const href = entity.url ?? (entity.type === "url" ? text : undefined);
  if (href !== undefined && /^(https?|mailto|tel):/i.test(href)) {
    return node("a", { href, target: "_blank", rel: "noreferrer", title: href }, ...inner);
  }
  if (entity.type === "spoiler") return node("span", { className: "spoiler", tabIndex: 0 }, ...inner);
  return node(tags[entity.type] ?? "span", entity.language ? { title: entity.language } : {}, ...inner);
}

// — What the person does —

/** Who writes: an id, perhaps without a name. */
function writer() {
  const [user, mask] = byId("who").value.split(" ");
  return { user: Number(user), ...(mask === "anonymous" ? { as: "anonymous-admin" } : {}) };
}

async function tap(button, message) {
  if (button.url) {
    window.open(button.url, "_blank", "noreferrer");
    return;
  }
  const { user } = writer();
  const answer = await act("/sim/tap", { user, chat: chatId, message: message.id, data: button.data, stale: true });
  if (answer?.alert) {
    byId("alert-text").textContent = answer.text;
    byId("alert").showModal();
  } else if (answer?.text) toast(answer.text);
}

function react(message, emoji) {
  const { user } = writer();
  void act("/sim/react", { user, chat: chatId, message: message.id, emoji });
}

function remove(message) {
  const { user } = writer();
  void act("/sim/delete", { user, chat: chatId, message: message.id });
}

function startAbout(kind, message) {
  about = { kind, message };
  byId("about").hidden = false;
  const verb = kind === "reply" ? "Reply to" : "Edit";
  byId("about-text").textContent = `${verb} #${message.id} ${message.who}: ${message.text || message.file?.kind}`;
  byId("send").textContent = kind === "reply" ? "Reply" : "Save";
  if (kind === "edit") byId("text").value = message.text;
  byId("text").focus();
}

function aboutNothing() {
  if (about?.kind === "edit") byId("text").value = "";
  about = undefined;
  byId("about").hidden = true;
  byId("send").textContent = "Send";
}

async function send() {
  const text = byId("text").value;
  const common = { ...writer(), chat: chatId, ...(thread === undefined ? {} : { thread }) };
  if (about?.kind === "edit") {
    const message = about.message.id;
    aboutNothing();
    await act("/sim/edit", { ...common, message, text });
    return;
  }
  if (text.trim() === "" && files.length === 0) return;
  const reply = about === undefined ? {} : { replyTo: about.message.id };
  const attached = files;
  files = [];
  drawFiles();
  byId("text").value = "";
  aboutNothing();
  drawCommands();
  if (attached.length === 0) await act("/sim/send", { ...common, ...reply, text });
  else await sendFiles({ ...common, ...reply }, attached, text);
  byId("log").scrollTop = byId("log").scrollHeight;
}

/** As the apps do it: up to ten of kinds that go together are an album; the text is the caption of the first. */
async function sendFiles(common, attached, caption) {
  const items = await Promise.all(
    attached.map(async ({ file, kind }) => ({
      kind,
      name: file.name,
      ...(file.type === "" ? {} : { mimeType: file.type }),
      base64: await base64Of(file),
    })),
  );
  const isAlbum = items.length >= 2 && items.length <= 10 && goTogether(items.map(({ kind }) => kind));
  if (isAlbum) {
    items[0].caption = caption;
    await act("/sim/album", { ...common, items });
    return;
  }
  for (const [index, item] of items.entries()) {
    const text = index === 0 && caption !== "" ? { text: caption } : {};
    await act("/sim/file", { ...common, ...item, ...text });
  }
}

function goTogether(kinds) {
  const isPicture = (kind) => kind === "photo" || kind === "video";
  return (
    kinds.every(isPicture) || (kinds.every((kind) => kind === kinds[0]) && ["document", "audio"].includes(kinds[0]))
  );
}

async function base64Of(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  // In slices: a call takes only so many arguments.
  const slices = Array.from({ length: Math.ceil(bytes.length / sliceBytes) }, (_, index) =>
    String.fromCharCode(...bytes.subarray(index * sliceBytes, (index + 1) * sliceBytes)),
  );
  return btoa(slices.join(""));
}

const sliceBytes = 32_768;

function attach(list) {
  files.push(...[...list].map((file) => ({ file, kind: likelyKind(file) })));
  drawFiles();
  byId("text").focus();
}

function likelyKind({ type }) {
  if (/^image\/(jpeg|png|webp)$/.test(type)) return "photo";
  if (type === "audio/ogg") return "voice";
  if (type.startsWith("audio/")) return "audio";
  return type.startsWith("video/") ? "video" : "document";
}

function drawFiles() {
  const strip = byId("files");
  strip.hidden = files.length === 0;
  strip.replaceChildren(...files.map((waiting) => fileChip(waiting)));
}

function fileChip(waiting) {
  const kinds = ["photo", "document", "voice", "audio", "video", "video_note", "animation", "sticker"];
  const options = kinds.map((kind) => node("option", { value: kind, textContent: kind.replace("_", " ") }));
  const select = node("select", { ariaLabel: `Send ${waiting.file.name} as` }, ...options);
  select.value = waiting.kind;
  select.addEventListener("change", () => (waiting.kind = select.value));
  const away = node("button", {
    type: "button",
    textContent: "✕",
    ariaLabel: `Do not send ${waiting.file.name}`,
    onclick: () => {
      files = files.filter((one) => one !== waiting);
      drawFiles();
    },
  });
  const name = node("em", { textContent: `${waiting.file.name} · ${sizeInWords(waiting.file.size)}` });
  return node("span", {}, name, select, away);
}

/** The bot's menu, while a command is being written. */
function drawCommands() {
  const begun = /^\/\w*$/.exec(byId("text").value)?.[0];
  const fitting = begun === undefined ? [] : world.menu.filter(({ command }) => `/${command}`.startsWith(begun));
  byId("commands").hidden = fitting.length === 0;
  byId("commands").replaceChildren(
    ...fitting.map(({ command, description }) => {
      const choose = () => {
        byId("text").value = `/${command} `;
        byId("text").focus();
        drawCommands();
      };
      const label = node("span", { textContent: ` ${description}` });
      return node("li", {}, node("button", { type: "button", onclick: choose }, `/${command}`, label));
    }),
  );
}

const changes = {
  async stranger() {
    const user = await act("/sim/user", { firstName: "Mallory" });
    if (user) openChat(user.id);
  },
  async group() {
    const group = await act("/sim/group", { title: "Team", kind: "supergroup" });
    if (group) openChat(group.id);
  },
  async forum() {
    const group = await act("/sim/group", { title: "Forum", kind: "forum", botIsAdmin: true });
    if (group) openChat(group.id);
  },
  async topic() {
    const topic = await act("/sim/topic", { ...writer(), chat: chatId, name: `Topic ${chat.topics.length + 1}` });
    if (topic) thread = topic.thread;
    await refresh();
  },
  block: () => act(chat.blocked ? "/sim/unblock" : "/sim/block", writer()),
};

byId("world").addEventListener("click", ({ target }) => {
  const change = target.dataset.do;
  if (change !== undefined) changes[change]();
});
byId("fault").addEventListener("change", ({ target }) => {
  if (target.value === "") return;
  void act("/sim/fault", { method: "*", fault: { kind: target.value, retryAfterSeconds: 10 } });
  toast("The bot's next call meets it.");
  target.value = "";
});
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});
byId("about-end").addEventListener("click", aboutNothing);
byId("who").addEventListener("change", drawLog);
byId("text").addEventListener("input", drawCommands);
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Escape") aboutNothing();
  if (event.key === "ArrowUp" && event.target.value === "") editLast(event);
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("form").requestSubmit();
});
byId("text").addEventListener("paste", ({ clipboardData }) => attach(clipboardData.files));
byId("pick").addEventListener("change", ({ target }) => {
  attach(target.files);
  target.value = "";
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.querySelector("main").addEventListener(kind, (event) => {
    event.preventDefault();
    event.currentTarget.classList.toggle("over", kind === "dragover");
    if (kind === "drop") attach(event.dataTransfer.files);
  });
}

function editLast(event) {
  const last = chat.messages.findLast((message) => message.author === writer().user && !message.share);
  if (last === undefined) return;
  event.preventDefault();
  startAbout("edit", last);
}

new EventSource("/sim/events").addEventListener("message", () => void refresh());
// A draft and a chat action fade by the clock, which rings no bell.
setInterval(() => {
  if (chat?.draft || chat?.action) void refresh();
}, 1000);
