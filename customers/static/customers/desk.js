// The reception desk: lists that stay live, one conversation, and answers that are never lost.
"use strict";

(() => {
    const desk = document.getElementById("desk");
    if (!desk) {
        return;
    }
    const EVERY = 2000;
    const AFTER_FAILURE = 5000;
    const words = JSON.parse(document.getElementById("desk-words").textContent);
    const token = desk.querySelector('[name="csrfmiddlewaretoken"]').value;
    const title = document.title;
    const parts = {
        list: desk.querySelector("[data-list]"),
        talk: desk.querySelector("[data-talk]"),
        search: desk.querySelector("[data-search]").elements.q,
        offline: desk.querySelector("[data-offline]"),
        said: desk.querySelector("[data-said]"),
        empty: desk.querySelector("[data-empty]"),
    };
    const opened = document.getElementById("desk-open");
    const state = {
        tab: desk.dataset.tab,
        scope: desk.dataset.scope,
        waiting: [],
        talk: opened ? JSON.parse(opened.textContent) : null,
        mark: "",
        timer: 0,
        asking: 0,
        skew: Number(desk.dataset.now) - Date.now() / 1000,
        files: [],
        replies: [],
        sending: new Map(),
    };

    function inTalk(selector) {
        return parts.talk.querySelector(selector);
    }

    function say(sentence) {
        parts.said.textContent = "";
        window.setTimeout(() => {
            parts.said.textContent = sentence;
        }, 50);
    }

    function element(name, className, text) {
        const made = document.createElement(name);
        made.className = className || "";
        made.textContent = text || "";
        return made;
    }

    // Questions to the server ---------------------------------------------------------------------------------------
    async function fetched(url, options) {
        const answer = await fetch(url, {
            cache: "no-store",
            ...options,
            headers: { Accept: "application/json", ...(options && options.headers) },
        });
        if (answer.redirected) {
            window.location.reload(); // signed out: the page itself says so
            throw new Error(words.offline);
        }
        return answer;
    }

    async function told(answer) {
        const isJson = (answer.headers.get("Content-Type") || "").includes("json");
        const body = isJson ? await answer.json() : {};
        if (!answer.ok) {
            const error = new Error(body.error || `${words.offline} (${answer.status})`);
            error.isRefusal = answer.status >= 400 && answer.status < 500;
            throw error;
        }
        return body;
    }

    async function post(url, values) {
        const body = new FormData();
        body.append("csrfmiddlewaretoken", token);
        for (const [name, value] of values) {
            body.append(name, value);
        }
        return told(await fetched(url, { method: "POST", body }));
    }

    // News ----------------------------------------------------------------------------------------------------------
    function newsUrl() {
        const asked = new URLSearchParams({ tab: state.tab, scope: state.scope, q: parts.search.value });
        if (state.talk) {
            asked.set("inquiry", state.talk.inquiry);
            asked.set("message", state.talk.message);
            asked.set("note", state.talk.note);
        }
        return `${desk.dataset.news}?${asked}`;
    }

    function askAgain(delay) {
        window.clearTimeout(state.timer);
        if (!document.hidden) {
            state.timer = window.setTimeout(ask, delay);
        }
    }

    async function ask() {
        const mine = ++state.asking;
        const talk = state.talk;
        let delay = EVERY;
        try {
            const answer = await fetched(newsUrl(), { headers: { "If-None-Match": state.mark } });
            if (mine !== state.asking) {
                return; // a later question is under way
            }
            if (answer.status !== 304) {
                const news = await told(answer);
                if (mine !== state.asking) {
                    return;
                }
                state.mark = answer.headers.get("ETag") || "";
                showNews(news, talk);
            }
            parts.offline.hidden = true;
        } catch {
            delay = AFTER_FAILURE;
            parts.offline.hidden = false;
        }
        if (mine === state.asking) {
            askAgain(delay);
        }
    }

    function askNow() {
        state.mark = "";
        window.clearTimeout(state.timer);
        return ask();
    }

    function showNews(news, talk) {
        state.skew = news.now - Date.now() / 1000;
        const before = new Set(state.waiting);
        const isFirst = !desk.dataset.known;
        state.waiting = news.waiting;
        desk.dataset.known = "1";
        showCounts(news.waiting.length, news.open);
        showList(news.list);
        if (!isFirst && news.waiting.some((inquiry) => !before.has(inquiry))) {
            say(`${words.waiting} ${news.waiting.length}`);
        }
        if (news.talk && talk === state.talk) {
            showTalkNews(news.talk);
        }
    }

    function showCounts(waiting, open) {
        const badge = desk.querySelector('[data-count="waiting"]');
        badge.textContent = waiting;
        badge.toggleAttribute("data-zero", !waiting);
        desk.querySelector('[data-count="open"]').textContent = open;
        document.title = waiting ? `(${waiting}) ${title}` : title;
    }

    function isBusy(list) {
        const focused = document.activeElement;
        return list.contains(focused) && focused.matches("select, input");
    }

    function showList(html) {
        const list = parts.list;
        if (isBusy(list)) {
            return; // somebody chooses an agent there
        }
        const focused = list.contains(document.activeElement) && document.activeElement.dataset.inquiry;
        const top = list.scrollTop;
        list.innerHTML = html;
        list.scrollTop = top;
        markRow();
        if (focused) {
            const row = list.querySelector(`[data-inquiry="${focused}"]`);
            if (row) {
                row.focus({ preventScroll: true });
            }
        }
        tick();
    }

    function markRow() {
        for (const row of parts.list.querySelectorAll("[data-inquiry]")) {
            const isOpen = state.talk && Number(row.dataset.inquiry) === state.talk.inquiry;
            row.toggleAttribute("aria-current", Boolean(isOpen));
            row.classList.toggle("is-on", Boolean(isOpen));
            row.classList.toggle("has-draft", Boolean(draft(row.dataset.inquiry)));
        }
    }

    function showTalkNews(news) {
        if (news.is_gone) {
            say(words.gone);
            closeTalk(words.gone);
            return;
        }
        if (news.state !== state.talk.state || news.agent !== state.talk.agent) {
            reopen();
            return;
        }
        const entries = inTalk("[data-entries]");
        if (news.html.trim() && entries) {
            append(entries, news.html);
        }
        Object.assign(state.talk, { message: news.message, note: news.note });
        const clock = inTalk("[data-clock]");
        clock.hidden = !news.waiting_since;
        clock.dataset.since = news.waiting_since || "";
        tick();
    }

    function append(entries, html) {
        const scroll = inTalk("[data-scroll]");
        const wasDown = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
        const fresh = document.createElement("template");
        fresh.innerHTML = html;
        for (const entry of fresh.content.querySelectorAll("li")) {
            const name = entry.dataset.note ? "note" : "message";
            const known = entries.querySelector(`[data-${name}="${entry.dataset[name]}"]`);
            if (!known) {
                entries.insertBefore(entry, entries.querySelector("[data-pending]"));
            }
        }
        for (const pending of entries.querySelectorAll("[data-sent]")) {
            if (entries.querySelector(`[data-message="${pending.dataset.sent}"]`)) {
                pending.remove();
            }
        }
        if (wasDown) {
            scrollDown();
        }
    }

    function scrollDown() {
        const scroll = inTalk("[data-scroll]");
        if (scroll) {
            scroll.scrollTop = scroll.scrollHeight;
        }
    }

    // Clocks --------------------------------------------------------------------------------------------------------
    function tick() {
        const now = Date.now() / 1000 + state.skew;
        const limit = Number(desk.dataset.warning);
        for (const clock of desk.querySelectorAll(".desk-clock[data-since]")) {
            if (!clock.dataset.since) {
                continue;
            }
            const passed = Math.max(0, Math.floor(now - Number(clock.dataset.since)));
            const isLate = passed >= limit;
            const shown = lasting(passed);
            if (clock.textContent !== shown) {
                clock.textContent = shown;
            }
            if (clock.classList.contains("is-late") !== isLate) {
                clock.classList.toggle("is-late", isLate);
            }
        }
    }

    function lasting(seconds) {
        const two = (number) => String(number).padStart(2, "0");
        const hours = Math.floor(seconds / 3600);
        if (hours >= 48) {
            return `${Math.floor(hours / 24)} d`;
        }
        const minutes = Math.floor((seconds % 3600) / 60);
        return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
    }

    // The conversation ----------------------------------------------------------------------------------------------
    async function openTalk(url, options) {
        let answer;
        try {
            answer = await told(await fetched(url));
            parts.offline.hidden = true;
        } catch (error) {
            parts.offline.hidden = Boolean(error.isRefusal);
            say(error.message);
            return;
        }
        if (!(options && options.isBack)) {
            window.history.pushState({}, "", url);
        }
        state.talk = answer.state_of;
        parts.talk.innerHTML = answer.html;
        desk.classList.add("has-talk");
        prepareTalk();
        askNow();
    }

    function reopen() {
        const panel = inTalk("[data-conversation]");
        if (panel) {
            openTalk(panel.dataset.url, { isBack: true });
        }
    }

    function closeTalk(sentence) {
        state.talk = null;
        parts.talk.replaceChildren(parts.empty.content.cloneNode(true));
        if (sentence) {
            parts.talk.querySelector("p").textContent = sentence;
        }
        desk.classList.remove("has-talk", "has-side");
        window.history.pushState({}, "", desk.dataset.home);
        markRow();
    }

    function prepareTalk() {
        const data = document.getElementById("desk-replies-data");
        state.replies = data ? JSON.parse(data.textContent) : [];
        state.files = [];
        const text = inTalk("[data-text]");
        if (text) {
            // the skin would look for a text field beside every file field
            inTalk("[data-file]").hasChangeListener = true;
            text.value = draft(state.talk.inquiry);
            grow(text);
            if (window.matchMedia("(width >= 1024px)").matches) {
                text.focus();
            }
        }
        for (const letter of unsent(state.talk.inquiry)) {
            showPending(letter);
        }
        markRow();
        tick();
        scrollDown();
        for (const image of parts.talk.querySelectorAll(".desk-image img")) {
            image.addEventListener("load", scrollDown, { once: true });
        }
    }

    function next(step) {
        const current = state.talk ? state.waiting.indexOf(state.talk.inquiry) : -1;
        const others = state.waiting.filter((inquiry) => !state.talk || inquiry !== state.talk.inquiry);
        if (!others.length) {
            say(`${words.waiting} ${state.waiting.length}`);
            return;
        }
        let place = current + step;
        if (current === -1) {
            place = step > 0 ? 0 : state.waiting.length - 1;
        }
        const chosen = state.waiting[(place + state.waiting.length) % state.waiting.length];
        openTalk(`${desk.dataset.home}${chosen}/`);
    }

    // Drafts and what is not sent yet: kept in this browser, by user and inquiry ----------------------------------------
    function key(kind, inquiry) {
        return `desk-${kind}-${desk.dataset.user}-${inquiry}`;
    }

    function draft(inquiry) {
        return window.localStorage.getItem(key("draft", inquiry)) || "";
    }

    function keepDraft(inquiry, text) {
        if (text) {
            window.localStorage.setItem(key("draft", inquiry), text);
        } else {
            window.localStorage.removeItem(key("draft", inquiry));
        }
    }

    function unsent(inquiry) {
        return JSON.parse(window.localStorage.getItem(key("unsent", inquiry)) || "[]");
    }

    function keepUnsent(inquiry, letters) {
        if (letters.length) {
            window.localStorage.setItem(key("unsent", inquiry), JSON.stringify(letters));
        } else {
            window.localStorage.removeItem(key("unsent", inquiry));
        }
    }

    function forget(letter) {
        keepUnsent(
            letter.inquiry,
            unsent(letter.inquiry).filter((kept) => kept.key !== letter.key),
        );
    }

    // Sending -------------------------------------------------------------------------------------------------------
    function newKey() {
        const bytes = window.crypto.getRandomValues(new Uint8Array(16));
        return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    }

    function send() {
        const text = inTalk("[data-text]");
        if (!text.value.trim() && !state.files.length) {
            return;
        }
        const panel = inTalk("[data-conversation]");
        const letter = {
            key: newKey(),
            inquiry: state.talk.inquiry,
            url: panel.dataset.answer,
            text: text.value,
            names: state.files.map((file) => file.name),
        };
        keepUnsent(letter.inquiry, [...unsent(letter.inquiry), letter]);
        state.sending.set(letter.key, state.files);
        keepDraft(letter.inquiry, "");
        text.value = "";
        grow(text);
        state.files = [];
        showFiles();
        hideReplies();
        showPending(letter);
        deliver(letter);
        text.focus();
    }

    function pendingOf(letter) {
        return inTalk(`[data-pending="${letter.key}"]`);
    }

    function showPending(letter) {
        const entries = inTalk("[data-entries]");
        if (!entries || pendingOf(letter)) {
            return;
        }
        const row = element("li", "is-agent is-pending");
        row.dataset.pending = letter.key;
        const who = element("p", "crm-talk-who");
        who.append(element("strong", "", words.you), " ", element("span", "crm-hint desk-fate", ""));
        row.append(who, element("p", "desk-plain", letter.text));
        for (const name of letter.names) {
            row.append(element("p", "desk-file", name));
        }
        entries.append(row);
        showFate(letter, state.sending.has(letter.key) ? "" : words.failed);
        scrollDown();
    }

    function showFate(letter, failure) {
        const row = pendingOf(letter);
        if (!row) {
            return;
        }
        row.classList.toggle("is-failed", Boolean(failure));
        row.querySelector(".desk-fate").textContent = failure || words.sending;
        row.querySelector(".crm-buttons")?.remove();
        if (failure) {
            const buttons = element("div", "crm-buttons");
            const again = element("button", "crm-button is-small is-primary", words.again);
            const discard = element("button", "crm-button is-small is-plain", words.discard);
            again.type = discard.type = "button";
            again.addEventListener("click", () => {
                state.sending.set(letter.key, state.sending.get(letter.key) || []);
                showFate(letter, "");
                deliver(letter);
            });
            discard.addEventListener("click", () => {
                forget(letter);
                row.remove();
            });
            buttons.append(again, discard);
            row.append(buttons);
        }
    }

    async function deliver(letter) {
        const files = state.sending.get(letter.key) || [];
        const values = [["text", letter.text], ["send_key", letter.key], ...files.map((file) => ["files", file])];
        try {
            const sent = await post(letter.url, values);
            forget(letter);
            const row = pendingOf(letter);
            if (row) {
                row.dataset.sent = sent.message;
            }
            askNow();
        } catch (error) {
            showFate(letter, `${words.failed}: ${error.isRefusal ? error.message : words.offline}`);
            say(words.failed);
        }
    }

    // The answer box: files, growing, quick replies -----------------------------------------------------------------
    function grow(text) {
        text.rows = Math.min(8, Math.max(2, text.value.split("\n").length));
    }

    function addFiles(files) {
        state.files.push(...files);
        showFiles();
    }

    function showFiles() {
        const list = inTalk("[data-files]");
        if (!list) {
            return;
        }
        list.replaceChildren(
            ...state.files.map((file, place) => {
                const row = element("li", "crm-chip", file.name);
                const remove = element("button", "desk-remove", "×");
                remove.type = "button";
                remove.setAttribute("aria-label", `${words.remove}: ${file.name}`);
                remove.addEventListener("click", () => {
                    state.files.splice(place, 1);
                    showFiles();
                });
                row.append(" ", remove);
                return row;
            }),
        );
    }

    function repliesBox() {
        return inTalk("[data-replies]");
    }

    function hideReplies() {
        const box = repliesBox();
        if (box) {
            box.hidden = true;
            box.replaceChildren();
            inTalk("[data-text]").removeAttribute("aria-activedescendant");
        }
    }

    function typedCode(text) {
        const before = text.value.slice(0, text.selectionStart);
        const found = /(?:^|\s)[/、／]([\p{L}\p{N}_-]*)$/u.exec(before);
        return found && { code: found[1].toLowerCase(), start: before.length - found[1].length - 1 };
    }

    function showReplies(text) {
        const typed = typedCode(text);
        if (!typed) {
            hideReplies();
            return;
        }
        const box = repliesBox();
        const starting = state.replies.filter((reply) => reply.code.toLowerCase().startsWith(typed.code));
        const named = state.replies.filter((reply) => reply.title.toLowerCase().includes(typed.code));
        const found = [...new Set([...starting, ...named])].slice(0, 8);
        box.replaceChildren(...found.map((reply, place) => replyRow(reply, place)));
        box.hidden = !found.length && !state.replies.length;
        if (!found.length && state.replies.length) {
            box.append(element("li", "crm-hint", words.none));
        }
        choose(0);
    }

    function replyRow(reply, place) {
        const row = element("li", "desk-reply");
        row.id = `desk-reply-${place}`;
        row.setAttribute("role", "option");
        row.append(element("strong", "", `/${reply.code}`), element("span", "", reply.title));
        row.append(element("span", "crm-hint desk-snippet", reply.text));
        row.reply = reply;
        row.addEventListener("mousedown", (event) => {
            event.preventDefault();
            insert(reply);
        });
        return row;
    }

    function choose(place) {
        const options = [...repliesBox().querySelectorAll('[role="option"]')];
        const text = inTalk("[data-text]");
        if (!options.length) {
            text.removeAttribute("aria-activedescendant");
            return;
        }
        const chosen = options[(place + options.length) % options.length];
        for (const option of options) {
            option.setAttribute("aria-selected", String(option === chosen));
        }
        text.setAttribute("aria-activedescendant", chosen.id);
        chosen.scrollIntoView({ block: "nearest" });
    }

    function chosenReply() {
        const box = repliesBox();
        return box && !box.hidden && box.querySelector('[aria-selected="true"]');
    }

    function insert(reply) {
        const text = inTalk("[data-text]");
        const typed = typedCode(text);
        const start = typed ? typed.start : text.selectionStart;
        text.setRangeText(reply.text, start, text.selectionStart, "end");
        hideReplies();
        keepDraft(state.talk.inquiry, text.value);
        grow(text);
        text.focus();
    }

    function keyInAnswer(event, text) {
        const chosen = chosenReply();
        if (event.isComposing || event.keyCode === 229) {
            return; // an input method is at work: its Enter sends nothing
        }
        if (chosen && (event.key === "ArrowDown" || event.key === "ArrowUp") && !event.altKey) {
            event.preventDefault();
            const options = [...repliesBox().querySelectorAll('[role="option"]')];
            choose(options.indexOf(chosen) + (event.key === "ArrowDown" ? 1 : -1));
        } else if (chosen && (event.key === "Enter" || event.key === "Tab")) {
            event.preventDefault();
            insert(chosen.reply);
        } else if (event.key === "Escape" && !repliesBox().hidden) {
            event.preventDefault();
            hideReplies();
        } else if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey) {
            event.preventDefault();
            send();
        }
        grow(text);
    }

    // Dialogs and buttons -------------------------------------------------------------------------------------------
    async function submit(form) {
        const error = form.querySelector("[data-error]");
        const button = form.querySelector('[type="submit"]');
        button.disabled = true;
        error.hidden = true;
        try {
            const done = await post(form.dataset.do, new FormData(form).entries());
            form.closest("dialog")?.close();
            form.reset();
            if (form.dataset.stay) {
                document.activeElement.blur();
                say(done.done || "");
            } else {
                closeTalk(done.done);
                say(done.done);
            }
            askNow();
        } catch (failure) {
            error.textContent = failure.isRefusal ? failure.message : words.offline;
            error.hidden = false;
        } finally {
            button.disabled = false;
        }
    }

    async function pressed(button) {
        button.disabled = true;
        try {
            await post(button.dataset.post, []);
            openTalk(button.dataset.then);
        } catch (failure) {
            const error = button.closest("form").querySelector("[data-error]");
            error.textContent = failure.message;
            error.hidden = false;
            button.disabled = false;
        }
    }

    async function earlier(button) {
        const entries = inTalk("[data-entries]");
        const first = entries.querySelector("[data-message]");
        const scroll = inTalk("[data-scroll]");
        const height = scroll.scrollHeight;
        button.disabled = true;
        try {
            const found = await told(await fetched(`${button.dataset.earlier}?message=${first.dataset.message}`));
            entries.insertAdjacentHTML("afterbegin", found.html);
            scroll.scrollTop += scroll.scrollHeight - height;
            button.hidden = !found.is_cut;
        } catch (error) {
            say(error.message);
        }
        button.disabled = false;
    }

    function chooseTab(name, value) {
        state[name] = value;
        if (name === "tab") {
            parts.search.value = "";
            for (const tab of desk.querySelectorAll("[data-tab-of]")) {
                tab.setAttribute("aria-selected", String(tab.dataset.tabOf === value));
            }
        } else {
            for (const chip of desk.querySelectorAll("[data-scope-of]")) {
                chip.setAttribute("aria-pressed", String(chip.dataset.scopeOf === value));
                chip.classList.toggle("is-on", chip.dataset.scopeOf === value);
            }
        }
        askNow();
    }

    function clicked(event) {
        const target = event.target;
        const find = (selector) => target.closest(selector);
        const row = find("a[data-inquiry]");
        if (row && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
            event.preventDefault();
            openTalk(row.href);
        } else if (find("[data-tab-of]")) {
            chooseTab("tab", find("[data-tab-of]").dataset.tabOf);
        } else if (find("[data-scope-of]")) {
            chooseTab("scope", find("[data-scope-of]").dataset.scopeOf);
        } else if (find("[data-back]")) {
            closeTalk();
        } else if (find("[data-side]")) {
            desk.classList.toggle("has-side");
        } else if (find("[data-open]")) {
            inTalk(`[data-dialog="${find("[data-open]").dataset.open}"]`).showModal();
        } else if (find("[data-cancel]")) {
            find("dialog").close();
        } else if (find("[data-post]")) {
            pressed(find("[data-post]"));
        } else if (find("[data-earlier]")) {
            earlier(find("[data-earlier]"));
        }
    }

    function arrowInTabs(event) {
        const tab = event.target.closest("[data-tab-of]");
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (tab && step && !event.altKey) {
            const tabs = [...desk.querySelectorAll("[data-tab-of]")];
            const chosen = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
            chosen.focus();
            chooseTab("tab", chosen.dataset.tabOf);
        }
    }

    desk.addEventListener("click", clicked);
    desk.addEventListener("submit", (event) => {
        if (event.target.matches("[data-search]")) {
            event.preventDefault();
            askNow();
        } else if (event.target.matches("[data-form]")) {
            event.preventDefault();
            send();
        } else if (event.target.matches("[data-do]")) {
            event.preventDefault();
            submit(event.target);
        }
    });
    desk.addEventListener("input", (event) => {
        if (event.target === parts.search) {
            // one question when the typing rests
            window.clearTimeout(state.timer);
            state.asking++;
            state.timer = window.setTimeout(askNow, 250);
        } else if (event.target.matches("[data-text]")) {
            keepDraft(state.talk.inquiry, event.target.value);
            grow(event.target);
            showReplies(event.target);
        }
    });
    desk.addEventListener("change", (event) => {
        if (event.target.matches("[data-file]")) {
            addFiles([...event.target.files]);
            event.target.value = "";
        }
    });
    desk.addEventListener("paste", (event) => {
        if (event.target.matches("[data-text]") && event.clipboardData.files.length) {
            event.preventDefault();
            addFiles([...event.clipboardData.files]);
        }
    });
    desk.addEventListener("dragover", (event) => {
        if (inTalk("[data-form]") && event.target.closest("[data-talk]")) {
            event.preventDefault();
        }
    });
    desk.addEventListener("drop", (event) => {
        if (inTalk("[data-form]") && event.target.closest("[data-talk]") && event.dataTransfer.files.length) {
            event.preventDefault();
            addFiles([...event.dataTransfer.files]);
        }
    });
    document.addEventListener("keydown", (event) => {
        if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
            event.preventDefault();
            next(event.key === "ArrowDown" ? 1 : -1);
        } else if (event.target.matches && event.target.matches("[data-text]")) {
            keyInAnswer(event, event.target);
        } else {
            arrowInTabs(event);
        }
    });
    document.addEventListener("visibilitychange", () => {
        if (document.hidden) {
            window.clearTimeout(state.timer);
        } else {
            ask();
        }
    });
    window.addEventListener("offline", () => {
        parts.offline.hidden = false;
    });
    window.addEventListener("online", askNow);
    window.addEventListener("popstate", () => {
        if (window.location.pathname === desk.dataset.home) {
            state.talk = null;
            parts.talk.replaceChildren(parts.empty.content.cloneNode(true));
            desk.classList.remove("has-talk", "has-side");
            markRow();
        } else {
            openTalk(window.location.pathname, { isBack: true });
        }
    });

    if (state.talk) {
        prepareTalk();
    }
    window.setInterval(tick, 1000);
    tick();
    ask();
})();
