// The page of a job: asks for its figures every second while it is under way, and fetches the report at the end.
"use strict";

const EVERY = 1000;
const AFTER_FAILURE = 5000;
const page = document.getElementById("job");

function part(name) {
    return page.querySelector(`[data-${name}]`);
}

function show(figures) {
    for (const [key, text] of Object.entries(figures.counts)) {
        page.querySelector(`[data-count="${key}"]`).textContent = text;
    }
    part("state").textContent = figures.state_label;
    part("state").className = `crm-badge is-${figures.state_kind}`;
    part("step").textContent = figures.step;
    // with a maximum of 0 the element would show a full bar
    part("progress").max = figures.total || 1;
    part("progress").value = figures.passed;
    part("waits").hidden = !figures.waits_for_worker;
    part("finished").textContent = figures.finished;
}

function end() {
    part("progress").hidden = true;
    part("cancel").remove();
    fetch(window.location.href)
        .then((answer) => answer.text())
        .then((text) => {
            const whole = new DOMParser().parseFromString(text, "text/html");
            document.getElementById("job-report").replaceWith(whole.getElementById("job-report"));
        })
        .catch(() => window.location.reload());
}

function ask() {
    fetch(page.dataset.url, { headers: { Accept: "application/json" } })
        .then((answer) => {
            if (answer.redirected || answer.status === 403 || answer.status === 404) {
                // signed out, or no longer allowed: the server tells it on the page itself
                window.location.reload();
                return null;
            }
            if (!answer.ok) {
                throw new Error(String(answer.status));
            }
            return answer.json();
        })
        .then((figures) => {
            if (!figures) {
                return;
            }
            part("offline").hidden = true;
            show(figures);
            if (figures.is_under_way) {
                window.setTimeout(ask, EVERY);
            } else {
                end();
            }
        })
        .catch(() => {
            part("offline").hidden = false;
            window.setTimeout(ask, AFTER_FAILURE);
        });
}

if (page && page.dataset.underWay === "1") {
    window.setTimeout(ask, EVERY);
}
