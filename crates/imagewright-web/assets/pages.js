// What pages do where scripts run; without them they do the same, in more steps.
"use strict";

document.documentElement.classList.add("scripts");

// Times in the reader's zone.
function localise(root) {
    const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
        const moment = new Date(time.dateTime);
        if (!Number.isNaN(moment.getTime())) {
            time.title = time.textContent;
            time.textContent = format.format(moment);
            time.dataset.local = "";
        }
    }
}

async function copy(button) {
    const text = button.dataset.copy;
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // Where a page is not secure there is no clipboard but this.
        const field = document.createElement("textarea");
        field.value = text;
        document.body.append(field);
        field.select();
        document.execCommand("copy");
        field.remove();
        button.focus();
    }
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
}

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) { copy(button); }
});

document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.ask;
    if (question && !window.confirm(question)) { event.preventDefault(); }
});

document.addEventListener("DOMContentLoaded", () => localise(document));
document.addEventListener("htmx:afterSwap", (event) => localise(event.target.parentElement ?? document));

// The form of an image: only what applies is shown. What is hidden is kept, and not sent where it would say something else.
function showWhatApplies(form) {
    const chosen = (name) => form.querySelector(`[name="${name}"]:checked`)?.value ?? form.querySelector(`[name="${name}"][type="hidden"]`)?.value;
    for (const part of form.querySelectorAll("[data-way]")) { part.hidden = part.dataset.way !== chosen("way"); }
    for (const part of form.querySelectorAll("[data-type]")) { part.hidden = part.dataset.type !== chosen("type"); }
    const choices = form.querySelector(".choices");
    if (choices) { choices.hidden = chosen("visibility") !== "groups"; }
}

// Files are read by the server, as a build would read them; the form comes back with what they say.
async function readFiles(form, files) {
    const sent = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
    sent.delete("given_name");
    sent.delete("given_text");
    sent.set("then", "read");
    for (const file of files) {
        sent.append("given_name", file.name);
        sent.append("given_text", await file.text());
    }
    const answer = await fetch(form.action, { method: "POST", body: sent });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Where the session is over, its page keeps what was sent.
    document.getElementById("main").replaceWith(page.getElementById("main"));
    localise(document);
    htmx.process(document.getElementById("main"));
    document.querySelectorAll("[data-image-form]").forEach(setUpForm);
}

// A plan is made anew a moment after what is built has changed.
class Planning {
    static patience = 1200;

    constructor(form) {
        this.form = form;
        this.button = form.querySelector("[data-plan]");
        this.state = form.querySelector(".planning");
        if (!this.button) { return; }
        for (const field of form.querySelectorAll("[data-packages], #base, #more, #base_pull_secret")) {
            field.addEventListener("input", () => this.later());
        }
        form.addEventListener("htmx:beforeRequest", (event) => { if (event.target === this.button) { this.state.textContent = "Planning …"; } });
        form.addEventListener("htmx:afterRequest", (event) => { if (event.target === this.button) { this.state.textContent = ""; } });
    }

    later() {
        clearTimeout(this.timer);
        // What stands there is of what was written before.
        this.form.querySelector("#plan")?.classList.add("stale");
        this.timer = setTimeout(() => {
            // Somebody is choosing a name: half of one is none.
            if (this.form.querySelector(".suggestions:not([hidden])")) { this.later(); return; }
            const value = (name) => this.form.elements[name]?.value.trim() ?? "";
            if (value("base") && (value("apt") || value("conda") || value("pip"))) { htmx.trigger(this.button, "plan-now"); }
        }, Planning.patience);
    }
}

// The conda channels that the rest of a spec names.
function channels(form) {
    try {
        const { conda } = JSON.parse(form.elements.more.value);
        return conda.channels.join(",");
    } catch { return ""; }
}

// Suggestions below a field: of the line in which somebody types.
class Suggestions {
    static patience = 150;

    constructor(field) {
        this.field = field;
        this.isArea = field.tagName === "TEXTAREA";
        this.list = document.createElement("ul");
        this.list.id = `${field.id}-suggestions`;
        this.list.className = "suggestions";
        this.list.setAttribute("role", "listbox");
        this.list.setAttribute("aria-label", "Suggestions");
        this.list.hidden = true;
        this.told = document.createElement("span");
        this.told.className = "visually-hidden";
        this.told.setAttribute("aria-live", "polite");
        const place = document.createElement("div");
        place.className = "suggested";
        field.before(place);
        place.append(field, this.list, this.told);
        field.removeAttribute("list");
        field.setAttribute("autocomplete", "off");
        field.setAttribute("aria-autocomplete", "list");
        field.setAttribute("aria-controls", this.list.id);
        if (this.isArea) { field.setAttribute("aria-haspopup", "listbox"); } else {
            field.setAttribute("role", "combobox");
            field.setAttribute("aria-expanded", "false");
        }
        field.addEventListener("input", () => this.later());
        field.addEventListener("keydown", (event) => this.key(event));
        field.addEventListener("blur", () => this.close());
        this.list.addEventListener("mousedown", (event) => {
            // The field keeps the focus.
            event.preventDefault();
            const item = event.target.closest("li");
            if (item) { this.take(item); }
        });
    }

    // The line up to where somebody types; nothing where more of it follows.
    line() {
        const { value, selectionStart: at } = this.field;
        const begin = this.isArea ? value.lastIndexOf("\n", at - 1) + 1 : 0;
        const isAtEnd = at === value.length || (this.isArea && value[at] === "\n");
        return isAtEnd ? { begin, text: value.slice(begin, at) } : null;
    }

    later() {
        clearTimeout(this.timer);
        if (this.isTaken) { this.isTaken = false; return; }
        this.timer = setTimeout(() => this.ask(8), Suggestions.patience);
    }

    async ask(tries) {
        const line = this.line();
        if (!line || !line.text.trim()) { this.close(); return; }
        this.asked?.abort();
        this.asked = new AbortController();
        const base = this.field.form?.elements.base?.value ?? "";
        const query = new URLSearchParams({ kind: this.field.dataset.suggest, text: line.text, base, channels: channels(this.field.form) });
        let found;
        try {
            const answer = await fetch(`/api/v1/suggestions?${query}`, { signal: this.asked.signal });
            if (!answer.ok) { this.close(); return; }
            found = await answer.json();
        } catch { return; }
        if (this.line()?.text !== line.text || document.activeElement !== this.field) { return; }
        this.show(found.items, line.text);
        // A list is still being fetched: it is looked in when it is there.
        if (!found.complete && tries > 0) { this.timer = setTimeout(() => this.ask(tries - 1), 1000); }
    }

    show(items, typed) {
        const isAll = items.length === 1 && items[0].text === typed;
        if (items.length === 0 || isAll) { this.close(); return; }
        this.list.replaceChildren(...items.map((item, number) => {
            const entry = document.createElement("li");
            entry.id = `${this.list.id}-${number}`;
            entry.setAttribute("role", "option");
            entry.setAttribute("aria-selected", "false");
            entry.dataset.text = item.text;
            entry.textContent = item.text.trim();
            if (item.detail) {
                const detail = document.createElement("span");
                detail.textContent = item.detail;
                entry.append(" ", detail);
            }
            return entry;
        }));
        this.active = null;
        this.field.removeAttribute("aria-activedescendant");
        this.open(true);
        this.told.textContent = `${items.length} suggestions`;
    }

    open(is) {
        this.list.hidden = !is;
        if (!this.isArea) { this.field.setAttribute("aria-expanded", String(is)); }
    }

    close() {
        this.asked?.abort();
        clearTimeout(this.timer);
        this.open(false);
        this.active = null;
        this.field.removeAttribute("aria-activedescendant");
        this.told.textContent = "";
    }

    key(event) {
        if (this.list.hidden) { return; }
        const items = [...this.list.children];
        const at = items.indexOf(this.active);
        const move = (to) => { event.preventDefault(); this.choose(items[(to + items.length) % items.length]); };
        switch (event.key) {
            case "ArrowDown": move(at + 1); break;
            case "ArrowUp": move(at < 0 ? items.length - 1 : at - 1); break;
            case "Escape": event.preventDefault(); this.close(); break;
            case "Enter": if (this.active) { event.preventDefault(); this.take(this.active); } else { this.close(); } break;
            default:
        }
    }

    choose(item) {
        this.active?.setAttribute("aria-selected", "false");
        this.active = item;
        item.setAttribute("aria-selected", "true");
        item.scrollIntoView({ block: "nearest" });
        this.field.setAttribute("aria-activedescendant", item.id);
    }

    take(item) {
        const line = this.line();
        if (line) { this.field.setRangeText(item.dataset.text, line.begin, line.begin + line.text.length, "end"); }
        this.close();
        this.isTaken = true;
        this.field.dispatchEvent(new Event("input", { bubbles: true }));
    }
}

function setUpForm(form) {
    showWhatApplies(form);
    form.addEventListener("change", () => showWhatApplies(form));
    form.querySelectorAll("[data-suggest]").forEach((field) => new Suggestions(field));
    new Planning(form);
    form.addEventListener("dragover", (event) => {
        if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); form.classList.add("dropping"); }
    });
    form.addEventListener("dragleave", () => form.classList.remove("dropping"));
    form.addEventListener("drop", (event) => {
        form.classList.remove("dropping");
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length === 0) { return; }
        event.preventDefault();
        readFiles(form, files);
    });
    form.querySelector("[data-files]")?.addEventListener("change", (event) => readFiles(form, [...event.target.files]));
    (document.getElementById("problems") ?? document.getElementById("read"))?.focus();
}

// The log of a build: goes on by itself, stops following where somebody scrolls up, and can be searched and linked to.
class Log {
    static most = 20000;

    constructor(element) {
        this.element = element;
        this.number = 0;
        this.waiting = [];
        this.follows = true;
        this.state = document.querySelector("[data-log-state]");
        this.toEnd = document.querySelector("[data-log-end]");
        element.addEventListener("scroll", () => {
            const below = element.scrollHeight - element.scrollTop - element.clientHeight;
            this.follows = below < 40;
            this.toEnd.hidden = this.follows;
        }, { passive: true });
        this.toEnd.addEventListener("click", () => { this.follows = true; this.scroll(); });
        const search = document.querySelector("[data-log-search]");
        search.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); this.find(search.value); } });
        document.querySelector("[data-log-next]").addEventListener("click", () => this.find(search.value));
        this.open();
    }

    open() {
        const source = new EventSource(this.element.dataset.log);
        source.onmessage = (event) => this.add(JSON.parse(event.data));
        source.addEventListener("end", () => {
            source.close();
            this.say("");
            this.element.dataset.over = "";
            htmx.ajax("GET", `${this.element.dataset.log.replace(/lines$/, "head")}`, { target: "#build-head", swap: "outerHTML" });
        });
        source.onopen = () => this.say("");
        source.onerror = () => this.say("The connection is broken; it is tried again.");
        window.addEventListener("pagehide", () => source.close());
    }

    say(text) { this.state.textContent = text; }

    add(lines) {
        if (this.waiting.length === 0) { requestAnimationFrame(() => this.draw()); }
        this.waiting.push(...lines);
    }

    // Once in each picture that the browser paints, however many lines have come.
    draw() {
        const lines = this.waiting;
        this.waiting = [];
        const piece = document.createDocumentFragment();
        const kept = lines.slice(-Log.most);
        this.number += lines.length - kept.length;
        for (const text of kept) {
            this.number += 1;
            const line = document.createElement("div");
            line.id = `L${this.number}`;
            const link = document.createElement("a");
            link.href = `#${line.id}`;
            link.textContent = this.number;
            line.append(link, text);
            if (/^\[\d+\]/.test(text)) { line.className = "step"; }
            if (/^warning:/.test(text)) { line.className = "warn"; }
            if (/^(failed|cancelled) after/.test(text)) { line.className = "fail"; }
            piece.append(line);
        }
        this.element.append(piece);
        for (let extra = this.element.childElementCount - Log.most; extra > 0; extra -= 1) { this.element.firstElementChild.remove(); }
        const wanted = !this.linked && location.hash && document.querySelector(location.hash.replace(/[^#L\d]/g, "") || "#none");
        if (wanted) {
            this.linked = true;
            this.follows = false;
            wanted.scrollIntoView({ block: "center" });
        } else { this.scroll(); }
    }

    scroll() { if (this.follows) { this.element.scrollTop = this.element.scrollHeight; } }

    find(text) {
        const wanted = text.trim().toLowerCase();
        if (!wanted) { return; }
        const lines = [...this.element.children];
        const last = lines.findIndex((line) => line.classList.contains("found"));
        const order = [...lines.slice(last + 1), ...lines.slice(0, last + 1)];
        const found = order.find((line) => line.textContent.toLowerCase().includes(wanted));
        lines[last]?.classList.remove("found");
        this.say(found ? "" : "Not found.");
        if (found) {
            found.classList.add("found");
            this.follows = false;
            found.scrollIntoView({ block: "center" });
        }
    }
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-image-form]").forEach(setUpForm);
    const log = document.querySelector("[data-log]");
    if (log) { new Log(log); }
});
