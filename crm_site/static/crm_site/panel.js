// The key "/" goes to the customer search of the header, on every page.
"use strict";

window.addEventListener(
    "keydown",
    (event) => {
        const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
        if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const search = document.getElementById("customer-search");
        if (search) {
            event.preventDefault();
            event.stopImmediatePropagation();
            search.focus();
            search.select();
        }
    },
    true,
);

// A choice in the filter bar takes effect at once, and empty fields stay out of the address.
document.addEventListener("change", (event) => {
    const bar = event.target.closest("#customer-filters");
    if (bar) {
        bar.requestSubmit();
    }
});

document.addEventListener("submit", (event) => {
    if (event.target.id === "customer-filters") {
        for (const field of event.target.elements) {
            field.disabled = field.disabled || field.value === "";
        }
    }
});
