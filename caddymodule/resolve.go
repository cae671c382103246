package caddymodule

import (
	"fmt"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolve replaces the placeholders of a required setting. An unset variable is
// an empty value to Caddy, and an unreadable file too: here both are errors.
func resolve(what, value string) (string, error) {
	if value == "" {
		return "", fmt.Errorf("%s is missing; it is required", what)
	}
	resolved, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err == nil {
		return resolved, nil
	}
	for _, name := range variables(value) {
		if os.Getenv(name) == "" {
			return "", fmt.Errorf("%s: the environment variable %s is not set; set it for the service that runs onesgate", what, name)
		}
	}
	if name, ok := placeholder(value, "file."); ok {
		return "", fmt.Errorf("%s: the file %s is missing, empty or not readable for the service that runs onesgate", what, name)
	}
	// Caddy's own error quotes the value, which may be a secret.
	return "", fmt.Errorf("%s: a placeholder in it can't be resolved; write {env.NAME} or {file./path}", what)
}

// resolveOr is resolve for a setting that may be left out.
func resolveOr(what, value, otherwise string) (string, error) {
	if value == "" {
		return otherwise, nil
	}
	return resolve(what, value)
}

// resolveAll is resolve for a list, and leaves that as it is.
func resolveAll(what string, values []string) ([]string, error) {
	if values == nil {
		return nil, nil
	}
	resolved := make([]string, len(values))
	for i, value := range values {
		var err error
		if resolved[i], err = resolveOr(what, value, ""); err != nil {
			return nil, err
		}
	}
	return resolved, nil
}

// variables returns the names of the environment variables in a value.
func variables(value string) (names []string) {
	for _, part := range strings.Split(value, "{env.")[1:] {
		if name, _, closed := strings.Cut(part, "}"); closed {
			names = append(names, name)
		}
	}
	return names
}

// placeholder returns the name in a value that is one placeholder and nothing else.
func placeholder(value, kind string) (string, bool) {
	inner, opened := strings.CutPrefix(value, "{"+kind)
	name, closed := strings.CutSuffix(inner, "}")
	return name, opened && closed && !strings.ContainsAny(name, "{}")
}
