// A page of work under way (a job, an import, a broadcast): asks every second how far it is until it is over.
// [data-progress-url] stands on it while it moves, and answers {is_moving, done, total, texts, state_kind}. A text goes
// where [data-text] names it. At the end what is marked [data-at-end] is replaced by what the page has there then.
"use strict";

const EVERY = 1000;
const AFTER_FAILURE = 5000;
const page = document.querySelector("[data-progress-url]");

function show(figures) {
    for (const [name, text] of Object.entries(figures.texts)) {
        const place = page.querySelector(`[data-text="${name}"]`);
        if (place && place.textContent !== text) {
            place.textContent = text;
            place.parentElement.toggleAttribute("data-zero", text === "0");
        }
    }
    const badge = page.querySelector("[data-text=state]");
    if (badge && figures.state_kind) {
        badge.className = `crm-badge is-${figures.state_kind}`;
    }
    const bar = page.querySelector("progress");
    // with a maximum of 0 the element would show a full bar
    bar.max = figures.total || 1;
    bar.value = figures.done;
}

async function end() {
    const old = page.querySelectorAll("[data-at-end]");
    if (!old.length) {
        return;
    }
    const answer = await fetch(window.location.href);
    const whole = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of old) {
        part.replaceWith(...[whole.getElementById(part.id)].filter(Boolean));
    }
}

async function ask() {
    const answer = await fetch(page.dataset.progressUrl, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 403 || answer.status === 404) {
        // signed out, or no longer allowed: the server tells it on the page itself
        window.location.reload();
        return;
    }
    if (!answer.ok) {
        throw new Error(String(answer.status));
    }
    const figures = await answer.json();
    page.querySelector("[data-offline]").hidden = true;
    show(figures);
    if (figures.is_moving) {
        askIn(EVERY);
    } else {
        end().catch(() => window.location.reload());
    }
}

function askIn(pause) {
    window.setTimeout(() => {
        if (document.hidden) {
            document.addEventListener("visibilitychange", () => askIn(0), { once: true });
            return;
        }
        ask().catch(() => {
            page.querySelector("[data-offline]").hidden = false;
            askIn(AFTER_FAILURE);
        });
    }, pause);
}

if (page) {
    askIn(EVERY);
}
