// The anonymous page: one button for each integration, labelled by its operator.

import { el, $, safeLink } from "./dom.js";

const response = await fetch("/.ones/integrations", { headers: { Accept: "application/json" } }).catch(() => null);
const { integrations = [] } = response?.ok ? await response.json().catch(() => ({})) : {};
const buttons = integrations.flatMap(({ name, label, login_url: address }) => {
	const href = safeLink(address);
	if (!href) return [];
	const url = new URL(href);
	url.searchParams.set("return_to", "/");
	return [el("a", { className: "button", href: url.pathname + url.search, "data-integration": name }, label || name)];
});
// With several the first keeps the id that stands in the page.
if (buttons.length > 0) {
	buttons[0].id = "sign-in";
	$("ways").replaceChildren(...buttons);
}
