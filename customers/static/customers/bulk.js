// The page of a bulk action: whoever changes an answer sees at once who would be refused then.
"use strict";

document.addEventListener("change", (event) => {
    const form = event.target.closest("#bulk-form");
    if (!form) {
        return;
    }
    const answers = new FormData(form);
    answers.set("preview", "yes");
    fetch(form.action, { method: "POST", body: answers })
        .then((answer) => (answer.ok && !answer.redirected ? answer.text() : null))
        .then((counts) => {
            if (counts !== null) {
                document.getElementById("bulk-forecast").innerHTML = counts;
            }
        })
        .catch(() => {}); // the counts stay those of the first look; the report has the exact ones
});
