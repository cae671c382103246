// Keeps the status page fresh, and copies what is to be pasted elsewhere. Without it the
// page is reloaded by hand, and what is to be copied is marked first.
"use strict";
(() => {
	const every = 5000, patience = 10000, slowest = 60000;

	// What a browser can't do without a script is hidden until there is one.
	const show = root => root.querySelectorAll("[data-copy]").forEach(button => { button.hidden = false; });
	show(document);

	document.addEventListener("click", async event => {
		const button = event.target.closest("[data-copy]");
		if (!button) return;
		const code = button.parentElement.querySelector("code");
		try {
			await navigator.clipboard.writeText(code.textContent);
			say("Copied.");
			button.firstChild.data = "Copied";
			setTimeout(() => { button.firstChild.data = "Copy"; }, 2000);
		} catch {
			getSelection().selectAllChildren(code);
			say("Marked. Copy it with the keyboard.");
		}
	});

	const said = document.getElementById("said");
	const say = text => { if (said) said.textContent = text; };

	const bar = document.getElementById("live");
	if (!bar) return;
	const words = document.getElementById("live-says"), pause = document.getElementById("pause");
	bar.hidden = false;

	// The parts that change, as the gateway has told them last.
	const parts = new Map();
	document.querySelectorAll("[data-live]").forEach(part => parts.set(part.id, part.outerHTML));

	const busy = part => {
		const selected = getSelection();
		return part.contains(document.activeElement) ||
			!selected.isCollapsed && part.contains(selected.anchorNode);
	};

	const take = page => {
		const before = document.getElementById("problems").dataset.count;
		for (const fresh of page.querySelectorAll("[data-live]")) {
			const part = document.getElementById(fresh.id), html = fresh.outerHTML;
			// Whoever is at a part of the page, with the keyboard or the mouse, keeps it.
			if (!part || html === parts.get(fresh.id) || busy(part)) continue;
			parts.set(fresh.id, html);
			show(fresh);
			part.replaceWith(document.importNode(fresh, true));
		}
		const count = document.getElementById("problems").dataset.count;
		if (count !== before) say(count === "1" ? "1 problem now." : count + " problems now.");
	};

	let paused = false, wait = every, timer;
	const later = () => { clearTimeout(timer); if (!paused) timer = setTimeout(refresh, wait); };

	const refresh = async () => {
		if (document.hidden) return later();
		try {
			const answer = await fetch(location.pathname, {
				headers: { Accept: "text/html" }, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(patience),
			});
			if (answer.status === 401 || answer.status === 403) {
				paused = true;
				pause.hidden = true;
				words.textContent = "Not refreshed any more: your session has ended. Reload the page.";
				say(words.textContent);
				return;
			}
			if (!answer.ok) throw new Error(answer.status);
			take(new DOMParser().parseFromString(await answer.text(), "text/html"));
			wait = every;
			words.textContent = "Refreshed every 5 seconds.";
		} catch {
			wait = Math.min(2 * wait, slowest);
			words.textContent = "The gateway gives no answer; trying again.";
		}
		later();
	};

	pause.addEventListener("click", () => {
		paused = !paused;
		pause.textContent = paused ? "Go on" : "Pause";
		words.textContent = paused ? "Paused." : "Refreshed every 5 seconds.";
		if (paused) clearTimeout(timer); else refresh();
	});
	document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) { clearTimeout(timer); refresh(); } });
	later();
})();
