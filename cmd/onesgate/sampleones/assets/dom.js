// Making elements. Text is always text: nothing from outside is read as HTML.

export const $ = (id) => document.getElementById(id);

// el makes an element; properties beginning with "data-" or "aria-", and role, become attributes.
export function el(tag, properties = {}, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		if (value === undefined || value === null) continue;
		if (name === "role" || /^(data|aria)-/.test(name)) node.setAttribute(name, value);
		else node[name] = value;
	}
	node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
	return node;
}

// localLink keeps a link within this site or, where allowed, on https; else it is undefined.
export function safeLink(address, { https = false } = {}) {
	try {
		const url = new URL(address, location.origin);
		if (url.origin === location.origin || (https && url.protocol === "https:")) return url.href;
	} catch { /* not an address */ }
	return undefined;
}
