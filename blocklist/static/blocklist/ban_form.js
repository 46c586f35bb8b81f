// The form of a ban: the advice for the chosen type instead of all, and the last day only where a date is chosen.
// Without this file everything stands there at once.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const type = document.querySelector("select[name=type]");
    const advices = document.querySelector("[data-advices]");
    if (type && advices) {
        const show = () => {
            for (const advice of advices.querySelectorAll("[data-advice]")) {
                advice.hidden = Boolean(type.value) && advice.dataset.advice !== type.value;
            }
            advices.open = Boolean(type.value);
        };
        type.addEventListener("change", show);
        show();
    }

    const duration = document.querySelector("select[name=duration]");
    const day = document.querySelector("input[name=last_day]");
    const field = day && day.closest(".group");
    if (duration && field) {
        const show = () => {
            field.hidden = duration.value !== "date" && !day.value;
        };
        duration.addEventListener("change", show);
        show();
    }
});
