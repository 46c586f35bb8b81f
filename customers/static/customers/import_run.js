// The page of an import: asks every second how far it is, and loads the page anew when it is over.
(function () {
  "use strict";

  var page = document.getElementById("import-run");
  if (!page || page.dataset.moving !== "1") {
    return;
  }
  var EVERY = 1000;
  var AFTER_FAILURE = 5000;

  function part(name) {
    return page.querySelector("[data-" + name + "]");
  }

  function show(progress) {
    part("step").textContent = progress.step;
    // an element without a maximum shows that something goes on, with 0 it would show a full bar
    part("progress").max = progress.total || 1;
    part("progress").value = progress.done;
    part("waits").hidden = !progress.waits;
  }

  function ask() {
    fetch(page.dataset.url, { headers: { Accept: "application/json" } })
      .then(function (answer) {
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
      .then(function (progress) {
        if (!progress) {
          return;
        }
        part("offline").hidden = true;
        if (!progress.is_moving) {
          window.location.reload();
          return;
        }
        show(progress);
        window.setTimeout(ask, EVERY);
      })
      .catch(function () {
        part("offline").hidden = false;
        window.setTimeout(ask, AFTER_FAILURE);
      });
  }

  window.setTimeout(ask, EVERY);
})();
