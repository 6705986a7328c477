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

// Files of packages: what is in them becomes lines of the fields.
function read(file, text, form) {
    const add = (field, lines) => {
        const area = form.elements[field];
        const known = area.value.trim();
        area.value = [known, ...lines].filter(Boolean).join("\n");
        area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const meant = text.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*$/, "").trim()).filter(Boolean);
    if (/\.ya?ml$/.test(file)) {
        let list = "";
        const found = { conda: [], pip: [] };
        for (const line of text.split(/\r?\n/)) {
            if (/^dependencies:/.test(line)) { list = "conda"; continue; }
            if (/^\S/.test(line)) { list = ""; continue; }
            const item = line.match(/^\s*-\s+(.+?)\s*(?:#.*)?$/)?.[1];
            if (!list || !item) { continue; }
            if (item === "pip:") { list = "pip"; continue; }
            if (list === "pip" && /^\s{0,3}-/.test(line)) { list = "conda"; }
            if (item !== "pip") { found[list].push(item.replace(/^["']|["']$/g, "")); }
        }
        add("conda", found.conda);
        add("pip", found.pip);
    } else {
        add(/apt/.test(file) ? "apt" : /conda/.test(file) ? "conda" : "pip", meant);
    }
}

function setUpForm(form) {
    showWhatApplies(form);
    form.addEventListener("change", () => showWhatApplies(form));
    for (const area of form.querySelectorAll("[data-packages]")) {
        area.addEventListener("dragover", (event) => event.preventDefault());
        area.addEventListener("drop", async (event) => {
            const files = [...(event.dataTransfer?.files ?? [])];
            if (files.length === 0) { return; }
            event.preventDefault();
            for (const file of files) { read(file.name, await file.text(), form); }
        });
    }
    document.getElementById("problems")?.focus();
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
