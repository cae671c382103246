// Judges scripts of PowerShell on standard input by the grammar that VS Code has for it,
// and by those rules of PSScriptAnalyzer that can be told from the syntax. Whatever isn't
// right is a line on standard output; all commands with their parameters follow as JSON.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const library = require("@vscode/tree-sitter-wasm");
const wasm = dirname(require.resolve("@vscode/tree-sitter-wasm"));
await library.Parser.init({ locateFile: (name) => join(wasm, name) });
const language = await library.Language.load(join(wasm, "tree-sitter-powershell.wasm"));
const parser = new library.Parser();
parser.setLanguage(language);

const text = readFileSync(0, "utf8");
const tree = parser.parse(text);
const wrong = (node, rule) => console.log(`${node.startPosition.row + 1}: ${rule}: ${node.text.slice(0, 80)}`);

const commands = [];
const walk = (node) => {
	if (node.isError || node.isMissing) wrong(node, "syntax");
	if (node.type === "command") commands.push(judge(node));
	if (node.type === "comment" && !/^# /.test(node.text)) wrong(node, "a comment begins with # and a space");
	for (const child of node.children) walk(child);
};

// A command is Verb-Noun (no alias), and each of its arguments has the name of its parameter
// (no positional ones).
function judge(command) {
	const name = command.childForFieldName("command_name")?.text ?? "";
	if (!/^[A-Z][a-z]+-[A-Z][A-Za-z]+$/.test(name)) wrong(command, "no Verb-Noun");
	if (/^(Write-Host|Invoke-Expression|Remove-|Clear-)/.test(name)) wrong(command, "not such a command");
	const told = { name, line: command.startPosition.row + 1, parameters: {}, splatted: [] };
	let parameter = "";
	for (const part of command.childForFieldName("command_elements")?.namedChildren ?? []) {
		if (part.type === "command_argument_sep") continue;
		if (part.type === "command_parameter") {
			parameter = part.text.replace(/^-/, "").replace(/:$/, "");
			told.parameters[parameter] = true;
		} else if (part.text.startsWith("@") && !part.text.startsWith("@(")) {
			told.splatted.push(part.text.slice(1));
		} else if (parameter) {
			told.parameters[parameter] = part.text;
			parameter = "";
		} else wrong(part, "an argument without its parameter");
	}
	return told;
}

walk(tree.rootNode);
text.split("\n").forEach((line, i) => {
	if (/\s$/.test(line)) console.log(`${i + 1}: white space at the end`);
	if (/[^\x20-\x7e]/.test(line)) console.log(`${i + 1}: not ASCII`);
});

// Variables that are set are used.
const count = new Map();
const assigned = new Set();
const variables = (node) => {
	if (node.type === "variable") count.set(node.text, (count.get(node.text) ?? 0) + 1);
	if (node.type === "left_assignment_expression") assigned.add(node.text.trim());
	for (const child of node.children) variables(child);
};
variables(tree.rootNode);
for (const name of assigned) {
	const uses = (count.get(name) ?? 0) + commands.filter((c) => c.splatted.includes(name.slice(1))).length;
	const sets = text.split("\n").filter((line) => line.trim().startsWith(`${name} =`)).length;
	if (uses <= sets) console.log(`${name} is set, but not used`);
}
console.log(JSON.stringify(commands));
