package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// loadEnvFiles sets the variables that files name, as --envfile of Caddy's own commands
// does: what is set already stays as it is.
func loadEnvFiles(files []string) error {
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("--envfile: %w", err)
		}
		vars, err := readEnv(f)
		_ = f.Close() // only read
		if err != nil {
			return fmt.Errorf("--envfile %s: %w", file, err)
		}
		for name, value := range vars {
			if _, set := os.LookupEnv(name); set {
				continue
			}
			if err := os.Setenv(name, value); err != nil {
				return fmt.Errorf("--envfile %s: %w", file, err)
			}
		}
	}
	return nil
}

// readEnv reads lines of NAME=VALUE exactly as Caddy does (parseEnvFile of its package
// cmd, which has it for itself), so that a command sees what the gateway sees. Its errors
// repeat no value, which may be a secret.
func readEnv(from io.Reader) (map[string]string, error) {
	vars := map[string]string{}
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimPrefix(name, "export ")
		if !ok || name == "" || strings.Contains(name, " ") || strings.HasPrefix(value, " ") || strings.HasPrefix(value, "\t") {
			return nil, fmt.Errorf("line %d is not NAME=VALUE, with no space around the =", n)
		}
		if before, _, comment := strings.Cut(value, "#"); comment {
			value = strings.TrimRight(before, " \t")
		}
		if value != "" && strings.ContainsRune(`"'`, rune(value[0])) {
			quote := value[:1]
			for !strings.HasSuffix(line, quote) || strings.HasSuffix(line, `\`+quote) {
				value = strings.ReplaceAll(value, `\`+quote, quote)
				if !lines.Scan() {
					break
				}
				n++
				line = strings.ReplaceAll(lines.Text(), `\`+quote, quote)
				value += "\n" + line
			}
			value = strings.TrimSuffix(strings.TrimPrefix(value, quote), quote)
		}
		vars[name] = value
	}
	return vars, lines.Err()
}
