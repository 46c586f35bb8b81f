// The bell of the header: asks how many are unread while the page is in sight, and opens the newest under it.
(function () {
  "use strict";

  var bell = document.getElementById("bell");
  if (!bell) {
    return;
  }
  var EVERY = 20000;
  var count = bell.querySelector("[data-count]");
  var newest = bell.querySelector("[data-newest]");
  var waiting = newest.innerHTML;
  var timer = 0;

  function get(url) {
    return fetch(url, { headers: { "X-Requested-With": "bell" } }).then(function (answer) {
      if (answer.redirected || !answer.ok) {
        // signed out, or the server restarts: the page says so itself at the next click
        throw new Error(String(answer.status));
      }
      return answer;
    });
  }

  function show(unread) {
    count.textContent = unread;
    count.hidden = unread === "";
  }

  function ask() {
    window.clearTimeout(timer);
    if (document.hidden) {
      return;
    }
    get(bell.dataset.unreadUrl)
      .then(function (answer) {
        return answer.json();
      })
      .then(function (told) {
        if (bell.open && told.unread !== count.textContent) {
          open();
        }
        show(told.unread);
      })
      .catch(function () {})
      .then(function () {
        window.clearTimeout(timer);
        timer = window.setTimeout(ask, EVERY);
      });
  }

  function open() {
    get(bell.dataset.newestUrl)
      .then(function (answer) {
        return answer.text();
      })
      .then(function (list) {
        newest.innerHTML = list;
      })
      .catch(function () {
        newest.innerHTML = waiting;
        newest.querySelector("[data-wait]").hidden = true;
        newest.querySelector("[data-lost]").hidden = false;
        window.setTimeout(function () {
          if (bell.open) {
            open();
          }
        }, 5000);
      });
  }

  bell.addEventListener("toggle", function () {
    if (bell.open) {
      open();
    }
  });

  document.addEventListener("click", function (event) {
    if (!bell.contains(event.target)) {
      bell.open = false;
    }
  });

  bell.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && bell.open) {
      bell.open = false;
      bell.querySelector("summary").focus();
    }
  });

  document.addEventListener("visibilitychange", ask);
  timer = window.setTimeout(ask, EVERY);
})();
