package support

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Members of JSON whose values are never in a bundle; or only another name for them.
var (
	secretMembers = []string{
		"token", "secret", "password", "passphrase", "client_secret", "access_token", "refresh_token", "id_token", "authorization", "cookie", "set-cookie",
		"x-ones-assertion", "assertion",
	}
	contentMembers = []string{"subject", "body", "attendees", "comment", "external_id", "web_link"}
	nameMembers    = []string{"email", "mail", "mailbox", "display_name", "card_number", "person_name", "person_email", "from", "remote_ip", "client_ip", "remote_addr"}
	// idMembers hold user ids, which not every issuer gives the same form. An owner may be
	// a room, too.
	idMembers = []string{"user", "users", "into", "other", "pinned", "account", "owner", "person_id", "shared_cards"}
	// personMembers are those of somebody, whose name is one of a person then.
	personMembers = []string{"email", "mail", "card_number", "first_seen", "person_id"}
)

// ownerIsRoom is what the owner of the grant by which a room is seen begins with.
const ownerIsRoom = "room:"

// address is that of a mailbox, in whatever domain.
var address = regexp.MustCompile(`^[^\s@<>]+@[^\s@<>]+$`)

// JSON redacts a document of the gateway's: by what its members are called, and in what
// is left as Text does.
func (r *Redaction) JSON(document []byte) ([]byte, error) {
	return rewrite(document, func(v any) any { return r.member("", v, false) })
}

func (r *Redaction) member(name string, v any, person bool) any {
	name = strings.ToLower(name)
	switch v := v.(type) {
	case map[string]any:
		is := name == "organizer" || slices.ContainsFunc(personMembers, func(m string) bool { _, has := v[m]; return has })
		all := map[string]any{}
		for key, value := range v {
			inside := key
			if name == "organizer" && key == "id" {
				inside = "person_id"
			}
			all[r.Text(key)] = r.member(inside, value, is)
		}
		return all
	case []any:
		for i := range v {
			v[i] = r.member(name, v[i], person)
		}
		return v
	case string:
		switch {
		case v == "":
			return v
		case slices.Contains(secretMembers, name), slices.Contains(contentMembers, name):
			return Redacted
		case slices.Contains(nameMembers, name) && address.MatchString(v):
			return r.name("mail", v)
		case slices.Contains(nameMembers, name), person && name == "name":
			return r.name("name", v)
		case slices.Contains(idMembers, name) && !strings.HasPrefix(v, ownerIsRoom):
			return r.name("user", v)
		}
		return r.Text(v)
	}
	return v
}

// configMembers are those of a configuration whose texts are in a bundle. All others may
// hold anything, such as a header with a password.
var configMembers = []string{
	// Caddy's
	"listen", "handler", "module", "host", "path", "method", "methods", "protocols", "group", "dial", "strip_path_prefix", "output", "filename",
	"format", "filter", "type", "parameter", "level", "include", "exclude", "logger_names", "default_logger_name", "issuers", "subjects", "policy",
	"trusted_proxies", "ranges", "source", "logger_name", "disable",
	// ours
	"admins", "address", "allow_groups", "assertion_audience", "booking_window", "card_format", "card_number", "check_in", "client_id",
	"color", "default_groups", "forget_after", "issuer", "graph", "login_button", "map_groups", "max_duration", "min_free", "mode", "name", "on_decline",
	"operator", "public", "public_url", "scopes", "tenant_id", "time_zone", "timeout", "title",
}

// placeholders are of Caddy's, and name where a value is; a path may follow.
var placeholders = regexp.MustCompile(`^(\{(env|file|system|http|ones)\.[^{}]*\}(/[\w.-]{1,30})*)+$`)

// Config redacts a configuration of Caddy's, in JSON: its texts are left out, but for
// placeholders and those that are known to be no secrets.
func (r *Redaction) Config(document []byte) ([]byte, error) {
	return rewrite(document, func(v any) any { return r.setting("", v) })
}

func (r *Redaction) setting(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		all := map[string]any{}
		for key, value := range v {
			inside := key
			if name == "map_groups" { // whose members are the directory's groups
				inside = name
			}
			all[r.Text(key)] = r.setting(inside, value)
		}
		return all
	case []any:
		for i := range v {
			v[i] = r.setting(name, v[i])
		}
		return v
	case string:
		switch {
		case v == "", placeholders.MatchString(v):
			return v
		case slices.Contains(configMembers, name):
			return r.Text(v)
		}
		return Redacted
	}
	return v
}

func rewrite(document []byte, change func(any) any) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(change(v)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
